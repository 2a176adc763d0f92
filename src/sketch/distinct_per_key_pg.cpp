// etl.count_distinct_per_key and etl.create_distinct_counts: the counting of the values that a scan has set aside, and
// where the result goes.
#include "pg/result_set.hpp"
#include "pg/shared_parts.hpp"
#include "pg/spi.hpp"
#include "pg/table_writer.hpp"
#include "sketch/distinct_parts_pg.hpp"
#include "sketch/key_columns_pg.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/builtins.h>
}

#include <algorithm>

namespace etl {
namespace {

constexpr std::size_t least_budget = std::size_t{16} << 20; // for values
constexpr Size scratch_bytes = Size{256} << 10;             // of rows that have been handed on

// What is to be done: (query, keys, counted, …).
struct request {
    std::string scan; // $1 is the area for temporary files
    key_columns keys;
    std::size_t counted = 0;
};

// The plan is that of etl._distinct_scan, which checks the arguments.
request read_request(pg::arguments args)
{
    struct found {
        const char* scan;
        oidvector* keys;
        std::int32_t counted;
    };
    const found plan = pg::call([args] {
        constexpr int count = 3;
        Oid types[count];
        Datum values[count];
        char nulls[count];
        for (int i = 0; i < count; ++i) {
            types[i] = args.type(i);
            values[i] = args.datum(i);
            nulls[i] = args.is_null(i) ? 'n' : ' ';
        }
        SPI_execute_with_args("SELECT scan, key_types, values_counted FROM etl._distinct_scan($1, $2, $3)", count,
                              types, values, nulls, true, 1);
        const HeapTuple row = SPI_tuptable->vals[0];
        const TupleDesc columns = SPI_tuptable->tupdesc;
        bool is_null = false;
        return found{SPI_getvalue(row, columns, 1),
                     reinterpret_cast<oidvector*>(DatumGetPointer(SPI_getbinval(row, columns, 2, &is_null))),
                     DatumGetInt32(SPI_getbinval(row, columns, 3, &is_null))};
    });
    request made{plan.scan, {}, static_cast<std::size_t>(plan.counted)};
    for (int i = 0; i < plan.keys->dim1; ++i) {
        made.keys.add(plan.keys->values[i], CurrentMemoryContext);
    }
    return made;
}

Oid column_type(const request& asked, std::size_t i) noexcept
{
    return i < asked.keys.count() ? asked.keys.type(i) : Oid{INT8OID};
}

std::string column_list(const request& asked)
{
    std::string made;
    for (std::size_t i = 0; i < asked.keys.count() + asked.counted; ++i) {
        const char* type = pg::call([&] { return format_type_with_typemod(column_type(asked, i), -1); });
        const bool is_key = i < asked.keys.count();
        made += (i > 0 ? ", " : "") + std::string{is_key ? "key" : "distinct"} +
                std::to_string(is_key ? i + 1 : i + 1 - asked.keys.count()) + " " + type;
    }
    return made;
}

void require_columns(const request& asked, TupleDesc columns)
{
    const std::size_t wanted = asked.keys.count() + asked.counted;
    bool fits = static_cast<std::size_t>(columns->natts) == wanted;
    for (std::size_t i = 0; fits && i < wanted; ++i) {
        fits = TupleDescAttr(columns, static_cast<int>(i))->atttypid == column_type(asked, i);
    }
    if (!fits) {
        throw error(sqlstate::datatype_mismatch, "the list of columns is not that of the result", {},
                    "Name the columns with these types: AS t(" + column_list(asked) + ").");
    }
}

// The keys and their counts, row by row.
template <class Target>
void write_counts(const request& asked, distinct_counts& from, Target& to)
{
    const std::size_t keys = asked.keys.count();
    pg::scratch_context scratch;
    Datum row[FUNC_MAX_ARGS] = {};
    bool nulls[FUNC_MAX_ARGS] = {};
    for (auto found = from.next(); found; found = from.next()) {
        {
            const pg::within_context inside{scratch.get()};
            asked.keys.read(found->key, row, nulls);
        }
        std::ranges::transform(found->counts, row + keys,
                               [](std::uint64_t count) { return Int64GetDatum(static_cast<std::int64_t>(count)); });
        to.put(std::span{row, keys + asked.counted}, std::span{nulls, keys + asked.counted});
        if (MemoryContextMemAllocated(scratch.get(), false) > scratch_bytes) {
            scratch.reset();
        }
    }
}

template <class Target>
void count(pg::arguments args, Target& to)
{
    const pg::spi_session session;
    const request asked = read_request(args);
    require_columns(asked, to.columns());
    const auto area = pg::call([] { return pg::make_spill_directory(CurTransactionContext); });
    const auto scanned = pg::scan_parts(asked.scan, area);
    if (!scanned.empty()) {
        pg::context_resource memory;
        parted_values values{part_chunks{&memory}, part_chunks{&memory}, 0};
        read_scanned(scanned, values);
        pg::file_run_store store{area, CurrentMemoryContext};
        distinct_counts counts{
            &memory, store, std::move(values), asked.counted, std::max(get_hash_memory_limit(), least_budget),
            pg::poll};
        write_counts(asked, counts, to);
        store.close();
    }
    pg::clear_spill_directory(area);
}

pg::result_set listed_rows(pg::arguments args)
{
    pg::listed_columns(args, "etl.count_distinct_per_key", "t(id bigint, distinct_values bigint)");
    return pg::result_set{args};
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_count_distinct_per_key, args)
{
    pg::result_set to = listed_rows(args);
    count(args, to);
    return to.finish();
}

// (query, keys, counted, new table)
ETL_FUNCTION(etl_distinct_counts_into, args)
{
    pg::table_writer to{DatumGetObjectId(args.given(3))};
    count(args, to);
    return args.result(to.finish());
}
