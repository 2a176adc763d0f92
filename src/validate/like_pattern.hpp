// SQL's LIKE over UTF-8, with PostgreSQL's meaning under a deterministic collation (its documentation, "LIKE"): % stands
// for any sequence of characters, _ for one, and a backslash makes the character after it an ordinary one.
//
// The pattern falls into segments, between which % stands. The first is where the text begins, the last where it ends,
// and each of the others at the first place where it fits: if a later place led to a match, so does the first. Time is
// linear in the text for segments without _, and at worst its length times the longest segment's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

class like_pattern {
  public:
    // Throws where the pattern ends in a lone backslash.
    explicit like_pattern(std::string_view pattern);

    bool matches(std::string_view text) const noexcept;

  private:
    // Ordinary characters, then some that may be any.
    struct piece {
        std::string literal{};
        std::size_t any = 0;
    };
    using segment = std::vector<piece>;

    static bool takes_start(const segment& wanted, std::string_view& text) noexcept;
    static bool takes_end(const segment& wanted, std::string_view& text) noexcept;
    static bool takes_first(const segment& wanted, std::string_view& text) noexcept;

    std::vector<segment> segments_; // at least one
};

} // namespace etl::validate
