// The scan that finds duplicates: etl._keyed_rows sets each row's keys, order and place aside, in temporary files that
// the workers of the query share, and etl._losers_among decides which rows stay.
#include "dedupe/keyed_rows.hpp"
#include "core/hex.hpp"
#include "pg/result_set.hpp"
#include "pg/shared_parts.hpp"
#include "sketch/key_hash_pg.hpp"
#include "sketch/key_order.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <storage/itemptr.h>
}

#include <algorithm>
#include <array>
#include <utility>

namespace etl::dedupe {
namespace {

// (state, area, rows expected, seed, nulls_equal, descending, place, order, keys …)
enum argument {
    area_argument = 1,
    rows_argument,
    seed_argument,
    nulls_argument,
    down_argument,
    place_argument,
    order_argument,
    first_key
};

constexpr std::uint64_t place_bits = (std::uint64_t{1} << 48) - 1;
constexpr std::uint64_t null_order = place_bits + 1; // beside the place: comes after every order

std::vector<std::byte> directory_of(std::string_view area)
{
    const auto directory = from_hex(area);
    if (!directory) {
        throw error(sqlstate::invalid_parameter_value, "this is no area of etl._open_spill");
    }
    return *directory;
}

// An aggregate's state: rows that are set aside, or chunks of them that came from a worker.
struct setting_aside : pg::shared_parts {
    using shared_parts::shared_parts;

    std::uint64_t seed = 0;
    bool nulls_equal = false;
    bool down = false;
};

// What is the same for all rows of a call.
struct reader {
    reader(pg::arguments args, MemoryContext memory)
        : keys{args, first_key, memory}, order_type{args.type(order_argument)}
    {
    }

    key_hasher keys;
    Oid order_type;
};

setting_aside& new_state(pg::arguments args, MemoryContext context)
{
    const auto area = args.get<std::string_view>(area_argument);
    const std::int64_t rows = std::max<std::int64_t>(args.get<std::int64_t>(rows_argument), 0);
    const auto seed = static_cast<std::uint64_t>(args.get<std::int64_t>(seed_argument));
    const bool nulls_equal = args.get<bool>(nulls_argument);
    const bool down = args.get<bool>(down_argument);
    auto* made = pg::construct_in<setting_aside>(context, context);
    made->open(directory_of(area), layout_for(static_cast<std::uint64_t>(rows)));
    made->seed = seed;
    made->nulls_equal = nulls_equal;
    made->down = down;
    return *made;
}

// Numbers and moments as unsigned numbers of the same order.
std::uint64_t read_order(Oid type, Datum value)
{
    switch (type) {
    case INT2OID:
        return key_of(std::int64_t{DatumGetInt16(value)});
    case INT4OID:
    case DATEOID:
        return key_of(std::int64_t{DatumGetInt32(value)});
    case INT8OID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return key_of(std::int64_t{DatumGetInt64(value)});
    case FLOAT4OID:
        return key_of(static_cast<double>(DatumGetFloat4(value)));
    case FLOAT8OID:
        return key_of(DatumGetFloat8(value));
    default:
        throw error(sqlstate::feature_not_supported,
                    "etl._keyed_rows orders by numbers of fixed size and moments only");
    }
}

std::uint64_t read_place(Datum place)
{
    const auto* at = reinterpret_cast<const ItemPointerData*>(DatumGetPointer(place));
    return static_cast<std::uint64_t>(ItemPointerGetBlockNumberNoCheck(at)) << 16 |
           ItemPointerGetOffsetNumberNoCheck(at);
}

keyed_row read_row(pg::arguments args, const reader& by, const setting_aside& to)
{
    const std::uint64_t turned = to.down ? ~std::uint64_t{0} : 0;
    const std::uint64_t place = read_place(args.given(place_argument)) ^ (turned & place_bits);
    const fingerprint key = by.keys.print(args, to.seed);
    return args.is_null(order_argument)
               ? keyed_row{key, ~std::uint64_t{0}, place | null_order}
               : keyed_row{key, read_order(by.order_type, args.datum(order_argument)) ^ turned, place};
}

ItemPointerData place_of(std::uint64_t place, bool down)
{
    const std::uint64_t at = (down ? ~place : place) & place_bits;
    ItemPointerData made;
    ItemPointerSet(&made, static_cast<BlockNumber>(at >> 16), static_cast<OffsetNumber>(at & 0xffff));
    return made;
}

} // namespace
} // namespace etl::dedupe

using namespace etl;
using namespace etl::dedupe;

ETL_FUNCTION(etl_keyed_rows_step, args)
{
    const reader& by = args.cached<reader>([=] { return reader{args, args.raw()->flinfo->fn_mcxt}; });
    setting_aside& to = args.is_null(0) ? new_state(args, pg::require_aggregate(args, "a part of etl._keyed_rows"))
                                        : pg::parts_state<setting_aside>(args);
    if (to.nulls_equal || !by.keys.has_null(args)) {
        add_row(to.rows(), read_row(args, by, to));
    }
    return PointerGetDatum(&to);
}

ETL_FUNCTION(etl_keyed_rows_combine, args)
{
    return pg::combine_parts<setting_aside>(args);
}

ETL_FUNCTION(etl_keyed_rows_chunks, args)
{
    return pg::write_parts<setting_aside>(args);
}

ETL_FUNCTION(etl_keyed_rows_deserial, args)
{
    return pg::read_parts<setting_aside>(args, "a part of etl._keyed_rows");
}

// (keys …)
ETL_FUNCTION(etl_keys_are_exact, args)
{
    return args.result(key_hasher{args, 0, CurrentMemoryContext}.is_exact());
}

// (area, descending, chunks)
ETL_FUNCTION(etl_losers_among, args)
{
    pg::result_set rows{args};
    if (args.is_null(2)) { // no row was set aside
        return rows.finish();
    }
    const auto area = args.get<std::string_view>(0);
    const bool down = args.get<bool>(1);
    const auto bytes = args.get<std::span<const std::byte>>(2);
    pg::context_resource memory;
    pg::file_run_store store{directory_of(area), CurrentMemoryContext};
    part_chunks chunks{&memory};
    read_chunks(bytes, chunks);
    losers all{&memory, store, std::move(chunks), pg::poll};
    for (auto found = all.next(); !found.empty(); found = all.next()) {
        for (const loser& lost : found) {
            ItemPointerData place = place_of(lost.place, down);
            ItemPointerData kept = place_of(lost.kept, down);
            std::array values{Int64GetDatum(static_cast<std::int64_t>(lost.nth)), PointerGetDatum(&place),
                              PointerGetDatum(&kept)};
            std::array nulls{false, false, false};
            rows.put(values, nulls);
        }
    }
    store.close();
    return rows.finish();
}
