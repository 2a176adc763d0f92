// What stands for a set of rows: how many they are, and the sum of their 128-bit hashes.
//
// The sum does not depend on the order of the rows, and sums of parts add up to the sum of the whole. So a batch that
// moves, the manifest of an archive and the rows that lie there today can be compared, whoever computed each of them,
// in whatever order and in however many parts. (M. Bellare and D. Micciancio call such a sum AdHash in "A new paradigm
// for collision-free hashing: incrementality at reduced cost", 1997.) A row counts as often as it is there.
//
// The hash of a row is XXH3, whose 128 bits make it as good as impossible that a row which was changed, lost or doubled
// by accident leaves the sum as it was. XXH3 is no cryptographic hash: somebody who may write to the archive and wants
// to deceive its owner can construct rows with one sum.
//
// A row is written as its columns, each as a mark made of its name and its value; columns that are NULL are left out. A
// value is its length and its bytes, or a mark and the parts that it is made of (row_hash_pg.hpp says of which types).
// No two rows are written alike. All of this is part of what manifests store: it never changes within a version.
#pragma once

#include "core/bytes.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace etl {

struct rows_hash {
    // Memory contexts align to eight bytes.
    using sum_type [[gnu::aligned(8)]] = unsigned __int128;

    std::uint64_t count = 0; // modulo 2^64: a difference may be negative
    sum_type sum = 0;        // modulo 2^128

    void add(const rows_hash& other) noexcept
    {
        count += other.count;
        sum += other.sum;
    }
    void subtract(const rows_hash& other) noexcept
    {
        count -= other.count;
        sum -= other.sum;
    }
    std::int64_t rows() const noexcept { return static_cast<std::int64_t>(count); }

    friend bool operator==(const rows_hash&, const rows_hash&) = default;

    // The flat form: header, count, sum.
    static constexpr std::size_t flat_size = sizeof(state_header) + sizeof(count) + sizeof(sum);
    void write(std::byte* to) const noexcept;
    static rows_hash read(std::span<const std::byte> bytes);
    static void check(std::span<const std::byte> bytes) { read(bytes); }

    // The text form: the count, a colon, 32 hexadecimal digits.
    std::string to_string() const;
    static rows_hash parse(std::string_view text);
};
static_assert(std::is_trivially_copyable_v<rows_hash>);

// The mark of a column.
inline std::uint64_t column_mark(std::string_view name) noexcept
{
    return XXH3_64bits(name.data(), name.size());
}

// Writes one row after the other and hashes each. Trivial, so that PostgreSQL may raise in the midst of a row; a row
// that was begun and not finished is forgotten by the next start(). Takes rows of any size: what has been written is
// replaced by its hash where the buffer is full, and so is a long value.
class row_writer {
  public:
    void start() noexcept { used_ = 0; }

    // What the column's value follows.
    void column(std::uint64_t mark) noexcept
    {
        reserve(sizeof mark);
        put(mark);
    }

    // A value of at most eight bytes, in the lowest bytes of a word.
    void word(std::uint64_t value, unsigned size) noexcept
    {
        reserve(sizeof(std::uint32_t) + sizeof value);
        put(static_cast<std::uint32_t>(size));
        store(buffer_.data() + used_, value);
        used_ += size;
    }

    void bytes(std::span<const std::byte> value) noexcept
    {
        if (value.size() > longest_written) {
            long_bytes(value);
            return;
        }
        reserve(sizeof(std::uint32_t) + value.size());
        put(static_cast<std::uint32_t>(value.size()));
        if (!value.empty()) {
            std::memcpy(buffer_.data() + used_, value.data(), value.size());
            used_ += value.size();
        }
    }
    void text(std::string_view value) noexcept { bytes(std::as_bytes(std::span{value})); }

    // A value of parts begins: what it is, and a number that says how many they are, or of which kind. Lengths of bytes
    // stay below these marks.
    enum class part : std::uint32_t { null = 0xffffff00, array, record, range, multirange, packed };
    void parts(part what, std::uint32_t number) noexcept
    {
        reserve(sizeof what + sizeof number);
        put(what);
        put(number);
    }
    void null() noexcept
    {
        reserve(sizeof(part));
        put(part::null);
    }

    rows_hash finish() const noexcept
    {
        const XXH128_hash_t hash = XXH3_128bits(buffer_.data(), used_);
        return {1, static_cast<rows_hash::sum_type>(hash.high64) << 64 | hash.low64};
    }

  private:
    static constexpr std::size_t buffer_size = 2048;
    static constexpr std::size_t longest_written = 512;

    void reserve(std::size_t bytes) noexcept
    {
        if (used_ + bytes > buffer_size) [[unlikely]] {
            condense();
        }
    }
    template <class T>
    void put(T value) noexcept
    {
        store(buffer_.data() + used_, value);
        used_ += sizeof value;
    }
    void long_bytes(std::span<const std::byte> value) noexcept;
    void condense() noexcept;

    std::array<std::byte, buffer_size> buffer_;
    std::size_t used_;
};
static_assert(std::is_trivial_v<row_writer>);

} // namespace etl
