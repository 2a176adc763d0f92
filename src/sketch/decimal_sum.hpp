// The exact sum of decimal numbers, given as PostgreSQL keeps numeric: digits to the base of 10,000.
//
// Each place has a word of 64 bits of its own, to which digits are added without carrying: a word could overflow after
// some 10^14 additions only. So the sum costs a few additions a row, has no limit, and is the same in any order and
// any division into parts. NaN and infinity are added as PostgreSQL adds them.
#pragma once

#include "core/byte_io.hpp"
#include "core/decimal.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <vector>

namespace etl {

class decimal_sum {
  public:
    explicit decimal_sum(std::pmr::memory_resource* memory) noexcept : words_{memory} {}

    void add(const decimal& value)
    {
        if (!value.is_finite()) {
            add_special(value.is);
        } else if (value.count() > 0) {
            add_digits(value);
        }
    }
    void merge(const decimal_sum& other);

    bool is_finite() const noexcept { return specials_ == 0; }

    // Plain decimal notation with at least so many places after the point; NaN, Infinity or -Infinity.
    std::string to_string(int places = 0) const;

    // The nearest double, and that of the sum divided by a number of values, 1 at least.
    double rounded() const;
    double mean(std::uint64_t values) const;

    // The flat form is the same for the same sum: flags u8, weight i32, digits u32, i16 each.
    void write(byte_writer& to) const;
    void read(byte_reader& from);

  private:
    enum special : std::uint8_t { nan = 1, infinity = 2, negative_infinity = 4 };
    static constexpr std::uint64_t most_added = std::uint64_t{1} << 48;

    // The highest digit first, no zeros at either end.
    struct number {
        bool is_negative;
        int weight;
        std::vector<std::int16_t> digits;
        decimal view() const noexcept;
    };

    void add_digits(const decimal& value)
    {
        const int count = value.count();
        const int last = value.weight - count + 1;
        if (last < lowest_ || value.weight >= lowest_ + static_cast<int>(words_.size())) {
            widen(last, value.weight);
        }
        const std::int64_t sign = value.is == decimal::sign::negative ? -1 : 0;
        const auto* digits = reinterpret_cast<const std::byte*>(value.digits.data());
        std::int64_t* to = words_.data() + (value.weight - lowest_);
        for (int i = 0; i < count; ++i) {
            *to-- += (load<std::int16_t>(digits + i * sizeof(std::int16_t)) ^ sign) - sign;
        }
        if (++added_ >= most_added) {
            carry();
        }
    }

    void add_special(decimal::sign special) noexcept;
    void widen(int last, int weight);
    void carry();
    number normal() const;

    std::pmr::vector<std::int64_t> words_; // the lowest place first
    int lowest_ = 0;                       // its weight
    std::uint64_t added_ = 0;
    std::uint8_t specials_ = 0;
};

} // namespace etl
