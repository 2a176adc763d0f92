#include "extract/mapped_rows_pg.hpp"

#include "extract/json_text.hpp"
#include "pg/encoding.hpp"
#include "pg/memory.hpp"
#include "pg/open_table.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <utils/builtins.h>
}

#include <algorithm>

namespace etl {
namespace {

constexpr int own_columns = 2; // ordinal and record, before those of the table

MinimalTuple form_row(TupleDesc shape, Datum* values, bool* nulls)
{
#if PG_VERSION_NUM >= 180000
    return heap_form_minimal_tuple(shape, values, nulls, 0);
#else
    return heap_form_minimal_tuple(shape, values, nulls);
#endif
}

// All that this transaction keeps; what is in it takes itself out when the transaction ends.
std::vector<mapped_rows*> kept;

std::string columns_as_text(TupleDesc shape)
{
    std::string made;
    for (int i = 0; i < shape->natts; ++i) {
        const auto* column = TupleDescAttr(shape, i);
        made += made.empty() ? "" : ", ";
        made += pg::call([column] { return quote_identifier(NameStr(column->attname)); });
        made += ' ';
        made += pg::call([column] { return format_type_with_typemod(column->atttypid, column->atttypmod); });
    }
    return made;
}

// A record of a server that is none of UTF-8: the same JSON in ASCII.
std::string record_for_server(std::string_view record)
{
    return pg::server_speaks_utf8() ? std::string{record} : ascii_json(record);
}

} // namespace

mapped_rows::~mapped_rows()
{
    std::erase(kept, this);
}

const mapped_rows* mapped_rows::last_of(int handle) noexcept
{
    const auto found = std::ranges::find_if(kept, [handle](const mapped_rows* each) {
        return each->order_.handle == handle && each->order_.role == GetUserId();
    });
    return found == kept.end() ? nullptr : *found;
}

const mapped_rows& mapped_rows::of(mapping_order order, std::size_t records, const record_at& record)
{
    order.role = GetUserId();
    const mapped_rows* last = last_of(order.handle);
    if (last != nullptr && last->order_ == order) {
        return *last;
    }
    if (last != nullptr) {
        MemoryContextDelete(last->memory_);
    }
    MemoryContext memory = pg::call(
        [] { return AllocSetContextCreate(TopTransactionContext, "pg_etl mapped rows", ALLOCSET_DEFAULT_SIZES); });
    auto* made = pg::construct_in<mapped_rows>(memory, memory);
    made->order_ = std::move(order);
    const pg::open_table table{made->order_.target};
    made->map(table.get(), records, record);
    kept.push_back(made);
    return *made;
}

void mapped_rows::take_shape(Relation table, const row_input& input)
{
    const pg::within_context memory{memory_};
    shape_ = pg::call([table, &input] {
        TupleDesc made = CreateTemplateTupleDesc(own_columns + static_cast<int>(input.attributes().size()));
        TupleDescInitEntry(made, 1, "ordinal", INT4OID, -1, 0);
        TupleDescInitEntry(made, 2, "record", JSONBOID, -1, 0);
        AttrNumber number = own_columns;
        for (const int attribute : input.attributes()) {
            const auto* from = TupleDescAttr(RelationGetDescr(table), attribute);
            TupleDescInitEntry(made, ++number, NameStr(from->attname), from->atttypid, from->atttypmod, from->attndims);
        }
        return made;
    });
    const auto width = static_cast<std::size_t>(shape_->natts);
    values_.resize(width);
    nulls_ = std::make_unique<bool[]>(width);
}

void mapped_rows::map(Relation table, std::size_t records, const record_at& record)
{
    const auto document = order_.document ? std::optional<std::string_view>{*order_.document} : std::nullopt;
    const mapping rules = mapping_for(table, document);
    row_input input{table, rules};
    record_mapper mapper{rules};
    take_shape(table, input);
    pg::scratch_context scratch;
    const pg::within_context row_memory{scratch.get()};
    pg::soft_batch batch;
    for (std::size_t i = 0; i < records; ++i) {
        const auto ordinal = static_cast<int>(i + 1);
        pg::poll();
        scratch.reset();
        const std::string_view text = record(i);
        try {
            if (auto fault = input.read(mapper.map(text), text, batch)) {
                keep_reject(ordinal, std::move(*fault), text);
            } else {
                keep_row(ordinal, input);
            }
        } catch (const bad_record& e) {
            keep_reject(ordinal, {{}, in_one_line(e.what(), e.detail()), e.sqlstate()}, text);
        }
    }
    batch.finish();
}

void mapped_rows::keep_row(int ordinal, row_input& input)
{
    values_[0] = Int32GetDatum(ordinal);
    nulls_[1] = true;
    std::ranges::copy(input.values(), values_.begin() + own_columns);
    std::copy_n(input.nulls(), input.values().size(), nulls_.get() + own_columns);
    const pg::within_context memory{memory_};
    rows_.push_back(pg::call([this] { return form_row(shape_, values_.data(), nulls_.get()); }));
    ordinals_.push_back(ordinal);
}

void mapped_rows::keep_reject(int ordinal, row_fault why, std::string_view record)
{
    rejects_.push_back({ordinal, std::move(why), record_for_server(record)});
}

void mapped_rows::put(pg::result_set& into, int first, int last) const
{
    std::vector<Oid> types;
    for (int i = 0; i < shape_->natts; ++i) {
        types.push_back(TupleDescAttr(shape_, i)->atttypid);
    }
    pg::require_columns(into.columns(), types, columns_as_text(shape_));
    const auto begin = std::ranges::lower_bound(ordinals_, first);
    const auto end = std::ranges::upper_bound(ordinals_, last);
    for (auto at = begin; at < end; ++at) {
        into.put(rows_[static_cast<std::size_t>(at - ordinals_.begin())]);
    }
}

} // namespace etl
