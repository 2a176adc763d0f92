// The words, numbers and signs of a text, as dateutil divides it.
//
// A run of letters is one token and so is a run of digits; a blank becomes " ", any other character stands alone. Dots
// hold runs together at first: "4.5" is a number (so is "10,5", with two digits or more before the comma), while
// "Sep.20.2009" is divided at its dots once its end is known.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace etl::validate {

class dateutil_tokens {
  public:
    explicit dateutil_tokens(std::string_view text) : rest_{text} {}

    // Tokens by their distance from the present one: two back and five ahead, no further.
    bool has(int distance);
    std::string_view at(int distance) const noexcept { return window_[place(distance)]; }
    bool is(int distance, std::string_view token) { return has(distance) && at(distance) == token; }

    void replace(int distance, std::string_view token) noexcept { window_[place(distance)] = token; }
    void advance(std::size_t count) noexcept { present_ += count; }

  private:
    static constexpr std::size_t window = 16;

    std::size_t place(int distance) const noexcept { return (present_ + static_cast<std::size_t>(distance)) % window; }

    bool load_next();
    std::string_view take_piece() noexcept;
    std::string_view take_token() noexcept;
    bool is_letter(std::size_t i) const noexcept;

    std::string_view rest_;
    std::string_view pieces_; // of a token that falls apart
    std::array<std::string_view, window> window_{};
    std::size_t loaded_ = 0;
    std::size_t present_ = 0;
};

// A number as a token has it: digits, perhaps with a fraction.
struct dateutil_number {
    std::int64_t whole = 0;    // at most `large`
    bool has_fraction = false; // that is not zero

    static constexpr std::int64_t large = 1'000'000'000'000;

    bool exceeds(std::int64_t limit) const noexcept { return whole > limit || (whole == limit && has_fraction); }
};

bool is_digits(std::string_view token) noexcept; // one or more, and nothing else
bool is_number(std::string_view token) noexcept;
dateutil_number read_number(std::string_view token) noexcept;

// What a word means, in either case; -1 (or false) where it means something else.
int weekday_of(std::string_view token) noexcept; // from 0
int month_of(std::string_view token) noexcept;   // from 0
int unit_of(std::string_view token) noexcept;    // hours, minutes, seconds
int half_of(std::string_view token) noexcept;    // am, pm
bool is_jump(std::string_view token) noexcept;
bool is_not_finite(std::string_view token) noexcept; // inf and nan, which Python takes for numbers
bool is_utc(std::string_view token) noexcept;
bool is_of(std::string_view token) noexcept;

} // namespace etl::validate
