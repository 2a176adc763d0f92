#include "sketch/key_hash_pg.hpp"

#include "pg/calling_expression.hpp"
#include "pg/numeric.hpp"
#include "sketch/fingerprint_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
}

#include <algorithm>
#include <cstring>

namespace etl {
namespace {

fingerprint print_bytes(const void* from, std::size_t size, std::uint64_t seed)
{
    const XXH128_hash_t hash = XXH3_128bits_withSeed(from, size, seed);
    return {hash.low64, hash.high64};
}

// Two bijections of the value, which share no bits with each other but by it.
fingerprint print_word(std::uint64_t value, std::uint64_t seed)
{
    constexpr std::uint64_t other_seed = 0x9e3779b97f4a7c15;
    return {detail::mix64(seed ^ value), detail::mix64(detail::mix64(seed + other_seed) + value)};
}

fingerprint print_numeric(Datum value, std::uint64_t seed)
{
    const decimal number = pg::read_numeric(value);
    const bool is_zero = number.is_finite() && number.count() == 0;
    const auto sign = static_cast<std::uint64_t>(is_zero ? decimal::sign::positive : number.is);
    const auto weight = static_cast<std::uint16_t>(is_zero ? 0 : number.weight);
    return print_bytes(number.digits.data(), number.digits.size(), detail::mix64(seed ^ (sign << 16 | weight)));
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

key_hasher::key_hasher(pg::arguments args, int first, int count, MemoryContext memory) : first_{first}, count_{count}
{
    columns_ = pg::call([&] {
        MemoryContext old = MemoryContextSwitchTo(memory);
        auto* made =
            static_cast<column*>(MemoryContextAllocZero(memory, sizeof(column) * static_cast<std::size_t>(count_ + 1)));
        for (int i = 0; i < count_; ++i) {
            made[i] = make_column(args.type(first_ + i), pg::argument_collation(args, first_ + i));
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

bool key_hasher::is_exact() const
{
    return std::none_of(columns_, columns_ + count_, [](const column& of) { return may_use_hashes(*of.print); });
}

fingerprint key_hasher::print_value(const column& of, Datum value, std::uint64_t seed)
{
    switch (of.how) {
    case reading::word: {
        const auto bits = static_cast<unsigned>(of.length) * 8;
        return print_word(bits < 64 ? value & ((std::uint64_t{1} << bits) - 1) : value, seed);
    }
    case reading::bytes: {
        if (of.length == -1) {
            const std::string_view text = pg::varlena_text(value);
            return print_bytes(text.data(), text.size(), seed);
        }
        const char* from = DatumGetPointer(value);
        return print_bytes(from, of.length > 0 ? static_cast<std::size_t>(of.length) : std::strlen(from), seed);
    }
    case reading::numeric:
        return print_numeric(value, seed);
    default: {
        fingerprint made{};
        if (!etl::print(*of.print, value, seed, made)) {
            throw error(sqlstate::undefined_function, "a key holds a value of a type that has no hash function");
        }
        return made;
    }
    }
}

// The low half is the seed of the next key, the high half is carried along.
fingerprint key_hasher::print(pg::arguments args, std::uint64_t seed) const
{
    constexpr std::uint64_t null = 0x6e756c6c; // whichever: the hash of nothing, by a seed of its own
    fingerprint made{detail::mix64(seed), seed};
    for (int i = 0; i < count_; ++i) {
        const fingerprint value = args.is_null(first_ + i) ? print_bytes(nullptr, 0, detail::mix64(made.low + null))
                                                           : print_value(columns_[i], args.datum(first_ + i), made.low);
        made = {value.low, value.high ^ detail::mix64(made.high)};
    }
    return made;
}

} // namespace etl
