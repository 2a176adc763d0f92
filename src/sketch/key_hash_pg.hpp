// The fingerprint of a row's keys, by the equality of their types: equal keys have equal ones, others hardly ever.
#pragma once

#include "pg/function.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>

namespace etl {

struct printer;

class key_hasher {
  public:
    // For `count` arguments of a function from `first` on; all that are left by default. May raise: made by
    // construct_in, it lies in a memory context, and what it needs does so, too.
    key_hasher(pg::arguments args, int first, MemoryContext memory)
        : key_hasher{args, first, args.count() - first, memory}
    {
    }
    key_hasher(pg::arguments args, int first, int count, MemoryContext memory);

    // Whether a key is NULL.
    bool has_null(pg::arguments args) const noexcept;

    // Whether different keys have different fingerprints, but for chance. Otherwise what is equal must be compared.
    bool is_exact() const;

    // NULLs are equal to each other. May raise: only trivial locals may be alive. Raises 42883 for a value of which no
    // part may be hashed.
    fingerprint print(pg::arguments args, std::uint64_t seed) const;

    // The half of it that tells keys apart where what is found is compared.
    std::uint64_t hash(pg::arguments args, std::uint64_t seed) const { return print(args, seed).low; }

  private:
    enum class reading : std::uint8_t { word, bytes, numeric, other };
    struct column {
        reading how;
        std::int16_t length;
        printer* print;
    };
    static column make_column(Oid type, Oid collation);
    static fingerprint print_value(const column& of, Datum value, std::uint64_t seed);

    int first_;
    int count_;
    column* columns_;
};

} // namespace etl
