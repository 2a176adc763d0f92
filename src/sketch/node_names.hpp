// The names of a graph's nodes, numbered in the order of their first appearance: algorithms work on numbers, SQL on
// names of any type, in their text form.
#pragma once

#include "sketch/number_slots.hpp"

#include <span>
#include <string_view>

namespace etl {

class node_names {
  public:
    explicit node_names(std::pmr::memory_resource* memory);

    // The number of the name, which is given one when it is new.
    std::uint32_t number_of(std::string_view name);

    // The numbers of many names, at less than the cost of one after the other.
    void numbers_of(std::span<const std::string_view> names, std::uint32_t* numbers);

    // The number of the name, if it has one.
    std::optional<std::uint32_t> known(std::string_view name) const noexcept;

    std::uint32_t count() const noexcept { return slots_.count(); }

    // Valid until the next new name.
    std::string_view name(std::uint32_t number) const noexcept
    {
        return {text_.data() + ends_[number], ends_[number + 1] - ends_[number]};
    }

  private:
    std::uint32_t number_of(std::string_view name, std::uint32_t hash);

    std::pmr::vector<char> text_;          // all names, one after the other
    std::pmr::vector<std::uint64_t> ends_; // in text_: of nothing, and of each name by its number
    number_slots slots_;
};

} // namespace etl
