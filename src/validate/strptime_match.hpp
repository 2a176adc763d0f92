// A match of a strptime format and one text: the search for it, and what its fields make.
#pragma once

#include "validate/strptime.hpp"

#include <array>
#include <cstddef>
#include <set>
#include <span>
#include <string_view>
#include <utility>

namespace etl::validate {

// A directive stands in a format once, so there are never more of them.
constexpr std::size_t most_directives = 32;

constexpr char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

class strptime_match {
  public:
    strptime_match(std::span<const strptime_format::item> items, std::string_view text) : items_{items}, text_{text} {}

    // Whether there is a match, and the first one is the whole text.
    bool reaches_end();

    // Whether datetime can hold what it found.
    bool makes_moment() const;

  private:
    struct field {
        char directive = '\0';
        std::string_view text{};
    };

    bool search(std::size_t item, std::size_t at, std::size_t fields);

    std::span<const strptime_format::item> items_;
    std::string_view text_;
    std::array<field, most_directives> fields_{};
    std::size_t found_ = 0; // fields
    std::size_t end_ = 0;
    std::size_t failures_ = 0;
    std::set<std::pair<std::size_t, std::size_t>> failed_; // items, and where they did not fit
};

} // namespace etl::validate
