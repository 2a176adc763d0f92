// How many different values lie in each of several windows over the same rows: a hash table of the values in the
// longest, with the number of rows that have each, by window.
#pragma once

#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace etl::feature {

class sliding_distinct {
  public:
    // For so many windows, 1 at least.
    sliding_distinct(std::pmr::memory_resource* memory, std::size_t windows);

    // A row comes into all windows.
    void add(const fingerprint& value);

    // A row leaves one; it has come before.
    void take(const fingerprint& value, std::size_t window);

    std::int64_t count(std::size_t window) const noexcept { return different_[window]; }
    void clear() noexcept;

    // How many it keeps room for, which is what clear() goes through.
    std::size_t slots() const noexcept { return values_.size(); }

  private:
    std::size_t find(const fingerprint& value) const noexcept;
    std::size_t home(const fingerprint& value) const noexcept { return print_hash{}(value) & (values_.size() - 1); }
    bool is_free(std::size_t slot) const noexcept { return values_[slot].is_zero(); }
    void free(std::size_t slot) noexcept;
    void grow();

    std::size_t windows_;
    std::pmr::vector<fingerprint> values_; // 2^n slots, zero where free; linear probing
    std::pmr::vector<std::uint32_t> rows_; // by slot and window
    std::pmr::vector<std::int64_t> different_;
    std::size_t used_ = 0;
};

} // namespace etl::feature
