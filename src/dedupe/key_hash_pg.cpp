#include "dedupe/key_hash_pg.hpp"

#include "pg/numeric.hpp"
#include "sketch/fingerprint_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <nodes/nodeFuncs.h>
#include <nodes/primnodes.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
}

#include <cstring>

namespace etl::dedupe {
namespace {

constexpr char undefined_function[] = "42883";

std::uint64_t hash_bytes(const void* from, std::size_t size, std::uint64_t seed)
{
    return XXH3_64bits_withSeed(from, size, seed);
}

std::uint64_t hash_numeric(Datum value, std::uint64_t seed)
{
    const decimal number = pg::read_numeric(value);
    const bool is_zero = number.is_finite() && number.count() == 0;
    const auto sign = static_cast<std::uint64_t>(is_zero ? decimal::sign::positive : number.is);
    const auto weight = static_cast<std::uint16_t>(is_zero ? 0 : number.weight);
    return hash_bytes(number.digits.data(), number.digits.size(), detail::mix64(seed ^ (sign << 16 | weight)));
}

// The collation of one argument: each key keeps its own, where the call as a whole has but one.
Oid collation_of(pg::arguments args, int i)
{
    if (const Aggref* aggregate = AggGetAggref(args.raw())) { // whose first argument comes after the state
        const auto* entry = static_cast<const TargetEntry*>(list_nth(aggregate->args, i - 1));
        return exprCollation(reinterpret_cast<const Node*>(entry->expr));
    }
    const Node* call = args.raw()->flinfo->fn_expr;
    return call != nullptr && IsA(call, FuncExpr)
               ? exprCollation(static_cast<Node*>(list_nth(reinterpret_cast<const FuncExpr*>(call)->args, i)))
               : args.collation();
}

} // namespace

key_hasher::column key_hasher::make_column(Oid type, Oid collation)
{
    bool by_value = false;
    column made = {};
    const Oid base = getBaseType(type);
    made.print = make_printer(base, collation);
    get_typlenbyval(base, &made.length, &by_value);
    made.how = are_bytes_printed(*made.print) ? (by_value ? reading::word : reading::bytes)
               : base == NUMERICOID           ? reading::numeric
                                              : reading::other;
    return made;
}

key_hasher::key_hasher(pg::arguments args, int first, MemoryContext memory)
    : first_{first}, count_{args.count() - first}
{
    columns_ = pg::call([&] {
        MemoryContext old = MemoryContextSwitchTo(memory);
        auto* made =
            static_cast<column*>(MemoryContextAllocZero(memory, sizeof(column) * static_cast<std::size_t>(count_ + 1)));
        for (int i = 0; i < count_; ++i) {
            made[i] = make_column(args.type(first_ + i), collation_of(args, first_ + i));
        }
        MemoryContextSwitchTo(old);
        return made;
    });
}

bool key_hasher::has_null(pg::arguments args) const noexcept
{
    for (int i = 0; i < count_; ++i) {
        if (args.is_null(first_ + i)) {
            return true;
        }
    }
    return false;
}

std::uint64_t key_hasher::hash_value(const column& of, Datum value, std::uint64_t seed)
{
    switch (of.how) {
    case reading::word: {
        const auto bits = static_cast<unsigned>(of.length) * 8;
        return detail::mix64(seed ^ (bits < 64 ? value & ((std::uint64_t{1} << bits) - 1) : value));
    }
    case reading::bytes: {
        if (of.length == -1) {
            const std::string_view text = pg::varlena_text(value);
            return hash_bytes(text.data(), text.size(), seed);
        }
        const char* from = DatumGetPointer(value);
        return hash_bytes(from, of.length > 0 ? static_cast<std::size_t>(of.length) : std::strlen(from), seed);
    }
    case reading::numeric:
        return hash_numeric(value, seed);
    default: {
        fingerprint print{};
        if (!etl::print(*of.print, value, seed, print)) {
            throw error(undefined_function, "a key holds a value of a type that has no hash function");
        }
        return detail::mix64(seed ^ print.low);
    }
    }
}

std::uint64_t key_hasher::hash(pg::arguments args, std::uint64_t seed) const
{
    std::uint64_t made = seed;
    for (int i = 0; i < count_; ++i) {
        made =
            args.is_null(first_ + i) ? detail::mix64(made + 1) : hash_value(columns_[i], args.datum(first_ + i), made);
    }
    return made;
}

} // namespace etl::dedupe
