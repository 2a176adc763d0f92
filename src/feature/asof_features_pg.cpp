// What is done with the features of a point-in-time join where they are read: etl._asof_may_match drops rows of other
// keys, and etl._asof_features keeps the rows that may be joined, in each parallel worker those that are best so far.
#include "feature/asof_best.hpp"
#include "feature/asof_queue.hpp"
#include "feature/asof_rows_pg.hpp"
#include "pg/calling_expression.hpp"
#include "pg/memory.hpp"
#include "pg/spill.hpp"
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
struct gathering {
    explicit gathering(MemoryContext context) : memory{context}, flat{&memory}, chunks{&memory}, ranking{context} {}

    pg::context_resource memory;
    std::pmr::vector<std::byte> flat; // the index, unless it stays where it is: see stays_in_place()
    std::optional<pg::file_run_store> store;
    asof_index index{};
    std::optional<record_writer> writer;
    record_chunks chunks;
    column_ranking ranking;
    std::optional<asof_best> best; // after what it leans on
    std::optional<asof_queue> queue;
    std::size_t room = 0;
};

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

gathering& state(pg::arguments args, int i)
{
    return *reinterpret_cast<gathering*>(DatumGetPointer(args.given(i)));
}

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
    made->store.emplace(area, context);
    made->writer.emplace(&made->memory, *made->store, true, 0);
    made->room = room_beside(flat.size());
    if (made->index.has_labels() && made->index.rules().is_one_sided()) {
        made->best.emplace(&made->memory, made->index, label_range{0, made->index.labels()}, made->ranking);
        made->queue.emplace(&made->memory, made->index, *made->best);
    }
    return *made;
}

// Writes the rows that are best so far. They compete again when they are read.
void write_best(gathering& from)
{
    poller stop{pg::poll};
    from.best->each([&](const fingerprint& key, const noted_row& noted) {
        from.writer->add({key, noted.time, noted.known, noted.created, 1, 0}, noted.row());
        stop.tick();
    });
    from.best->clear();
}

void add(gathering& to, const asof_record& row, std::span<const std::byte> bytes)
{
    if (!to.best) {
        to.writer->add(row, bytes);
        return;
    }
    to.queue->add(row, bytes);
    if (to.best->row_bytes() > to.room) {
        write_best(to);
    }
}

const record_chunks& finish(gathering& of)
{
    if (!of.writer) {
        return of.chunks;
    }
    if (of.best) {
        of.queue->finish();
        write_best(of);
    }
    of.writer->finish();
    return of.writer->chunks();
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
    gathering& to = args.is_null(0) ? new_state(args, context) : state(args, 0);
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
    if (args.is_null(0) || args.is_null(1)) {
        return args.is_null(0) ? (args.is_null(1) ? args.null_result() : args.datum(1)) : args.datum(0);
    }
    record_chunks& all = state(args, 0).chunks;
    const record_chunks& more = state(args, 1).chunks;
    all.insert(all.end(), more.begin(), more.end());
    return args.datum(0);
}

// Its result, and what a worker sends.
ETL_FUNCTION(etl_asof_features_chunks, args)
{
    const record_chunks& chunks = finish(state(args, 0));
    const std::size_t size = VARHDRSZ + chunks_size(chunks);
    auto* made = static_cast<varlena*>(pg::allocate_in(CurrentMemoryContext, size));
    SET_VARSIZE(made, size);
    write_chunks(chunks, reinterpret_cast<std::byte*>(VARDATA(made)));
    return PointerGetDatum(made);
}

// In the aggregate's memory, for it may become the state itself.
ETL_FUNCTION(etl_asof_features_deserial, args)
{
    const auto bytes = args.get<std::span<const std::byte>>(0);
    MemoryContext context = pg::require_aggregate(args, "a part of etl._asof_features");
    auto* made = pg::construct_in<gathering>(context, context);
    read_chunks(made->chunks, bytes);
    return PointerGetDatum(made);
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
