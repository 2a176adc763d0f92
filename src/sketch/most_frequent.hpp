// Which values occur most often: a table of counters, one a value.
//
// With a bounded number of counters it is the space-saving algorithm: a value without a counter takes over the one with
// the lowest count, adds itself to it, and notes the count taken over as its possible error. So for every value that
// has a counter, count - error <= times it occurs <= count; no other occurs more often than the lowest count, which is
// at most rows / counters. (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient computation of frequent and top-k
// elements in data streams", 2005.)
//
// Merging keeps that: a value that only one side has a counter for may occur on the other as often as the lowest count
// there, so this is added to its count and its error, and of all values those with the greatest counts stay. (P.
// Agarwal et al., "Mergeable summaries", 2012, section 3: less the lowest count, the counters are a Misra-Gries
// summary, and the sum of what the two may have missed and of the first count dropped stays within rows / counters.)
//
// The stored form:
//
//   magic "FREQ" u32, version u32                       state_header
//   encoding i32, k u32, counters u32, rows u64         k is 0 where it was not asked for, counters where it is exact
//   type of the values, collation of their equality     each a schema and a name, as strings
//   shape of the type u64                               what a row's columns are, 0 for a type without rows
//   values u64, and of each: count u64, error u64, value string
#pragma once

#include "core/byte_io.hpp"
#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace etl {

struct counted_value {
    fingerprint key;
    std::uint64_t count;
    std::uint64_t error;
    std::byte* bytes;
    std::uint32_t size;
    std::uint32_t place; // in the heap

    // How often it occurs at least.
    std::uint64_t least() const noexcept { return count - error; }
};

// Whether a value whose fingerprint is the one sought is the value itself.
class same_value {
  public:
    virtual ~same_value() = default;
    virtual bool is(const counted_value& found) const = 0;

  protected:
    same_value() = default;
    same_value(const same_value&) = default;
    same_value& operator=(const same_value&) = default;
};

// What is known of values' bytes.
class value_rules {
  public:
    virtual bool are_equal(const counted_value& a, const counted_value& b) const = 0;
    // Of equal values that look different, the one to show.
    virtual bool is_shown_before(const counted_value& a, const counted_value& b) const = 0;

  protected:
    ~value_rules() = default;
};

class frequency_table {
  public:
    static constexpr std::uint32_t max_counters = 10'000'000;

    // `counters` 0 counts exactly, within so many bytes of memory; past them it throws program_limit_exceeded.
    frequency_table(std::pmr::memory_resource* memory, std::uint32_t counters, std::size_t most_bytes);
    ~frequency_table();
    frequency_table(const frequency_table&) = delete;
    frequency_table& operator=(const frequency_table&) = delete;

    std::uint32_t counters() const noexcept { return counters_; }
    std::uint64_t rows() const noexcept { return rows_; }
    std::span<const counted_value> values() const noexcept { return values_; }

    // How often a value without a counter occurs at most.
    std::uint64_t floor() const noexcept { return is_full() ? values_[heap_[0]].count : 0; }

    counted_value* find(const fingerprint& key, const same_value& same);

    // One more row of a value that has a counter.
    void count(counted_value& value);

    // The first row of a value that has none, whose bytes the caller fills in.
    counted_value& add(const fingerprint& key, std::size_t bytes);

    // A value of a stored table that was checked. Its bytes are filled in by the caller before the next call.
    counted_value& add_stored(const fingerprint& key, std::size_t bytes, std::uint64_t count, std::uint64_t error);
    void add_rows(std::uint64_t rows);

    void merge(const frequency_table& other, const value_rules& rules, poll_fn poll);

    // Gives a value other bytes that are equal to its own.
    std::byte* replace_bytes(counted_value& value, std::size_t bytes);

  private:
    bool is_full() const noexcept { return counters_ > 0 && values_.size() == counters_; }
    std::size_t slot_of(const fingerprint& key) const noexcept;
    void enter(std::uint32_t value);
    void forget(std::uint32_t value);
    void rebuild();
    void keep_greatest();
    counted_value& insert(const fingerprint& key, std::size_t bytes, std::uint64_t count, std::uint64_t error);
    std::byte* allocate(std::size_t bytes);
    void release(counted_value& value) noexcept;
    bool is_lower(std::uint32_t a, std::uint32_t b) const noexcept { return values_[a].count < values_[b].count; }
    void place(std::uint32_t value, std::size_t at) noexcept;
    void sink(std::size_t at) noexcept;
    void rise(std::size_t at) noexcept;

    std::pmr::memory_resource* memory_;
    std::uint32_t counters_;
    std::size_t most_bytes_;
    std::size_t bytes_ = 0;
    std::uint64_t rows_ = 0;
    std::pmr::vector<counted_value> values_;
    std::pmr::vector<std::uint32_t> table_; // numbers of values, from 1; 0 is free
    std::pmr::vector<std::uint32_t> heap_;  // numbers of values, the lowest count first; empty when exact
};

struct frequencies_header {
    std::int32_t encoding = 0;
    std::uint32_t k = 0;
    std::uint32_t counters = 0;
    std::uint64_t rows = 0;
    std::string_view value_schema, value_type;
    std::string_view collation_schema, collation;
    std::uint64_t value_shape = 0;
};

struct stored_frequency {
    std::uint64_t count;
    std::uint64_t error;
    std::string_view value;
};

constexpr char frequencies_type[] = "etl.frequency_state";

void write_frequencies_header(byte_writer& to, const frequencies_header& header, std::size_t values);
void write_frequency(byte_writer& to, const stored_frequency& of);

// Reads a stored table from a stranger: what it says of itself, then each value; finish() checks the sums.
class frequencies_reader {
  public:
    explicit frequencies_reader(std::span<const std::byte> bytes);

    const frequencies_header& header() const noexcept { return header_; }
    std::size_t values() const noexcept { return values_; }
    stored_frequency next();
    void finish() const;

  private:
    byte_reader from_;
    frequencies_header header_;
    std::size_t values_;
    std::uint64_t counted_ = 0;
};

void check_frequencies(std::span<const std::byte> bytes, poll_fn poll);

} // namespace etl
