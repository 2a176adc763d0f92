#include "dedupe/loaded_rows_pg.hpp"

#include "pg/encoding.hpp"
#include "pg/function.hpp"
#include "pg/query_rows.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <utils/array.h>
#include <utils/fmgrprotos.h>
#include <utils/memutils.h>
#include <utils/uuid.h>
}

#include <algorithm>
#include <cstring>

namespace etl::dedupe {
namespace {

loaded_rows* all_loaded = nullptr;
std::int64_t last_handle = 0;

constexpr int first_value = 4; // side, id, in_a and in_b come before

[[noreturn]] void refuse_columns()
{
    throw error(sqlstate::datatype_mismatch, "the query for the rows of a match has other columns than it must have");
}

bool is_id(Oid type) noexcept
{
    return type == INT2OID || type == INT4OID || type == INT8OID || type == UUIDOID || type == TEXTOID;
}

// Takes the rows: side, id, in_a, in_b, v1, …, k1, …
class row_loader final : public pg::row_receiver {
  public:
    row_loader(loaded_rows& to, std::size_t budget) : to_{to}, budget_{budget} {}

    void columns(TupleDesc row) override
    {
        const auto rules = to_.windows();
        const std::size_t values = first_value + to_.types().size();
        if (static_cast<std::size_t>(row->natts) != values + rules.size() || type_of(row, 0) != INT4OID ||
            !is_id(type_of(row, 1)) || type_of(row, 2) != BOOLOID || type_of(row, 3) != BOOLOID) {
            refuse_columns();
        }
        for (std::size_t i = 0; i < to_.types().size(); ++i) {
            if (type_of(row, first_value + i) != (to_.types()[i] == value_type::text ? TEXTOID : FLOAT8OID)) {
                refuse_columns();
            }
        }
        key_types_.clear();
        for (std::size_t i = 0; i < rules.size(); ++i) {
            const Oid type = type_of(row, values + i);
            if (rules[i] != 0 ? type != INT8OID : type != UUIDOID && type != UUIDARRAYOID) {
                refuse_columns();
            }
            key_types_.push_back(type);
        }
        id_type_ = type_of(row, 1);
    }

    bool row(TupleTableSlot* slot) override
    {
        match_rows& rows = to_.candidates().rows();
        const row_number number = rows.size();
        const MemoryContext old = MemoryContextSwitchTo(values_.get());
        add_row(slot);
        std::size_t column = first_value;
        for (std::size_t i = 0; i < to_.types().size(); ++i, ++column) {
            rows.add_value(i, slot->tts_isnull[column] ? match_value{}
                                                       : value_of(to_.types()[i], slot->tts_values[column]));
        }
        for (std::size_t i = 0; i < key_types_.size(); ++i, ++column) {
            if (!slot->tts_isnull[column]) {
                add_keys(to_.candidates().rules()[i], number, key_types_[i], slot->tts_values[column]);
            }
        }
        MemoryContextSwitchTo(old);
        if (number % rows_kept == rows_kept - 1) {
            values_.reset();
            fits_ = to_.candidates().memory_bytes() <= budget_;
        }
        return fits_;
    }

    bool fits() const noexcept { return fits_; }

  private:
    static constexpr row_number rows_kept = 1024;

    static Oid type_of(TupleDesc row, std::size_t column) noexcept
    {
        return TupleDescAttr(row, static_cast<int>(column))->atttypid;
    }

    void add_row(const TupleTableSlot* slot)
    {
        const Datum* values = slot->tts_values;
        if (std::any_of(slot->tts_isnull, slot->tts_isnull + first_value, [](bool is_null) { return is_null; })) {
            throw error(sqlstate::null_value_not_allowed, "a row of a match has no id", {},
                        "Name a column in \"id\" that is never NULL, as the primary key is.");
        }
        match_rows& rows = to_.candidates().rows();
        const row_sides sides = {DatumGetInt32(values[0]) != 0, DatumGetBool(values[2]), DatumGetBool(values[3])};
        switch (id_type_) {
        case INT2OID:
            return rows.add(std::int64_t{DatumGetInt16(values[1])}, sides);
        case INT4OID:
            return rows.add(std::int64_t{DatumGetInt32(values[1])}, sides);
        case INT8OID:
            return rows.add(DatumGetInt64(values[1]), sides);
        case UUIDOID:
            return rows.add(std::string_view{pg::call([id = values[1]] {
                                return static_cast<const char*>(DatumGetCString(DirectFunctionCall1(uuid_out, id)));
                            })},
                            sides);
        default:
            return rows.add(text_of(values[1]), sides);
        }
    }

    static std::string_view text_of(Datum value)
    {
        return pg::varlena_text(pg::call([value] { return PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)); }));
    }

    static match_value value_of(value_type type, Datum value)
    {
        return type == value_type::text ? match_value::of(pg::as_utf8(text_of(value)))
                                        : match_value::of(DatumGetFloat8(value));
    }

    static void add_keys(match_blocks& rule, row_number row, Oid type, Datum value)
    {
        if (type == INT8OID) {
            return rule.add_place(row, DatumGetInt64(value));
        }
        if (type == UUIDOID) {
            return rule.add_key(row, half_of_key(value));
        }
        auto* keys = pg::call([value] { return DatumGetArrayTypeP(value); });
        if (ARR_HASNULL(keys)) {
            throw error(sqlstate::null_value_not_allowed, "an array of block keys has a NULL");
        }
        const auto* at = reinterpret_cast<const pg_uuid_t*>(ARR_DATA_PTR(keys));
        const int count = ArrayGetNItems(ARR_NDIM(keys), ARR_DIMS(keys));
        for (int i = 0; i < count; ++i) {
            rule.add_key(row, half_of_key(UUIDPGetDatum(&at[i])));
        }
    }

    loaded_rows& to_;
    std::size_t budget_;
    bool fits_ = true;
    Oid id_type_ = InvalidOid;
    std::vector<Oid> key_types_;
    pg::scratch_context values_;
};

} // namespace

std::uint64_t half_of_key(Datum uuid) noexcept
{
    std::uint64_t half = 0;
    std::memcpy(&half, DatumGetUUIDP(uuid)->data, sizeof half);
    return half;
}

loaded_rows::loaded_rows(MemoryContext own, std::span<const value_type> types, std::span<const std::uint32_t> windows,
                         bool links)
    : own_{own}, memory_{own}, candidates_{types, windows, links, &memory_}, types_{types.begin(), types.end(),
                                                                                    &memory_},
      windows_{windows.begin(), windows.end(), &memory_}, user_{GetUserId()}, handle_{++last_handle}, next_{all_loaded}
{
    all_loaded = this;
}

loaded_rows::~loaded_rows()
{
    loaded_rows** at = &all_loaded;
    while (*at != this) {
        at = &(*at)->next_;
    }
    *at = next_;
}

loaded_rows& loaded_rows::make(std::span<const value_type> types, std::span<const std::uint32_t> windows, bool links)
{
    MemoryContext own = pg::call([] {
        return AllocSetContextCreateInternal(CurTransactionContext, "pg_etl rows of a match", ALLOCSET_DEFAULT_SIZES);
    });
    return *pg::construct_in<loaded_rows>(own, own, types, windows, links);
}

loaded_rows& loaded_rows::of(std::int64_t handle)
{
    for (loaded_rows* at = all_loaded; at != nullptr; at = at->next_) {
        if (at->handle_ == handle && at->user_ == GetUserId() && at->is_ready_) {
            return *at;
        }
    }
    throw error(sqlstate::invalid_parameter_value, "no rows are loaded as number " + std::to_string(handle));
}

void loaded_rows::unload() noexcept
{
    MemoryContextDelete(own_); // destroys the object, too
}

bool loaded_rows::fits() const noexcept
{
    return candidates_.memory_bytes() <= pg::match_memory_bytes();
}

bool loaded_rows::reserve(std::int64_t rows)
{
    const double least = static_cast<double>(rows) * static_cast<double>(windows_.size()) * match_blocks::bytes_of_key;
    if (least > static_cast<double>(pg::match_memory_bytes())) {
        return false;
    }
    for (match_blocks& rule : candidates_.rules()) {
        rule.reserve(static_cast<std::size_t>(std::max<std::int64_t>(rows, 0)));
    }
    return fits();
}

bool loaded_rows::load(const std::string& query, std::int64_t rows, std::int64_t max_block)
{
    if (!reserve(rows)) {
        return false;
    }
    const pg::spi_session session;
    row_loader loader{*this, pg::match_memory_bytes()};
    pg::run_query(query, loader);
    if (!loader.fits()) {
        return false;
    }
    candidates_.close(static_cast<std::uint64_t>(max_block), pg::poll);
    is_ready_ = fits();
    return is_ready_;
}

void loaded_rows::require_fit(const match_model& model) const
{
    const auto& comparisons = model.comparisons();
    const bool fit = std::equal(comparisons.begin(), comparisons.end(), types_.begin(), types_.end(),
                                [](const match_comparison& c, value_type type) { return c.levels.type() == type; });
    if (!fit) {
        throw error(sqlstate::invalid_parameter_value, "the match model does not compare what is loaded");
    }
}

} // namespace etl::dedupe
