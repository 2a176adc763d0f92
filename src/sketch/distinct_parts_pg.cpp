// The scan behind etl.count_distinct_per_key: etl._distinct_parts, an aggregate that sets values aside by key in
// temporary files, which the workers of the query share.
#include "sketch/distinct_parts_pg.hpp"
#include "core/byte_io.hpp"
#include "pg/calling_expression.hpp"
#include "pg/expanded_state.hpp"
#include "pg/spill.hpp"
#include "sketch/fingerprint_pg.hpp"
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
    const auto head = from.value<scanned_values>();
    to.value_words = head.value_words;
    from.values(to.keys, head.key_chunks);
    from.values(to.values, from.left() / sizeof(part_chunk));
}

// --- keys ----------------------------------------------------------------------------------------------------------

namespace {

constexpr std::uint64_t null_size = ~std::uint64_t{0};

constexpr std::size_t words_for(std::size_t bytes) noexcept
{
    return (bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
}

} // namespace

void key_columns::add(Oid type, MemoryContext memory)
{
    types_.push_back(pg::call([=] { return make_stored_type(type, InvalidOid, memory); }));
}

void key_columns::hold(Datum* keys, const bool* nulls) const
{
    for (std::size_t i = 0; i < types_.size(); ++i) {
        if (!nulls[i]) {
            keys[i] = held_value(*types_[i], keys[i]);
        }
    }
}

std::size_t key_columns::words(const Datum* keys, const bool* nulls) const noexcept
{
    std::size_t words = types_.size();
    for (std::size_t i = 0; i < types_.size(); ++i) {
        words += nulls[i] ? 0 : words_for(held_size(*types_[i], keys[i]));
    }
    return words;
}

void key_columns::write(const Datum* keys, const bool* nulls, std::uint64_t* to) const noexcept
{
    for (std::size_t i = 0; i < types_.size(); ++i) {
        const std::size_t size = nulls[i] ? 0 : held_size(*types_[i], keys[i]);
        *to++ = nulls[i] ? null_size : size;
        if (!nulls[i]) {
            if (size > 0) {
                to[words_for(size) - 1] = 0; // what the last word has no bytes for
            }
            write_held(*types_[i], keys[i], reinterpret_cast<std::byte*>(to));
            to += words_for(size);
        }
    }
}

void key_columns::read(const std::uint64_t* from, Datum* keys, bool* nulls) const
{
    for (std::size_t i = 0; i < types_.size(); ++i) {
        const std::uint64_t size = *from++;
        nulls[i] = size == null_size;
        if (!nulls[i]) {
            keys[i] = real_value(*types_[i], read_held(*types_[i], reinterpret_cast<const std::byte*>(from)));
            from += words_for(size);
        }
    }
}

// --- scan ----------------------------------------------------------------------------------------------------------

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
    explicit setting_aside(MemoryContext context)
        : memory{context}, chunks{part_chunks{&memory}, part_chunks{&memory}, 0}
    {
    }

    struct open_parts {
        open_parts(pg::context_resource& memory, std::span<const std::byte> area, MemoryContext context,
                   const row_reader& by)
            : key_store{area, context}, value_store{area, context},
              keys{&memory, key_store, remembered_bytes, by.look_alike}, values{&memory, value_store, by.value_words}
        {
        }

        pg::file_run_store key_store;
        pg::file_run_store value_store;
        key_parts keys;
        value_parts values;
    };

    pg::context_resource memory;
    std::optional<open_parts> open;
    parted_values chunks;
};

setting_aside& state(pg::arguments args, int i)
{
    return *reinterpret_cast<setting_aside*>(DatumGetPointer(args.given(i)));
}

setting_aside& new_state(pg::arguments args, const row_reader& by)
{
    MemoryContext context = pg::require_aggregate(args, "a part of etl._distinct_parts");
    const auto area = args.get<std::span<const std::byte>>(area_argument);
    auto* made = pg::construct_in<setting_aside>(context, context);
    made->open.emplace(made->memory, area, context, by);
    made->chunks.value_words = by.value_words;
    return *made;
}

// Only trivial locals: what reads a value may raise.
void set_aside(setting_aside::open_parts& to, const row_reader& by, pg::arguments args)
{
    Datum keys[FUNC_MAX_ARGS];
    bool nulls[FUNC_MAX_ARGS];
    for (int i = 0; i < by.keys; ++i) {
        keys[i] = args.datum(first_key + i);
        nulls[i] = args.is_null(first_key + i);
    }
    by.columns.hold(keys, nulls);
    const fingerprint key = by.hasher.print(args, 0);
    by.columns.write(keys, nulls, to.keys.room(by.columns.words(keys, nulls)));
    to.keys.add(key);
    for (std::size_t i = 0; i < by.values.size(); ++i) {
        if (!args.is_null(by.first_value() + static_cast<int>(i))) {
            to.values.add(key, i, by.values[i].print(args, 0));
        }
    }
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_distinct_parts_step, args)
{
    const row_reader& by = args.cached<row_reader>([=] { return row_reader{args, args.raw()->flinfo->fn_mcxt}; });
    setting_aside& to = args.is_null(0) ? new_state(args, by) : state(args, 0);
    set_aside(*to.open, by, args);
    return PointerGetDatum(&to);
}

ETL_FUNCTION(etl_distinct_parts_combine, args)
{
    if (args.is_null(0) || args.is_null(1)) {
        return args.is_null(0) ? (args.is_null(1) ? args.null_result() : args.datum(1)) : args.datum(0);
    }
    parted_values& all = state(args, 0).chunks;
    const parted_values& more = state(args, 1).chunks;
    all.keys.insert(all.keys.end(), more.keys.begin(), more.keys.end());
    all.values.insert(all.values.end(), more.values.begin(), more.values.end());
    return args.datum(0);
}

// Its result, and what a worker sends.
ETL_FUNCTION(etl_distinct_parts_chunks, args)
{
    setting_aside& from = state(args, 0);
    const part_chunks& keys = from.open ? from.open->keys.finish() : from.chunks.keys;
    const part_chunks& values = from.open ? from.open->values.finish() : from.chunks.values;
    std::pmr::vector<std::byte> bytes{&from.memory};
    byte_writer to{bytes};
    to.value(scanned_values{from.chunks.value_words, keys.size()});
    to.values(std::span<const part_chunk>{keys});
    to.values(std::span<const part_chunk>{values});
    pg::require_value_size(bytes.size());
    return args.result(std::span<const std::byte>{bytes});
}

// In the aggregate's memory, for it may become the state itself.
ETL_FUNCTION(etl_distinct_parts_deserial, args)
{
    const auto bytes = args.get<std::span<const std::byte>>(0);
    MemoryContext context = pg::require_aggregate(args, "a part of etl._distinct_parts");
    auto* made = pg::construct_in<setting_aside>(context, context);
    read_scanned(bytes, made->chunks);
    return PointerGetDatum(made);
}
