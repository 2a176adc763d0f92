// etl._rolling_rows: the scan of etl.rolling. Each row is set aside by its key, in temporary files that the workers of
// the query share, with its time, what is aggregated, and what is handed out again.
#include "feature/packed_values_pg.hpp"
#include "feature/rolling.hpp"
#include "feature/row_parts.hpp"
#include "pg/numeric.hpp"
#include "pg/shared_parts.hpp"
#include "sketch/key_hash_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/date.h>
#include <utils/lsyscache.h>
}

#include <bit>
#include <cmath>
#include <string>

namespace etl::feature {
namespace {

// (state, area, seed, keys, forms, key …, time, aggregated …, carried …)
enum argument { area_argument = 1, seed_argument, keys_argument, forms_argument, first_key };

// The letters of `forms`, one for each aggregated value; `given` counts what is not NULL.
enum class form : char { whole = 'w', real = 'r', decimal = 'd', print = 'p', bytes = 'b', given = 'g' };

struct aggregated {
    form as;
    packed_type type; // of the base type
    const key_hasher* print;
};

[[noreturn]] void refuse_arguments()
{
    throw error(sqlstate::invalid_parameter_value, "these are no arguments of etl._rolling_rows", {},
                "Call etl.rolling or etl.create_rolling.");
}

bool fits(form as, Oid type)
{
    switch (as) {
    case form::whole:
        return type == INT2OID || type == INT4OID || type == INT8OID || type == DATEOID || type == TIMESTAMPOID ||
               type == TIMESTAMPTZOID;
    case form::real:
        return type == FLOAT4OID || type == FLOAT8OID;
    case form::decimal:
        return type == NUMERICOID;
    default:
        return as == form::print || as == form::bytes || as == form::given;
    }
}

// What is the same for all rows of a call. What it points at lies in its memory context.
struct reader {
    reader(pg::arguments args, MemoryContext memory);

    key_hasher keys;
    int time;
    Oid time_type;
    std::vector<aggregated> slots;
    std::vector<packed_type> carried;
};

int key_count(pg::arguments args)
{
    const auto keys = args.get<std::int32_t>(keys_argument);
    if (keys < 0 || keys >= args.count() - first_key) {
        refuse_arguments();
    }
    return keys;
}

packed_type base_type(Oid type)
{
    return pg::call([type] { return make_packed_type(getBaseType(type)); });
}

// Rows of different keys must never meet, so what stands for a key must not be less than the key.
void require_exact(const key_hasher& of)
{
    if (!of.is_exact()) {
        throw error(sqlstate::feature_not_supported, "a key has a type whose values are not told apart by their bytes",
                    "Arrays, ranges, rows, types of extensions and texts of a nondeterministic collation are "
                    "compared by functions of their own.",
                    "Give a query that casts the key, for example to text COLLATE \"C\".");
    }
}

reader::reader(pg::arguments args, MemoryContext memory)
    : keys{args, first_key, key_count(args), memory}, time{first_key + key_count(args)},
      time_type{base_type(args.type(time)).type}
{
    require_exact(keys);
    const auto forms = args.get<std::string_view>(forms_argument);
    int i = time + 1;
    if ((time_type != TIMESTAMPTZOID && time_type != TIMESTAMPOID && time_type != DATEOID) ||
        static_cast<std::size_t>(args.count() - i) < forms.size()) {
        refuse_arguments();
    }
    for (const char letter : forms) {
        aggregated made{static_cast<form>(letter), base_type(args.type(i)), nullptr};
        if (!fits(made.as, made.type.type)) {
            refuse_arguments();
        }
        if (made.as == form::print) {
            made.print = pg::construct_in<key_hasher>(memory, args, i, 1, memory);
        }
        slots.push_back(made);
        ++i;
    }
    for (; i < args.count(); ++i) {
        carried.push_back(base_type(args.type(i)));
    }
}

// An aggregate's state: rows that are set aside, or chunks of them that came from a worker.
struct setting_aside : pg::shared_parts {
    explicit setting_aside(MemoryContext context) : shared_parts{context}, row{memory()} {}

    row_bytes row; // the one that is being made
    std::uint64_t seed = 0;
};

setting_aside& new_state(pg::arguments args, MemoryContext context)
{
    const auto area = args.get<std::span<const std::byte>>(area_argument);
    const auto seed = static_cast<std::uint64_t>(args.get<std::int64_t>(seed_argument));
    auto* made = pg::construct_in<setting_aside>(context, context);
    made->open(area, row_layout);
    made->seed = seed;
    return *made;
}

std::int64_t read_whole(Oid type, Datum value)
{
    switch (type) {
    case INT2OID:
        return DatumGetInt16(value);
    case INT4OID:
    case DATEOID:
        return DatumGetInt32(value);
    default:
        return DatumGetInt64(value);
    }
}

std::int64_t read_time(Oid type, Datum value)
{
    if (type != DATEOID) {
        return std::max(DatumGetInt64(value), past_infinity);
    }
    const DateADT day = DatumGetDateADT(value);
    return DATE_IS_NOBEGIN(day) ? past_infinity : DATE_IS_NOEND(day) ? future_infinity : day * USECS_PER_DAY;
}

// Appends bytes that a slot speaks of.
std::uint64_t put_bytes(row_bytes& row, std::span<const std::byte> bytes)
{
    align_row(row);
    const std::uint64_t place = row.size() | std::uint64_t{bytes.size()} << 32;
    row.insert(row.end(), bytes.begin(), bytes.end());
    return place;
}

row_slot put_decimal(row_bytes& row, Datum value)
{
    const decimal number = pg::read_numeric(value);
    const auto places = static_cast<std::uint64_t>(pg::read_numeric_places(value));
    const std::uint64_t digits = put_bytes(row, std::as_bytes(std::span{number.digits}));
    return {digits, 1 | static_cast<std::uint64_t>(number.is) << 16 | places << 32 |
                        static_cast<std::uint64_t>(static_cast<std::uint16_t>(number.weight)) << 48};
}

// May raise: only trivial locals are alive.
row_slot put_slot(row_bytes& row, const aggregated& as, pg::arguments args, int i, std::uint64_t seed)
{
    const Datum value = args.datum(i);
    switch (as.as) {
    case form::whole:
        return {static_cast<std::uint64_t>(read_whole(as.type.type, value)), 1};
    case form::real: {
        const double number =
            as.type.type == FLOAT4OID ? static_cast<double>(DatumGetFloat4(value)) : DatumGetFloat8(value);
        return {std::bit_cast<std::uint64_t>(number), 1};
    }
    case form::decimal:
        return put_decimal(row, value);
    case form::print: {
        const fingerprint made = as.print->print(args, seed);
        return made.is_zero() ? row_slot{1, 0} : row_slot{made.low, made.high};
    }
    case form::bytes:
        return {put_bytes(row, bytes_of(as.type, value)), 1};
    default:
        return {0, 1};
    }
}

// After the head and the slots: a bit for each carried value that is NULL, and the others.
void put_carried(row_bytes& row, const reader& by, pg::arguments args)
{
    const std::size_t nulls = row.size();
    int i = args.count() - static_cast<int>(by.carried.size());
    row.resize(nulls + (by.carried.size() + 7) / 8);
    for (std::size_t c = 0; c < by.carried.size(); ++c, ++i) {
        if (args.is_null(i)) {
            row[nulls + c / 8] |= std::byte{1} << (c % 8);
        } else {
            const Datum value = args.datum(i);
            pack(row, by.carried[c], bytes_of(by.carried[c], value));
        }
    }
}

// Rows without a time are a key's own group, so that they lie side by side.
row_head make_head(pg::arguments args, const reader& by, std::uint64_t seed)
{
    constexpr std::uint64_t without_time = 0x9e3779b97f4a7c15;
    row_head made{by.keys.print(args, seed), 0, 0, 0};
    if (args.is_null(by.time)) {
        made.key.high ^= without_time;
        made.flags = no_time;
    } else {
        made.at = read_time(by.time_type, args.datum(by.time));
    }
    return made;
}

void put_row(setting_aside& to, const reader& by, pg::arguments args)
{
    row_bytes& row = to.row;
    row.clear();
    row.resize(sizeof(row_head) + by.slots.size() * sizeof(row_slot));
    put_carried(row, by, args);
    for (std::size_t s = 0; s < by.slots.size(); ++s) {
        const int i = by.time + 1 + static_cast<int>(s);
        if (!args.is_null(i)) {
            const row_slot made = put_slot(row, by.slots[s], args, i, to.seed);
            store(row.data() + sizeof(row_head) + s * sizeof(row_slot), made);
        }
    }
    align_row(row);
    if (row.size() > most_row_bytes) {
        throw error(sqlstate::program_limit_exceeded,
                    "a row of " + std::to_string(row.size()) + " bytes is too large for etl.rolling", {},
                    "Hand on fewer columns.");
    }
    row_head head = make_head(args, by, to.seed);
    head.bytes = static_cast<std::uint32_t>(row.size());
    store(row.data(), head);
    add_row(to.rows(), row);
}

} // namespace
} // namespace etl::feature

using namespace etl;
using namespace etl::feature;

ETL_FUNCTION(etl_rolling_rows_step, args)
{
    const reader& by = args.cached<reader>([=] { return reader{args, args.raw()->flinfo->fn_mcxt}; });
    setting_aside& to = args.is_null(0) ? new_state(args, pg::require_aggregate(args, "a part of etl._rolling_rows"))
                                        : pg::parts_state<setting_aside>(args);
    put_row(to, by, args);
    return PointerGetDatum(&to);
}

ETL_FUNCTION(etl_rolling_rows_combine, args)
{
    return pg::combine_parts<setting_aside>(args);
}

ETL_FUNCTION(etl_rolling_rows_chunks, args)
{
    return pg::write_parts<setting_aside>(args);
}

ETL_FUNCTION(etl_rolling_rows_deserial, args)
{
    return pg::read_parts<setting_aside>(args, "a part of etl._rolling_rows");
}
