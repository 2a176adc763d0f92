// What is done with the features of a point-in-time join where they are read: etl._asof_may_match drops rows of other
// keys, and etl._asof_features keeps the rows that may be joined, in each parallel worker those that are best so far.
#include "feature/asof_best.hpp"
#include "feature/asof_queue.hpp"
#include "feature/asof_rows_pg.hpp"
#include "pg/shared_parts.hpp"
#include "sketch/key_hash_pg.hpp"

extern "C" {
#include <access/parallel.h>
#include <utils/uuid.h>
}

#include <cstring>
#include <limits>
#include <optional>

namespace etl::feature {
namespace {

// (state, area, index, row, moment, moment of creation, keys …)
enum argument { area_argument = 1, index_argument, row_argument, time_argument, created_argument, first_key };

constexpr std::size_t least_room = std::size_t{4} << 20;

// An aggregate's state: rows that are set aside, or chunks of them that came from a worker.
struct gathering : pg::shared_parts {
    explicit gathering(MemoryContext context) : shared_parts{context}, flat{memory()}, ranking{context} {}

    void write_best();
    void write(byte_writer& to);

    std::pmr::vector<std::byte> flat; // the index, unless it stays where it is: see stays_in_place()
    asof_index index{};
    column_ranking ranking;
    std::optional<asof_best> best; // after what it leans on
    std::optional<asof_queue> queue;
    std::size_t room = 0;
};

// Writes the rows that are best so far. They compete again when they are read.
void gathering::write_best()
{
    poller stop{pg::poll};
    best->each([&](const fingerprint& key, const noted_row& noted) {
        add_record(rows(), {key, noted.time, noted.known, noted.created, 1, 0}, noted.row());
        stop.tick();
    });
    best->clear();
}

void gathering::write(byte_writer& to)
{
    if (best) {
        queue->finish();
        write_best();
    }
    shared_parts::write(to);
}

// What is the same for all rows of a call.
struct reader {
    reader(pg::arguments args, MemoryContext memory)
        : keys{args, first_key, memory}, time_type{args.type(time_argument)}, created_type{args.type(created_argument)}
    {
        if (!is_moment(time_type) || !is_moment(created_type)) {
            throw error(sqlstate::feature_not_supported, "etl._asof_features takes moments and whole numbers only");
        }
    }

    key_hasher keys;
    Oid time_type;
    Oid created_type;
};

// A parameter of the query lies in one place to its end, unless it has to be detoasted: then a row has a copy of its
// own.
bool stays_in_place(pg::arguments args, int i)
{
    const Node* expression = pg::argument_expression(args, i);
    return expression != nullptr && IsA(expression, Param) &&
           reinterpret_cast<const Param*>(expression)->paramkind == PARAM_EXTERN &&
           !VARATT_IS_EXTENDED(DatumGetPointer(args.given(i)));
}

// For rows, beside the index. The leader also has some of the spine in memory.
std::size_t room_beside(std::size_t index)
{
    const std::size_t all = IsParallelWorker() ? asof_budget() : asof_budget() / 3 * 2;
    return std::max(all, index + 2 * least_room) - index - least_room;
}

gathering& new_state(pg::arguments args, MemoryContext context)
{
    const auto area = args.get<std::span<const std::byte>>(area_argument);
    const auto flat = args.get<std::span<const std::byte>>(index_argument);
    auto* made = pg::construct_in<gathering>(context, context);
    if (!stays_in_place(args, index_argument)) {
        made->flat.assign(flat.begin(), flat.end());
    }
    made->index = asof_index::read(made->flat.empty() ? flat : made->flat);
    made->open(area);
    made->room = room_beside(flat.size());
    if (made->index.has_labels() && made->index.rules().is_one_sided()) {
        made->best.emplace(made->memory(), made->index, label_range{0, made->index.labels()}, made->ranking);
        made->queue.emplace(made->memory(), made->index, *made->best);
    }
    return *made;
}

void add(gathering& to, const asof_record& row, std::span<const std::byte> bytes)
{
    if (!to.best) {
        add_record(to.rows(), row, bytes);
        return;
    }
    to.queue->add(row, bytes);
    if (to.best->row_bytes() > to.room) {
        to.write_best();
    }
}

// Passes every row once most of the first have passed: then the search that follows does for both.
struct filter {
    filter(pg::arguments args, MemoryContext memory) : keys{args, 1, memory} {}

    static constexpr unsigned tried = 4096;

    bool is_useless() const noexcept { return seen == tried && passed > tried / 4 * 3; }

    key_hasher keys;
    unsigned seen = 0;
    unsigned passed = 0;
};

} // namespace
} // namespace etl::feature

using namespace etl;
using namespace etl::feature;

ETL_FUNCTION(etl_asof_features_step, args)
{
    MemoryContext context = pg::require_aggregate(args, "a part of etl._asof_features");
    const reader& by = args.cached<reader>([=] { return reader{args, args.raw()->flinfo->fn_mcxt}; });
    gathering& to = args.is_null(0) ? new_state(args, context) : pg::parts_state<gathering>(args);
    const asof_rules rules = to.index.rules();
    const bool has_created = rules.has_created && !args.is_null(created_argument);
    if (args.is_null(row_argument) || args.is_null(time_argument) || (rules.has_known && !has_created) ||
        by.keys.has_null(args)) {
        return PointerGetDatum(&to);
    }
    const fingerprint key = by.keys.print(args, to.index.seed());
    if (to.index.may_have(key)) {
        constexpr std::int64_t always = std::numeric_limits<std::int64_t>::min();
        const std::int64_t created = has_created ? read_moment(by.created_type, args.datum(created_argument)) : always;
        const std::int64_t known = rules.has_known ? created : always;
        add(to, {key, read_moment(by.time_type, args.datum(time_argument)), known, created, 1, 0},
            composite_bytes(args.datum(row_argument)));
    }
    return PointerGetDatum(&to);
}

ETL_FUNCTION(etl_asof_features_combine, args)
{
    return pg::combine_parts<gathering>(args);
}

ETL_FUNCTION(etl_asof_features_chunks, args)
{
    return pg::write_parts<gathering>(args);
}

ETL_FUNCTION(etl_asof_features_deserial, args)
{
    return pg::read_parts<gathering>(args, "a part of etl._asof_features");
}

// (index, keys …)
ETL_FUNCTION(etl_asof_may_match, args)
{
    auto& by = args.cached<filter>([=] { return filter{args, args.raw()->flinfo->fn_mcxt}; });
    if (args.is_null(0) || by.is_useless()) {
        return args.result(!args.is_null(0));
    }
    // Read anew for each row: an expression that is called again may bring another value, and lay it elsewhere.
    const asof_index index = asof_index::read(args.get<std::span<const std::byte>>(0));
    const bool passes = !by.keys.has_null(args) && index.may_have(by.keys.print(args, index.seed()));
    if (by.seen < filter::tried) {
        ++by.seen;
        by.passed += passes ? 1 : 0;
    }
    return args.result(passes);
}

// (seed, keys …)
ETL_FUNCTION(etl_asof_key, args)
{
    const key_hasher& keys = args.cached<key_hasher>([=] { return key_hasher{args, 1, args.raw()->flinfo->fn_mcxt}; });
    if (keys.has_null(args)) {
        return args.null_result();
    }
    const fingerprint key = keys.print(args, static_cast<std::uint64_t>(args.get<std::int64_t>(0)));
    static_assert(sizeof key == UUID_LEN);
    void* made = pg::allocate_in(CurrentMemoryContext, UUID_LEN);
    std::memcpy(made, &key, UUID_LEN);
    return PointerGetDatum(made);
}
