// The scan behind etl.count_distinct_per_key: etl._distinct_parts, an aggregate that sets values aside by key in
// temporary files, which the workers of the query share.
#include "sketch/distinct_parts_pg.hpp"
#include "pg/shared_parts.hpp"
#include "sketch/fingerprint_pg.hpp"
#include "sketch/key_columns_pg.hpp"
#include "sketch/key_hash_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <optional>

namespace etl {

void read_scanned(std::span<const std::byte> bytes, parted_values& to)
{
    byte_reader from{bytes, "etl._distinct_parts"};
    to.value_words = from.value<std::uint64_t>();
    read_chunks(from, to.keys);
    read_chunks(from, to.values);
    from.expect_end();
}

namespace {

// (state, area, number of keys, keys …, values …)
enum argument { area_argument = 1, keys_argument, first_key };

constexpr std::size_t remembered_bytes = std::size_t{32} << 20; // of keys, in each process

bool is_row_told_apart(Oid type);

// Whether a type's fingerprints tell all its values apart, but for chance: whether none is made of a type's own hashes.
// May raise.
bool is_told_apart(Oid type, Oid collation)
{
    check_stack_depth();
    const Oid base = getBaseType(type);
    if (!may_use_hashes(*make_printer(base, collation))) {
        return true;
    }
    const Oid element = get_element_type(base);
    if (OidIsValid(element)) {
        return is_told_apart(element, collation);
    }
    switch (get_typtype(base)) {
    case TYPTYPE_RANGE:
        return is_told_apart(get_range_subtype(base), get_range_collation(base));
    case TYPTYPE_MULTIRANGE:
        return is_told_apart(get_multirange_range(base), InvalidOid);
    case TYPTYPE_COMPOSITE:
        return is_row_told_apart(base);
    default:
        return false;
    }
}

bool is_row_told_apart(Oid type)
{
    const TupleDesc row = lookup_rowtype_tupdesc_copy(type, -1);
    for (int i = 0; i < row->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(row, i);
        if (!column->attisdropped && !is_told_apart(column->atttypid, column->attcollation)) {
            return false;
        }
    }
    return true;
}

// Whether a type's equal values look the same, and whether they are numbers that a word holds.
struct looks {
    bool alike;
    bool in_a_word;

    static looks of(Oid type, Oid collation)
    {
        const Oid base = getBaseType(type);
        const bool alike = are_bytes_printed(*make_printer(base, collation));
        return {alike, alike && get_typbyval(base)};
    }
};

int count_of_keys(pg::arguments args)
{
    const int keys = args.get<std::int32_t>(keys_argument);
    if (keys < 1 || keys >= args.count() - first_key) {
        throw error(sqlstate::invalid_parameter_value, "there must be keys and values");
    }
    return keys;
}

// What is the same for all rows of a call.
struct row_reader {
    row_reader(pg::arguments args, MemoryContext memory)
        : keys{count_of_keys(args)}, hasher{args, first_key, keys, memory}
    {
        for (int i = first_key; i < args.count(); ++i) {
            const looks found = pg::call([&] { return looks::of(args.type(i), pg::argument_collation(args, i)); });
            if (i < first_value()) {
                require_told_apart(args, i);
                columns.add(args.type(i), memory);
                look_alike = look_alike && found.alike;
            } else {
                values.emplace_back(args, i, 1, memory);
                value_words = found.in_a_word ? value_words : 2;
            }
        }
    }

    static void require_told_apart(pg::arguments args, int i)
    {
        if (!pg::call([=] { return is_told_apart(args.type(i), pg::argument_collation(args, i)); })) {
            throw error(
                sqlstate::feature_not_supported, "the keys cannot be told apart by their bytes alone",
                "A key's type or collation lets values be equal that look different in ways that only the type knows.",
                "Group by the keys instead: SELECT …, etl.count_distinct(value) FROM … GROUP BY ….");
        }
    }

    int first_value() const noexcept { return first_key + keys; }

    int keys;
    key_hasher hasher;
    key_columns columns;
    bool look_alike = true;
    std::vector<key_hasher> values;
    std::size_t value_words = 1;
};

// An aggregate's state: keys and values that are set aside, or chunks of them that came from a worker.
struct setting_aside {
    explicit setting_aside(MemoryContext context) : keys{context}, values{context} {}

    void open(std::span<const std::byte> area, const row_reader& by)
    {
        value_words = by.value_words;
        to_keys.emplace(keys.memory(), keys.open(area), remembered_bytes, by.look_alike);
        to_values.emplace(values.open(area), by.value_words);
    }
    void append(const setting_aside& more)
    {
        keys.append(more.keys);
        values.append(more.values);
    }
    void write(byte_writer& to)
    {
        if (to_keys) {
            to_keys->finish();
        }
        to.value(value_words);
        keys.write(to);
        values.write(to);
    }
    void read(byte_reader& from)
    {
        value_words = from.value<std::uint64_t>();
        keys.read(from);
        values.read(from);
    }

    pg::shared_parts keys;
    pg::shared_parts values;
    std::optional<key_parts> to_keys;
    std::optional<value_parts> to_values;
    std::uint64_t value_words = 0;
};

setting_aside& new_state(pg::arguments args, const row_reader& by)
{
    MemoryContext context = pg::require_aggregate(args, "a part of etl._distinct_parts");
    const auto area = args.get<std::span<const std::byte>>(area_argument);
    auto* made = pg::construct_in<setting_aside>(context, context);
    made->open(area, by);
    return *made;
}

// Only trivial locals: what reads a value may raise.
void set_aside(setting_aside& to, const row_reader& by, pg::arguments args)
{
    held_keys keys;
    by.columns.hold(args, first_key, keys);
    const fingerprint key = by.hasher.print(args, 0);
    by.columns.write(keys, to.to_keys->room(by.columns.words(keys)));
    to.to_keys->add(key);
    for (std::size_t i = 0; i < by.values.size(); ++i) {
        if (!args.is_null(by.first_value() + static_cast<int>(i))) {
            to.to_values->add(key, i, by.values[i].print(args, 0));
        }
    }
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_distinct_parts_step, args)
{
    const row_reader& by = args.cached<row_reader>([=] { return row_reader{args, args.raw()->flinfo->fn_mcxt}; });
    setting_aside& to = args.is_null(0) ? new_state(args, by) : pg::parts_state<setting_aside>(args);
    set_aside(to, by, args);
    return PointerGetDatum(&to);
}

ETL_FUNCTION(etl_distinct_parts_combine, args)
{
    return pg::combine_parts<setting_aside>(args);
}

ETL_FUNCTION(etl_distinct_parts_chunks, args)
{
    return pg::write_parts<setting_aside>(args);
}

ETL_FUNCTION(etl_distinct_parts_deserial, args)
{
    return pg::read_parts<setting_aside>(args, "a part of etl._distinct_parts");
}
