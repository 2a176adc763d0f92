// The date and the time that a text gives.
//
// The numbers of a text that are its year, month and day, and which is which, by dateutil's rules for dates that may be
// read in several ways: the month first, then the day, then the year, unless a number can only be the year or the day.
#pragma once

#include "validate/dateutil_tokens.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace etl::validate {

// A year of one or two digits is one within fifty years of today's.
std::int64_t full_year(std::int64_t year, std::chrono::year_month_day today) noexcept;

class dateutil_date {
  public:
    // Each of these answers whether the number can be taken.
    bool add_text(std::string_view token, bool is_year = false); // as it is written: with three digits, a year
    bool add_value(const dateutil_number& value);                // above 100, a year
    bool add_month(std::int64_t month);                          // by its name
    bool add_year(std::int64_t year);                            // in full

    std::size_t size() const noexcept { return size_; }
    bool could_be_day(const dateutil_number& value) const noexcept;

    // Whether there is such a day. What is not known is today's; its day gives way to the last of the month, and is
    // moved on to the weekday (from 0) that is given.
    bool is_possible(std::optional<std::int64_t> weekday, std::chrono::year_month_day today) const;

  private:
    struct meaning {
        std::optional<std::int64_t> year{};
        std::optional<std::int64_t> month{};
        std::optional<std::int64_t> day{};
    };
    using order = std::array<std::optional<std::int64_t> meaning::*, 3>;

    bool add(std::int64_t value);
    bool mark_year();
    meaning resolve() const;
    order order_of_known() const noexcept;
    order order_of_one_or_two() const noexcept;
    order order_of_three() const noexcept;

    std::array<std::int64_t, 3> values_{};
    std::size_t size_ = 0;
    std::optional<std::size_t> month_place_;
    std::optional<std::size_t> year_place_;
    bool has_century_ = false;
};

struct dateutil_time {
    std::optional<std::int64_t> hour{};
    std::optional<std::int64_t> minute{};
    std::optional<std::int64_t> second{};

    void set_half(std::int64_t given, int half) noexcept; // an hour am (0) or pm (1)
    void set_minute(std::string_view number) noexcept;
    bool set_second(std::string_view token) noexcept; // false where it is no number
    bool is_possible() const noexcept;
};

} // namespace etl::validate
