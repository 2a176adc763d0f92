#include "feature/sliding_sums.hpp"

#include "core/bytes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

constexpr std::int64_t base = 10'000;

// Carries from the lowest digit on; what is left over at the top is below zero where the number is.
std::int64_t carry_up(std::span<const std::int64_t> words, std::int64_t sign, std::pmr::vector<std::int16_t>& digits)
{
    digits.clear();
    std::int64_t carried = 0;
    const auto push = [&](std::int64_t word) {
        const std::int64_t sum = word + carried;
        carried = sum >= 0 ? sum / base : -((-sum + base - 1) / base);
        digits.push_back(static_cast<std::int16_t>(sum - carried * base));
    };
    for (const std::int64_t word : words) {
        push(sign * word);
    }
    while (carried > 0) {
        push(0);
    }
    return carried;
}

} // namespace

decimal::sign special_counts::sum() const noexcept
{
    if (not_a_number > 0 || (infinity > 0 && negative_infinity > 0)) {
        return decimal::sign::not_a_number;
    }
    if (infinity > 0) {
        return decimal::sign::infinity;
    }
    return negative_infinity > 0 ? decimal::sign::negative_infinity : decimal::sign::positive;
}

void sliding_real_sum::move(double value, step by)
{
    const auto sign = static_cast<int>(by);
    if (std::isfinite(value)) {
        sum_.add(by == step::add ? value : -value);
    } else if (std::isnan(value)) {
        specials_.not_a_number += sign;
    } else {
        (value > 0 ? specials_.infinity : specials_.negative_infinity) += sign;
    }
}

void sliding_real_sum::clear() noexcept
{
    sum_ = {};
    specials_ = {};
}

double sliding_real_sum::rounded() const
{
    switch (specials_.sum()) {
    case decimal::sign::not_a_number:
        return std::numeric_limits<double>::quiet_NaN();
    case decimal::sign::infinity:
        return std::numeric_limits<double>::infinity();
    case decimal::sign::negative_infinity:
        return -std::numeric_limits<double>::infinity();
    default:
        break;
    }
    const double made = sum_.rounded();
    if (std::isinf(made)) {
        throw error(sqlstate::numeric_value_out_of_range, "value out of range: overflow");
    }
    return made;
}

double sliding_real_sum::mean(std::uint64_t values) const
{
    return specials_.sum() == decimal::sign::positive ? etl::mean(sum_, values) : rounded();
}

void sliding_decimal_sum::move(const scaled_decimal& value, step by)
{
    const auto sign = static_cast<int>(by);
    switch (value.value.is) {
    case decimal::sign::not_a_number:
        specials_.not_a_number += sign;
        return;
    case decimal::sign::infinity:
        specials_.infinity += sign;
        return;
    case decimal::sign::negative_infinity:
        specials_.negative_infinity += sign;
        return;
    default:
        break;
    }
    const auto places = static_cast<std::size_t>(value.places);
    if (places >= shown_.size()) {
        shown_.resize(places + 1);
    }
    shown_[places] += sign;
    if (value.value.count() > 0) {
        move_digits(value.value, by);
    }
}

void sliding_decimal_sum::move_digits(const decimal& value, step by)
{
    const int last = value.weight - value.count() + 1;
    if (last < lowest_ || value.weight >= lowest_ + static_cast<int>(words_.size())) {
        widen(last, value.weight);
    }
    const bool turns = (value.is == decimal::sign::negative) == (by == step::add);
    const std::int64_t sign = turns ? -1 : 0;
    const auto* digits = reinterpret_cast<const std::byte*>(value.digits.data());
    std::int64_t* to = words_.data() + (value.weight - lowest_);
    for (int i = 0; i < value.count(); ++i) {
        *to-- += (load<std::int16_t>(digits + static_cast<std::size_t>(i) * sizeof(std::int16_t)) ^ sign) - sign;
    }
}

// Makes room for the places of these weights.
void sliding_decimal_sum::widen(int last, int first)
{
    if (words_.empty()) {
        lowest_ = last;
    }
    if (last < lowest_) {
        words_.insert(words_.begin(), static_cast<std::size_t>(std::int64_t{lowest_} - last), 0);
        lowest_ = last;
    }
    const auto wanted = static_cast<std::size_t>(std::int64_t{first} - lowest_ + 1);
    words_.resize(std::max(words_.size(), wanted));
}

void sliding_decimal_sum::clear() noexcept
{
    words_.clear();
    shown_.clear();
    specials_ = {};
}

scaled_decimal sliding_decimal_sum::value(std::pmr::vector<std::int16_t>& digits) const
{
    digits.clear();
    const decimal::sign special = specials_.sum();
    if (special != decimal::sign::positive) {
        return {{special, 0, {}}, 0};
    }
    const bool is_negative = carry_up(words_, 1, digits) < 0;
    if (is_negative) {
        carry_up(words_, -1, digits);
    }
    while (!digits.empty() && digits.back() == 0) {
        digits.pop_back();
    }
    const int weight = lowest_ + static_cast<int>(digits.size()) - 1;
    std::ranges::reverse(digits);
    while (!digits.empty() && digits.back() == 0) {
        digits.pop_back();
    }
    const auto shown = std::find_if(shown_.rbegin(), shown_.rend(), [](std::int64_t values) { return values > 0; });
    return {{is_negative ? decimal::sign::negative : decimal::sign::positive,
             digits.empty() ? 0 : weight,
             {reinterpret_cast<const char*>(digits.data()), digits.size() * sizeof(std::int16_t)}},
            static_cast<int>(shown_.rend() - shown) - (shown == shown_.rend() ? 0 : 1)};
}

} // namespace etl::feature
