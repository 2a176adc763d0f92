// The state of a validation: what one scan, or a part of one, has found. One flat value, merged from any split.
//
//   header    48 bytes: mark, version, rows, and the sizes of what follows
//   plan      the compiled suite's text, the same in every state that may be merged
//   counters  one a check: missing, unexpected, and its failing values so far
//   log       the failing values: per check those of the 20 first rows by position, so that parallel workers and
//             a serial scan report the same ones. A replaced value stays as a hole until the log is full; then the
//             log is compacted and, if need be, doubled.
//   slots     for uniqueness: an open-addressing table from (check, fingerprint) to how many rows and the first one
//
// Sections after the plan start at multiples of eight. The table stands last because it grows most.
#pragma once

#include "core/bytes.hpp"
#include "sketch/fingerprint.hpp"
#include "validate/checks.hpp"

#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace etl::validate {

class validation_state {
  public:
    static constexpr std::uint32_t magic = make_magic("EVST");
    static constexpr std::uint32_t version = 1;
    static constexpr const char* type_name = "etl.validation_state";
    static constexpr std::uint32_t most_values = 20; // Great Expectations' partial_unexpected_count

    // Writes an empty state into the buffer.
    static void create(flat_buffer& buffer, std::string_view plan, std::size_t checks);

    // Throws where bytes that come from outside are no state: afterwards every member function is safe on them.
    static void check_foreign(std::span<const std::byte> bytes);

    // Works on a buffer that create() filled or check_foreign() accepted. What growing needs for a moment comes from
    // `scratch`; `poll` is called while much is moved.
    explicit validation_state(flat_buffer& buffer, poll_fn poll = never_poll,
                              std::pmr::memory_resource* scratch = std::pmr::get_default_resource())
        : buffer_{buffer}, poll_{poll}, scratch_{scratch}
    {
    }

    // Tests one row with every check and counts what they say.
    void add_row(const checker& checks, std::span<const field> row, row_position position);

    // Adds another state of the same plan; leaves it as it is.
    void merge(std::span<const std::byte> other);

  private:
    void add_verdict(std::uint32_t i, const check& c, verdict found, std::span<const field> row, row_position position);
    void add_value(std::uint32_t check, row_position position, std::string_view json);
    bool wants_value(std::uint32_t check, row_position position) const;
    void drop_last_value(std::uint32_t check);
    void reserve_log(std::size_t bytes);
    void add_fingerprint(std::uint32_t check, fingerprint print, std::uint32_t rows, row_position first);
    bool counts(std::uint32_t check, fingerprint print);
    void reserve_slots(std::uint64_t more);
    void rehash(std::uint64_t slots);

    flat_buffer& buffer_;
    poll_fn poll_;
    std::pmr::memory_resource* scratch_;
};

// Reads a state's bytes: for the report, and for the one who merges.
class state_reader {
  public:
    struct value {
        std::uint32_t check;
        row_position position;
        std::string_view json;
    };
    struct duplicate {
        std::uint32_t check;
        fingerprint print;
        std::uint32_t rows;
        row_position first;
    };

    explicit state_reader(std::span<const std::byte> bytes);

    std::uint64_t rows() const noexcept;
    std::uint32_t checks() const noexcept;
    std::string_view plan() const noexcept;
    std::uint64_t missing(std::uint32_t check) const noexcept;
    std::uint64_t unexpected(std::uint32_t check) const noexcept;
    std::vector<value> values() const; // by check, then by position, then as they came

    // Calls f(duplicate) for every counted value: rows > 1 says that it is not unique.
    template <class F>
    void each_counted(F&& f) const
    {
        for (std::uint64_t i = 0; i < slots(); ++i) {
            const duplicate found = slot(i);
            if (found.rows != 0) {
                f(found);
            }
        }
    }

  private:
    std::uint64_t slots() const noexcept;
    duplicate slot(std::uint64_t i) const noexcept;

    std::span<const std::byte> bytes_;
};

} // namespace etl::validate
