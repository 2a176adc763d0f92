// The two scans that find duplicates: etl._repeated_keys notes which keys may occur more than once, and
// etl._is_repeated asks for the rows that have one of them.
#include "dedupe/repeated_keys.hpp"
#include "pg/calling_expression.hpp"
#include "pg/memory.hpp"
#include "sketch/key_hash_pg.hpp"

extern "C" {
#include <fmgr.h>
#include <miscadmin.h>
#include <nodes/execnodes.h>
#include <nodes/supportnodes.h>
}

#include <algorithm>
#include <optional>
#include <utility>

namespace etl::dedupe {
namespace {

constexpr std::uint32_t nulls_are_equal = 1;

// Two states at a time are in memory where one is merged into another.
std::size_t budget()
{
    return get_hash_memory_limit() / 2;
}

// An aggregate's state.
struct counting {
    explicit counting(MemoryContext context) : memory{context} {}

    pg::context_resource memory;
    std::optional<repeated_keys> keys;
};

counting& state(pg::arguments args, int i)
{
    return *reinterpret_cast<counting*>(DatumGetPointer(args.given(i)));
}

Datum as_datum(counting& made)
{
    return PointerGetDatum(&made);
}

counting& new_state(pg::arguments args, MemoryContext context)
{
    const std::int64_t rows = std::max<std::int64_t>(args.get<std::int64_t>(1), 0);
    const auto seed = static_cast<std::uint64_t>(args.get<std::int64_t>(2));
    const std::uint32_t flags = args.get<bool>(3) ? nulls_are_equal : 0;
    auto* made = pg::construct_in<counting>(context, context);
    made->keys.emplace(&made->memory, key_layout::for_keys(static_cast<std::uint64_t>(rows), budget()), seed, flags);
    return *made;
}

// Bytes made by `write` in a new value.
template <class Write>
Datum make_bytes(std::size_t size, Write&& write)
{
    auto* made = static_cast<varlena*>(pg::allocate_in(CurrentMemoryContext, size + VARHDRSZ));
    SET_VARSIZE(made, size + VARHDRSZ);
    write(reinterpret_cast<std::byte*>(VARDATA(made)));
    return PointerGetDatum(made);
}

const key_hasher& hasher_of(pg::arguments args, int first)
{
    return args.cached<key_hasher>([=] { return key_hasher{args, first, args.raw()->flinfo->fn_mcxt}; });
}

} // namespace
} // namespace etl::dedupe

using namespace etl;
using namespace etl::dedupe;

// (state, rows expected, seed, nulls_equal, keys …)
ETL_FUNCTION(etl_repeated_keys_step, args)
{
    constexpr int first_key = 4;
    const key_hasher& hasher = hasher_of(args, first_key);
    counting& counted =
        args.is_null(0) ? new_state(args, pg::require_aggregate(args, "a part of etl._repeated_keys")) : state(args, 0);
    if (args.get<bool>(3) || !hasher.has_null(args)) {
        counted.keys->add(hasher.hash(args, counted.keys->seed()));
    }
    return as_datum(counted);
}

ETL_FUNCTION(etl_repeated_keys_combine, args)
{
    if (args.is_null(0) || args.is_null(1)) {
        return args.is_null(0) ? (args.is_null(1) ? args.null_result() : args.datum(1)) : args.datum(0);
    }
    state(args, 0).keys->merge(std::move(*state(args, 1).keys), pg::poll);
    return args.datum(0);
}

ETL_FUNCTION(etl_repeated_keys_serial, args)
{
    repeated_keys& keys = *state(args, 0).keys;
    return make_bytes(keys.state_size(), [&](std::byte* to) { keys.write_state(to); });
}

// In the aggregate's memory, for it may become the state itself.
ETL_FUNCTION(etl_repeated_keys_deserial, args)
{
    const auto bytes = args.get<std::span<const std::byte>>(0);
    MemoryContext context = pg::require_aggregate(args, "a part of etl._repeated_keys");
    auto* made = pg::construct_in<counting>(context, context);
    made->keys.emplace(repeated_keys::read_state(&made->memory, bytes));
    return as_datum(*made);
}

ETL_FUNCTION(etl_repeated_keys_final, args)
{
    if (args.is_null(0)) {
        return args.null_result();
    }
    repeated_keys& keys = *state(args, 0).keys;
    const std::uint32_t folds = keys.best_folds(pg::poll);
    return make_bytes(keys.answer_size(folds), [&](std::byte* to) { keys.write_answer(to, folds, pg::poll); });
}

// (answer, keys …)
ETL_FUNCTION(etl_is_repeated, args)
{
    constexpr int first_key = 1;
    if (args.is_null(0)) {
        return args.result(false);
    }
    const auto repeated = repeated_keys_view::read(args.get<std::span<const std::byte>>(0));
    const key_hasher& hasher = hasher_of(args, first_key);
    if ((repeated.flags() & nulls_are_equal) == 0 && hasher.has_null(args)) {
        return args.result(false);
    }
    return args.result(repeated.has(hasher.hash(args, repeated.seed())));
}

// (seed, keys …)
ETL_FUNCTION(etl_key_hash, args)
{
    const key_hasher& hasher = hasher_of(args, 1);
    return args.result(
        static_cast<std::int64_t>(hasher.hash(args, static_cast<std::uint64_t>(args.get<std::int64_t>(0)))));
}

// One row in ten is taken to have a repeated key, so that what follows is planned for many rows but not for all.
ETL_FUNCTION(etl_is_repeated_support, args)
{
    auto* request = reinterpret_cast<Node*>(DatumGetPointer(args.datum(0)));
    if (!IsA(request, SupportRequestSelectivity)) {
        return PointerGetDatum(nullptr);
    }
    reinterpret_cast<SupportRequestSelectivity*>(request)->selectivity = 0.1;
    return PointerGetDatum(request);
}
