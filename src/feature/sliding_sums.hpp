// Sums over rows that come and go, which always equal the sum that is computed anew: nothing is rounded before it is
// read, so what was added can be taken away again to the last bit.
#pragma once

#include "core/decimal.hpp"
#include "sketch/exact_sum.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

enum class step : std::int8_t { add = 1, take = -1 };

// Of whole numbers of 64 bits.
class sliding_whole_sum {
  public:
    void move(std::int64_t value, step by) noexcept { sum_ += static_cast<int>(by) * static_cast<__int128>(value); }
    void clear() noexcept { sum_ = 0; }
    __int128 value() const noexcept { return sum_; }

  private:
    using wide [[gnu::aligned(8)]] = __int128; // memory contexts align to eight bytes
    wide sum_ = 0;
};

// NaN and infinities among the values, which no sum can lose again: they are counted.
struct special_counts {
    std::int64_t not_a_number = 0;
    std::int64_t infinity = 0;
    std::int64_t negative_infinity = 0;

    // What the sum is because of them; a finite sign where there are none.
    decimal::sign sum() const noexcept;
};

// Of doubles.
class sliding_real_sum {
  public:
    void move(double value, step by);
    void clear() noexcept;

    // The double nearest to the sum, which throws where the sum is beyond all doubles; and to the sum divided by a
    // number of values, 1 at least.
    double rounded() const;
    double mean(std::uint64_t values) const;

  private:
    exact_sum sum_;
    special_counts specials_;
};

// A decimal number with the number of places that it shows after the point.
struct scaled_decimal {
    decimal value;
    int places;
};

// Of decimal numbers. Shows as many places as that value of those in the sum which has the most.
class sliding_decimal_sum {
  public:
    explicit sliding_decimal_sum(std::pmr::memory_resource* memory) noexcept : words_{memory}, shown_{memory} {}

    void move(const scaled_decimal& value, step by);
    void clear() noexcept;

    // Its digits lie in `digits`.
    scaled_decimal value(std::pmr::vector<std::int16_t>& digits) const;

  private:
    void move_digits(const decimal& value, step by);
    void widen(int last, int first);

    std::pmr::vector<std::int64_t> words_; // to the base of 10,000, the lowest place first, nothing carried
    int lowest_ = 0;                       // the weight of that place
    std::pmr::vector<std::int64_t> shown_; // how many values show so many places
    special_counts specials_;
};

} // namespace etl::feature
