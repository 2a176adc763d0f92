// The distinct ones among the rows that a statement would log, compared by their bytes, up to a limit: beyond it the
// log says "everything between" or "everything", and the rows are not needed.
#pragma once

#include "sketch/number_slots.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::rollup {

class distinct_rows {
  public:
    // How many rows it keeps at most, and how many bytes of them.
    struct limits {
        std::size_t rows;
        std::size_t bytes;
    };

    distinct_rows(limits most, std::pmr::memory_resource* memory);

    // Whether the row is kept now. From the first one on for which there is no room, no new row is.
    bool add(std::span<const std::byte> row);

    // Whether there was no room for a row.
    bool is_overrun() const noexcept { return is_overrun_; }

    std::size_t count() const noexcept { return starts_.size() - 1; }

    // A row by its number, in the order of their first appearance. It lies at a multiple of eight bytes, and is valid
    // until the next new row.
    std::span<const std::byte> row(std::size_t number) const noexcept
    {
        return {reinterpret_cast<const std::byte*>(words_.data() + starts_[number]), sizes_[number]};
    }

  private:
    std::size_t words_of(std::size_t bytes) const noexcept { return (bytes + sizeof(word) - 1) / sizeof(word); }
    bool has_room_for(std::size_t bytes) const noexcept;
    void keep(std::span<const std::byte> row);

    using word = std::uint64_t;

    limits most_;
    std::pmr::vector<word> words_;         // all rows, one after the other
    std::pmr::vector<std::size_t> starts_; // in words_: of each row by its number, and of the next one
    std::pmr::vector<std::size_t> sizes_;  // in bytes
    number_slots slots_;
    bool is_overrun_ = false;
};

} // namespace etl::rollup
