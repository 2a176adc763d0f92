// The scan behind etl.top_n_per_key: etl._top_parts, an aggregate that sets rows aside by key in temporary files, which
// the workers of the query share.
#include "sketch/top_n_parts_pg.hpp"
#include "pg/calling_expression.hpp"
#include "pg/spill.hpp"
#include "sketch/key_hash_pg.hpp"
#include "sketch/top_n_parts.hpp"
#include "sketch/top_n_pg.hpp"

#include <optional>
#include <vector>

namespace etl {
namespace {

// (state, area, ascending, value, order, keys …)
enum argument { area_argument = 1, ascending_argument, value_argument, order_argument, first_key };

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
    const auto area = args.get<std::span<const std::byte>>(area_argument);
    auto* made = pg::construct_in<setting_aside>(context, context);
    made->store.emplace(area, context);
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
    bytes.resize(words_of(bytes.size()) * sizeof(std::uint64_t));
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
