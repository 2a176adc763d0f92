// What a state of quantiles says of its values. NaN is the greatest value, as PostgreSQL orders them.
#pragma once

#include "sketch/quantiles.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace etl {

class quantiles_reader {
  public:
    // A state may be of millions of values: polls while it takes them in, and where it goes through them.
    quantiles_reader(std::span<const std::byte> state, poll_fn poll);

    std::uint64_t count() const noexcept { return count_ + nans_; }
    bool is_exact() const noexcept { return above_ == 0 && below_ == 0; }

    // Exact. None without values.
    std::optional<double> least() const noexcept;
    std::optional<double> greatest() const noexcept;

    // The value at a fraction of the rows, 0 to 1. While all values are kept, as percentile_cont gives it, by
    // interpolation; after that some value of the column whose rank is off by rank_error() of the rows at most. Throws
    // invalid_parameter_value for another fraction. None without values.
    std::optional<double> at(double fraction) const;

    // The fraction of the values that are not greater than a value, off by rank_error() at most. None without values.
    std::optional<double> up_to(double value) const;

    // The most by which a rank may be off, as a fraction of all values.
    double rank_error() const noexcept;

    // Borders of so many ranges with about as many values each, for a histogram: the least value, the greatest, and
    // quantiles between them. Equal ones count once, so there may be fewer ranges. One value alone gets the range up to
    // the next double. Throws invalid_parameter_value without a value, for less than one range, and for more than a
    // histogram has.
    std::vector<double> edges(int ranges) const;

  private:
    double value_of_rank(std::uint64_t rank) const;
    double interpolated(double fraction) const;

    poll_fn poll_;
    std::uint64_t count_;
    std::uint64_t nans_;
    double least_;
    double greatest_;
    std::uint64_t above_;
    std::uint64_t below_;
    std::vector<double> values_;       // in order
    std::vector<std::uint64_t> ranks_; // the estimated rank of each
};

} // namespace etl
