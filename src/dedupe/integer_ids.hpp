// Whole numbers as the names of nodes, numbered in the order of their first appearance: what node_names is to texts.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

namespace etl::dedupe {

class integer_ids {
  public:
    explicit integer_ids(std::pmr::memory_resource* memory);

    // The number of the id, which is given one when it is new.
    std::uint32_t number_of(std::int64_t id);

    std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(ids_.size()); }
    std::int64_t name(std::uint32_t number) const noexcept { return ids_[number]; }

  private:
    std::size_t find(std::int64_t id) const noexcept;
    void grow();

    std::pmr::vector<std::int64_t> ids_;    // by number
    std::pmr::vector<std::uint32_t> slots_; // hash table: number + 1, or 0 where free
};

} // namespace etl::dedupe
