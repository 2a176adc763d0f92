// The names of a graph's nodes, numbered in the order of their first appearance: algorithms work on numbers, SQL on
// names of any type, in their text form.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string_view>
#include <vector>

namespace etl {

class node_names {
  public:
    explicit node_names(std::pmr::memory_resource* memory);

    // The number of the name, which is given one when it is new.
    std::uint32_t number_of(std::string_view name);

    // The number of the name, if it has one.
    std::optional<std::uint32_t> known(std::string_view name) const noexcept;

    std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(nodes_.size()); }

    // Valid until the next new name.
    std::string_view name(std::uint32_t number) const noexcept;

  private:
    struct node {
        std::uint64_t hash;
        std::uint64_t end; // of its name in text_; it begins where the one before ends
    };

    std::size_t find(std::string_view name, std::uint64_t hash) const noexcept;
    std::uint32_t append(std::string_view name, std::uint64_t hash);
    void grow();

    std::pmr::vector<char> text_;           // all names, one after the other
    std::pmr::vector<node> nodes_;          // by number
    std::pmr::vector<std::uint32_t> slots_; // hash table: number + 1, or 0 where free
};

} // namespace etl
