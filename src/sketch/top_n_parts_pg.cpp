// The scan behind etl.top_n_per_key: etl._top_parts, an aggregate that sets rows aside by key in temporary files, which
// the workers of the query share.
#include "sketch/top_n_parts_pg.hpp"
#include "pg/shared_parts.hpp"
#include "sketch/key_columns_pg.hpp"
#include "sketch/key_hash_pg.hpp"
#include "sketch/top_n_parts.hpp"
#include "sketch/top_n_pg.hpp"

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
            keys.add(args.type(i), memory);
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
    key_columns keys;
};

// An aggregate's state: rows that are set aside, or chunks of them that came from a worker.
struct setting_aside : pg::shared_parts {
    explicit setting_aside(MemoryContext context) : shared_parts{context}, types{memory()} {}

    void write(byte_writer& to)
    {
        to.bytes(types);
        shared_parts::write(to);
    }
    void read(byte_reader& from)
    {
        byte_writer to{types};
        const auto head = from.value<scanned_types>();
        to.value(head);
        to.bytes(from.bytes(head.keys * sizeof(Oid)));
        shared_parts::read(from);
    }

    std::pmr::vector<std::byte> types;
};

void write_types(std::pmr::vector<std::byte>& to, const row_reader& by)
{
    const scanned_types types{by.kind->value->type, by.kind->order->type, by.kind->order->collation, by.kind->ascending,
                              static_cast<std::uint32_t>(by.keys.count())};
    byte_writer writer{to};
    writer.value(types);
    for (std::size_t i = 0; i < by.keys.count(); ++i) {
        writer.value(by.keys.type(i));
    }
}

setting_aside& new_state(pg::arguments args, const row_reader& by)
{
    MemoryContext context = pg::require_aggregate(args, "a part of etl._top_parts");
    const auto area = args.get<std::span<const std::byte>>(area_argument);
    auto* made = pg::construct_in<setting_aside>(context, context);
    made->open(area);
    write_types(made->types, by);
    return *made;
}

// Only trivial locals: what reads a value may raise.
void set_aside(part_writer& to, const row_reader& by, pg::arguments args)
{
    const top_kind& kind = *by.kind;
    const bool is_null = args.is_null(value_argument);
    const Datum order = held_value(*kind.order, args.datum(order_argument));
    const Datum value = is_null ? Datum{0} : held_value(*kind.value, args.datum(value_argument));
    held_keys keys;
    by.keys.hold(args, first_key, keys);
    const std::size_t value_at = top_n::header_words + (kind.is_exact() ? 0 : words_of(held_size(*kind.order, order)));
    const std::size_t words = value_at + (is_null ? 0 : words_of(held_size(*kind.value, value)));
    const fingerprint key = by.hasher.print(args, 0);
    std::uint64_t* place = add_row(to, key, words + by.keys.words(keys));
    auto& entry = *new (place) top_entry{order_code(kind, order), static_cast<std::uint32_t>(words),
                                         static_cast<std::uint32_t>(value_at)};
    if (!kind.is_exact()) {
        write_held(*kind.order, order, top_n::order_of(entry));
    }
    if (!is_null) {
        write_held(*kind.value, value, top_n::value_of(entry));
    }
    by.keys.write(keys, place + words);
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_top_parts_step, args)
{
    const row_reader& by = args.cached<row_reader>([=] { return row_reader{args, args.raw()->flinfo->fn_mcxt}; });
    setting_aside& to = args.is_null(0) ? new_state(args, by) : pg::parts_state<setting_aside>(args);
    if (!args.is_null(order_argument)) {
        set_aside(to.rows(), by, args);
    }
    return PointerGetDatum(&to);
}

ETL_FUNCTION(etl_top_parts_combine, args)
{
    return pg::combine_parts<setting_aside>(args);
}

ETL_FUNCTION(etl_top_parts_chunks, args)
{
    return pg::write_parts<setting_aside>(args);
}

ETL_FUNCTION(etl_top_parts_deserial, args)
{
    return pg::read_parts<setting_aside>(args, "a part of etl._top_parts");
}
