// etl.top_n_per_key and its like: the scan that sets rows aside (etl._top_parts), and the selection of what it left.
#include "sketch/top_n_parts.hpp"
#include "core/hex.hpp"
#include "pg/calling_expression.hpp"
#include "pg/query_rows.hpp"
#include "pg/spi.hpp"
#include "pg/spill.hpp"
#include "pg/table_writer.hpp"
#include "sketch/key_hash_pg.hpp"
#include "sketch/top_n_pg.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <funcapi.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
#include <utils/tuplestore.h>
}

#include <algorithm>
#include <optional>
#include <vector>

namespace etl {
namespace {

// (state, area, ascending, value, order, keys …)
enum argument { area_argument = 1, ascending_argument, value_argument, order_argument, first_key };

constexpr std::size_t word = sizeof(std::uint64_t);
constexpr std::uint64_t null_key = ~std::uint64_t{0};

constexpr std::size_t words_of(std::size_t bytes) noexcept
{
    return (bytes + word - 1) / word;
}

// The types of a scan, as they go from the workers to the leader. Only processes of one query read them.
struct scanned_types {
    Oid value;
    Oid order;
    Oid collation;
    std::uint32_t ascending;
    std::uint32_t keys; // so many types follow
    std::uint32_t seed; // makes the size a multiple of eight
};
static_assert(sizeof(scanned_types) == 24);

// --- the scan ------------------------------------------------------------------------------------------------------

// What is the same for all rows of a call.
struct row_reader {
    row_reader(pg::arguments args, MemoryContext memory) : hasher{args, first_key, memory}
    {
        const bool ascending = args.get<bool>(ascending_argument);
        collation = pg::argument_collation(args, order_argument);
        kind = pg::call([&] {
            return make_top_kind(args.type(value_argument), args.type(order_argument), collation, ascending, memory);
        });
        for (int i = first_key; i < args.count(); ++i) {
            const Oid type = args.type(i);
            keys.push_back(pg::call([=] { return make_stored_type(type, InvalidOid, memory); }));
        }
        require_exact();
    }

    void require_exact() const
    {
        if (!hasher.is_exact()) {
            throw error(sqlstate::feature_not_supported, "the keys cannot be told apart by their bytes alone",
                        "A key's type or collation lets values be equal that look different.",
                        "Group by the keys instead: SELECT …, etl.top_n(value, by, n) FROM … GROUP BY ….");
        }
    }

    key_hasher hasher;
    Oid collation = InvalidOid;
    const top_kind* kind = nullptr;
    std::vector<stored_type*> keys;
};

// An aggregate's state: rows that are set aside, or chunks of them that came from a worker.
struct setting_aside {
    explicit setting_aside(MemoryContext context) : memory{context}, types{&memory}, chunks{&memory} {}

    pg::context_resource memory;
    std::optional<pg::file_run_store> store;
    std::optional<row_parts> rows;
    std::pmr::vector<std::byte> types;
    part_chunks chunks;
};

setting_aside& state(pg::arguments args, int i)
{
    return *reinterpret_cast<setting_aside*>(DatumGetPointer(args.given(i)));
}

void write_types(std::pmr::vector<std::byte>& to, const row_reader& by)
{
    const scanned_types types{by.kind->value->type,
                              by.kind->order->type,
                              by.kind->order->collation,
                              by.kind->ascending,
                              static_cast<std::uint32_t>(by.keys.size()),
                              0};
    byte_writer writer{to};
    writer.value(types);
    for (const stored_type* key : by.keys) {
        writer.value(key->type);
    }
}

setting_aside& new_state(pg::arguments args, const row_reader& by)
{
    MemoryContext context = pg::require_aggregate(args, "a part of etl._top_parts");
    const auto directory = from_hex(args.get<std::string_view>(area_argument));
    if (!directory) {
        throw error(sqlstate::invalid_parameter_value, "this is no area for temporary files");
    }
    auto* made = pg::construct_in<setting_aside>(context, context);
    made->store.emplace(*directory, context);
    made->rows.emplace(&made->memory, *made->store);
    write_types(made->types, by);
    return *made;
}

std::size_t key_words(const row_reader& by, pg::arguments args, Datum* keys)
{
    std::size_t words = 0;
    for (std::size_t i = 0; i < by.keys.size(); ++i) {
        const int at = first_key + static_cast<int>(i);
        ++words;
        if (!args.is_null(at)) {
            keys[i] = held_value(*by.keys[i], args.datum(at));
            words += words_of(held_size(*by.keys[i], keys[i]));
        }
    }
    return words;
}

// Of each key its size, then its bytes.
void write_keys(const row_reader& by, pg::arguments args, const Datum* keys, std::uint64_t* to)
{
    for (std::size_t i = 0; i < by.keys.size(); ++i) {
        if (args.is_null(first_key + static_cast<int>(i))) {
            *to++ = null_key;
            continue;
        }
        const std::size_t size = held_size(*by.keys[i], keys[i]);
        *to++ = size;
        write_held(*by.keys[i], keys[i], reinterpret_cast<std::byte*>(to));
        to += words_of(size);
    }
}

void set_aside(row_parts& to, const row_reader& by, pg::arguments args)
{
    const top_kind& kind = *by.kind;
    const bool is_null = args.is_null(value_argument);
    const Datum order = held_value(*kind.order, args.datum(order_argument));
    const Datum value = is_null ? Datum{0} : held_value(*kind.value, args.datum(value_argument));
    Datum keys[FUNC_MAX_ARGS];
    const std::size_t value_at = top_n::header_words + (kind.is_exact() ? 0 : words_of(held_size(*kind.order, order)));
    const std::size_t words = value_at + (is_null ? 0 : words_of(held_size(*kind.value, value)));
    const std::size_t of_keys = key_words(by, args, keys);
    const fingerprint key = pg::call([&] { return by.hasher.print(args, 0); });
    std::uint64_t* place = to.add(key, words + of_keys);
    auto& entry = *new (place) top_entry{order_code(kind, order), static_cast<std::uint32_t>(words),
                                         static_cast<std::uint32_t>(value_at)};
    if (!kind.is_exact()) {
        write_held(*kind.order, order, top_n::order_of(entry));
    }
    if (!is_null) {
        write_held(*kind.value, value, top_n::value_of(entry));
    }
    write_keys(by, args, keys, place + words);
}

// --- the selection -------------------------------------------------------------------------------------------------

// The one row of the scan: its types and chunks.
class scan_result final : public pg::row_receiver {
  public:
    void columns(TupleDesc) override {}
    bool row(TupleTableSlot* slot) override
    {
        if (!slot->tts_isnull[0]) {
            const auto found = pg::varlena_bytes(slot->tts_values[0]);
            bytes_.assign(found.begin(), found.end());
        }
        return true;
    }
    std::span<const std::byte> bytes() const noexcept { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
};

// Where the selected rows go, and what is known of its columns.
class target {
  public:
    virtual TupleDesc columns() const = 0;
    virtual void put(std::span<Datum> values, std::span<bool> nulls) = 0;

  protected:
    ~target() = default;
};

// A memory context that is the current one for a scope.
class within {
  public:
    explicit within(MemoryContext context) noexcept : outside_{MemoryContextSwitchTo(context)} {}
    ~within() { MemoryContextSwitchTo(outside_); }
    within(const within&) = delete;
    within& operator=(const within&) = delete;

  private:
    MemoryContext outside_;
};

class new_table final : public target {
  public:
    explicit new_table(Oid table) : writer_{table} {}
    TupleDesc columns() const override { return writer_.columns(); }
    void put(std::span<Datum> values, std::span<bool> nulls) override
    {
        const within own{memory_}; // the writer's, which the session of the scan does not outlive
        writer_.put(values, nulls);
    }
    std::int64_t finish() { return writer_.finish(); }

  private:
    MemoryContext memory_ = CurrentMemoryContext;
    pg::table_writer writer_;
};

class caller final : public target {
  public:
    explicit caller(pg::arguments args)
    {
        info_ = pg::call([args] {
            auto* info = reinterpret_cast<ReturnSetInfo*>(args.raw()->resultinfo);
            if (info == nullptr || !IsA(info, ReturnSetInfo) || info->expectedDesc == nullptr ||
                (info->allowedModes & SFRM_Materialize) == 0) {
                ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                                errmsg("this function returns a set and must stand in FROM, with a list of columns")));
            }
            MemoryContext old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
            info->returnMode = SFRM_Materialize;
            info->setDesc = CreateTupleDescCopy(info->expectedDesc);
            info->setResult =
                tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
            MemoryContextSwitchTo(old);
            return info;
        });
    }
    TupleDesc columns() const override { return info_->setDesc; }
    void put(std::span<Datum> values, std::span<bool> nulls) override
    {
        pg::call([&] { tuplestore_putvalues(info_->setResult, info_->setDesc, values.data(), nulls.data()); });
    }

  private:
    ReturnSetInfo* info_;
};

// The rows that a scan has set aside, for a target.
class selection {
  public:
    selection(std::span<const std::byte> scanned, bool single) : single_{single}, chunks_{&memory_}
    {
        byte_reader from{scanned, "etl._top_parts"};
        const auto types = from.value<scanned_types>();
        MemoryContext context = CurrentMemoryContext;
        kind_ = pg::call(
            [&] { return make_top_kind(types.value, types.order, types.collation, types.ascending != 0, context); });
        for (std::uint32_t i = 0; i < types.keys; ++i) {
            const Oid type = from.value<Oid>();
            keys_.push_back(pg::call([=] { return make_stored_type(type, InvalidOid, context); }));
        }
        if (types.keys % 2 != 0) {
            from.value<std::uint32_t>();
        }
        while (from.left() > 0) {
            chunks_.push_back(from.value<part_chunk>());
        }
        element_ = type_of_element();
    }

    void require_columns(TupleDesc columns) const
    {
        if (!single_ && !OidIsValid(element_.array)) {
            const char* name = pg::call([this] { return format_type_be(element_.type); });
            throw error(sqlstate::feature_not_supported,
                        std::string{"values of type "} + name + " cannot be the elements of an array", {},
                        "Put the value into a row: make the query return a column of a composite type.");
        }
        const auto wanted = column_types();
        bool fits = static_cast<std::size_t>(columns->natts) == wanted.size();
        for (std::size_t i = 0; fits && i < wanted.size(); ++i) {
            fits = TupleDescAttr(columns, static_cast<int>(i))->atttypid == wanted[i];
        }
        if (!fits) {
            throw error(sqlstate::datatype_mismatch, "the list of columns is not that of the result", {},
                        "Name the columns with these types: AS t(" + column_list(wanted) + ").");
        }
    }

    void write(pg::file_run_store& store, std::uint32_t n, target& to)
    {
        const entries_of order{*kind_};
        key_groups groups{&memory_, store, chunks_, n, order, get_hash_memory_limit(), pg::poll};
        const pg::scratch_context scratch;
        for (auto found = groups.next(); !found.empty(); found = groups.next()) {
            {
                const within inside{scratch.get()};
                fill(found);
            }
            to.put({row_, keys_.size() + 1}, {row_nulls_, keys_.size() + 1});
            if (++written_ % 64 == 0) {
                MemoryContextReset(scratch.get());
            }
        }
    }

  private:
    struct element {
        Oid type;
        std::int16_t length;
        bool by_value;
        char alignment;
        Oid array;
    };

    element type_of_element() const
    {
        return pg::call([type = kind_->value->type] {
            element made{type, 0, false, 0, get_array_type(type)};
            get_typlenbyvalalign(type, &made.length, &made.by_value, &made.alignment);
            return made;
        });
    }

    std::vector<Oid> column_types() const
    {
        std::vector<Oid> made;
        for (const stored_type* key : keys_) {
            made.push_back(key->type);
        }
        made.push_back(single_ ? element_.type : element_.array);
        return made;
    }

    std::string column_list(const std::vector<Oid>& types) const
    {
        std::string made;
        for (std::size_t i = 0; i < types.size(); ++i) {
            const char* name = pg::call([type = types[i]] { return format_type_be(type); });
            made += i + 1 < types.size() ? "key" + std::to_string(i + 1) + " " + name + ", "
                                         : (single_ ? "value " : "values ") + std::string{name};
        }
        return made;
    }

    void read_keys(const parted_row& row)
    {
        const auto* at = reinterpret_cast<const std::uint64_t*>(row.keys());
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            const std::uint64_t size = *at++;
            row_nulls_[i] = size == null_key;
            if (!row_nulls_[i]) {
                row_[i] = real_value(*keys_[i], read_held(*keys_[i], reinterpret_cast<const std::byte*>(at)));
                at += words_of(size);
            }
        }
    }

    Datum value_of(const top_entry& entry) const
    {
        return entry.is_null() ? Datum{0} : real_value(*kind_->value, read_held(*kind_->value, entry.value()));
    }

    Datum array_of(std::span<const key_groups::item> found)
    {
        values_.resize(found.size());
        nulls_.resize(found.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            const top_entry& entry = found[i].row->entry();
            nulls_[i] = entry.is_null();
            values_[i] = value_of(entry);
        }
        return pg::call([&] {
            int size = static_cast<int>(found.size());
            int from = 1;
            auto* nulls = reinterpret_cast<bool*>(nulls_.data());
            return PointerGetDatum(construct_md_array(values_.data(), nulls, 1, &size, &from, element_.type,
                                                      element_.length, element_.by_value, element_.alignment));
        });
    }

    void fill(std::span<const key_groups::item> found)
    {
        const std::size_t keys = keys_.size();
        read_keys(*found[0].row);
        const top_entry& first = found[0].row->entry();
        row_nulls_[keys] = single_ && first.is_null();
        row_[keys] = single_ ? value_of(first) : array_of(found);
    }

    pg::context_resource memory_;
    bool single_;
    part_chunks chunks_;
    const top_kind* kind_ = nullptr;
    std::vector<stored_type*> keys_;
    element element_{};
    std::vector<Datum> values_;
    std::vector<char> nulls_;
    Datum row_[FUNC_MAX_ARGS] = {}; // that is written next
    bool row_nulls_[FUNC_MAX_ARGS] = {};
    std::uint64_t written_ = 0;
};

// What a function that selects is asked for: (query, keys, value, order, n, descending), without n for one row of a key.
struct request {
    pg::arguments args;
    bool single;

    static constexpr int n_argument = 4;
    int descending() const noexcept { return single ? n_argument : n_argument + 1; }
    std::int32_t n() const { return single ? 1 : args.get<std::int32_t>(n_argument); }
};

// The query that sets rows aside, as etl._top_scan makes it: nobody else may say where files lie.
std::string scan_of(const request& asked, std::span<const std::byte> area)
{
    std::string scan = pg::call([&asked] {
        constexpr int count = 6;
        const int from[count - 1] = {0, 1, 2, 3, asked.descending()};
        Oid types[count];
        Datum values[count];
        char nulls[count];
        for (int i = 0; i < count - 1; ++i) {
            types[i] = asked.args.type(from[i]);
            values[i] = asked.args.datum(from[i]);
            nulls[i] = asked.args.is_null(from[i]) ? 'n' : ' ';
        }
        types[count - 1] = INT4OID;
        values[count - 1] = asked.single ? Int32GetDatum(1) : asked.args.datum(request::n_argument);
        nulls[count - 1] = !asked.single && asked.args.is_null(request::n_argument) ? 'n' : ' ';
        SPI_execute_with_args("SELECT etl._top_scan($1, $2, $3, $4, $5, $6)", count, types, values, nulls, true, 1);
        return static_cast<const char*>(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
    });
    constexpr std::string_view mark = "$area$"; // its first one comes before the user's query
    return scan.replace(scan.find(mark), mark.size(), "'" + to_hex(area) + "'");
}

void select_rows(const request& asked, target& to)
{
    const pg::spi_session session;
    const auto area = pg::call([] { return pg::make_spill_directory(CurTransactionContext); });
    scan_result scanned;
    pg::run_query(scan_of(asked, area), scanned);
    if (!scanned.bytes().empty()) {
        selection rows{scanned.bytes(), asked.single};
        rows.require_columns(to.columns());
        pg::file_run_store store{area, CurrentMemoryContext};
        rows.write(store, static_cast<std::uint32_t>(asked.n()), to);
        store.close();
    }
    pg::clear_spill_directory(area);
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_top_parts_step, args)
{
    const row_reader& by = args.cached<row_reader>([=] { return row_reader{args, args.raw()->flinfo->fn_mcxt}; });
    setting_aside& to = args.is_null(0) ? new_state(args, by) : state(args, 0);
    if (!args.is_null(order_argument)) {
        set_aside(*to.rows, by, args);
    }
    return PointerGetDatum(&to);
}

ETL_FUNCTION(etl_top_parts_combine, args)
{
    if (args.is_null(0) || args.is_null(1)) {
        return args.is_null(0) ? (args.is_null(1) ? args.null_result() : args.datum(1)) : args.datum(0);
    }
    part_chunks& all = state(args, 0).chunks;
    const part_chunks& more = state(args, 1).chunks;
    all.insert(all.end(), more.begin(), more.end());
    return args.datum(0);
}

// Its result, and what a worker sends.
ETL_FUNCTION(etl_top_parts_chunks, args)
{
    setting_aside& from = state(args, 0);
    const part_chunks& chunks = from.rows ? from.rows->finish() : from.chunks;
    std::pmr::vector<std::byte> bytes{from.types, &from.memory};
    bytes.resize((bytes.size() + word - 1) / word * word);
    byte_writer{bytes}.values(std::span<const part_chunk>{chunks});
    pg::require_value_size(bytes.size());
    return args.result(std::span<const std::byte>{bytes});
}

// In the aggregate's memory, for it may become the state itself.
ETL_FUNCTION(etl_top_parts_deserial, args)
{
    const auto bytes = args.get<std::span<const std::byte>>(0);
    MemoryContext context = pg::require_aggregate(args, "a part of etl._top_parts");
    auto* made = pg::construct_in<setting_aside>(context, context);
    byte_reader from{bytes, "etl._top_parts"};
    const auto keys = load<scanned_types>(from.bytes(sizeof(scanned_types)).data()).keys;
    from.bytes((keys + keys % 2) * sizeof(Oid));
    made->types.assign(bytes.begin(), bytes.end() - static_cast<std::ptrdiff_t>(from.left()));
    from.values(made->chunks, from.left() / sizeof(part_chunk));
    return PointerGetDatum(made);
}

ETL_FUNCTION(etl_top_n_per_key, args)
{
    caller to{args};
    select_rows({args, false}, to);
    return Datum{0};
}

ETL_FUNCTION(etl_latest_per_key, args)
{
    caller to{args};
    select_rows({args, true}, to);
    return Datum{0};
}

// (…, new table)
ETL_FUNCTION(etl_top_n_into, args)
{
    new_table to{DatumGetObjectId(args.given(6))};
    select_rows({args, false}, to);
    return args.result(to.finish());
}

ETL_FUNCTION(etl_latest_into, args)
{
    new_table to{DatumGetObjectId(args.given(5))};
    select_rows({args, true}, to);
    return args.result(to.finish());
}
