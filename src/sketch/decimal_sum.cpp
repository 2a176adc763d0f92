#include "sketch/decimal_sum.hpp"

#include <algorithm>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::int64_t base = 10000;
constexpr int digit_places = 4;

// What PostgreSQL's numeric has room for, and sums of 2^64 of them.
constexpr int most_weight = 32767 + 6;
constexpr int least_weight = -4096;

constexpr std::uint8_t negative_flag = 8; // in the flat form, beside the specials

// Digits of a quotient that decide how it is rounded: two doubles' middle has at most 768 decimal ones.
constexpr std::size_t deciding_digits = 200;

// Passes carries on; afterwards every word but the last, which has the sign, is a digit.
void carry_words(std::span<std::int64_t> words)
{
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        std::int64_t up = words[i] / base;
        words[i] -= up * base;
        if (words[i] < 0) {
            words[i] += base;
            --up;
        }
        words[i + 1] += up;
    }
}

void append_digit(std::string& text, int digit)
{
    char four[digit_places];
    for (int i = digit_places; i-- > 0; digit /= 10) {
        four[i] = static_cast<char>('0' + digit % 10);
    }
    text.append(four, digit_places);
}

} // namespace

decimal decimal_sum::number::view() const noexcept
{
    return {is_negative ? decimal::sign::negative : decimal::sign::positive, weight,
            std::string_view{reinterpret_cast<const char*>(digits.data()), digits.size() * sizeof digits[0]}};
}

void decimal_sum::add_special(decimal::sign special) noexcept
{
    switch (special) {
    case decimal::sign::infinity:
        specials_ |= infinity;
        break;
    case decimal::sign::negative_infinity:
        specials_ |= negative_infinity;
        break;
    default:
        specials_ |= nan;
    }
}

// Makes room for a value's places, and above them for the carries of as many values as there may be.
void decimal_sum::widen(int last, int weight)
{
    constexpr int headroom = 5;
    if (words_.empty()) {
        lowest_ = last;
    }
    if (last < lowest_) {
        words_.insert(words_.begin(), static_cast<std::size_t>(lowest_ - last), 0);
        lowest_ = last;
    }
    const int highest = lowest_ + static_cast<int>(words_.size()) - 1;
    if (weight > highest) {
        words_.resize(words_.size() + static_cast<std::size_t>(weight - highest + headroom), 0);
    }
}

void decimal_sum::carry()
{
    words_.resize(words_.size() + 4, 0);
    carry_words(words_);
    added_ = 1;
}

void decimal_sum::merge(const decimal_sum& other)
{
    specials_ |= other.specials_;
    if (other.words_.empty()) {
        return;
    }
    widen(other.lowest_, other.lowest_ + static_cast<int>(other.words_.size()) - 1);
    std::int64_t* to = words_.data() + (other.lowest_ - lowest_);
    for (const std::int64_t word : other.words_) {
        *to++ += word;
    }
    added_ += other.added_;
    if (added_ >= most_added) {
        carry();
    }
}

decimal_sum::number decimal_sum::normal() const
{
    std::vector<std::int64_t> words(words_.begin(), words_.end());
    words.resize(words.size() + 5, 0); // a word holds up to 2^63
    carry_words(words);
    const bool is_negative = words.back() < 0;
    if (is_negative) {
        std::transform(words.begin(), words.end(), words.begin(), [](std::int64_t word) { return -word; });
        carry_words(words);
    }
    const auto is_digit = [](std::int64_t word) { return word != 0; };
    const auto top = std::find_if(words.rbegin(), words.rend(), is_digit);
    const auto end = std::find_if(words.begin(), top.base(), is_digit);
    return {is_negative, lowest_ + static_cast<int>(top.base() - words.begin()) - 1,
            std::vector<std::int16_t>(top, std::make_reverse_iterator(end))};
}

std::string decimal_sum::to_string(int places) const
{
    constexpr std::uint8_t both = infinity | negative_infinity;
    if ((specials_ & nan) != 0 || (specials_ & both) == both) {
        return "NaN";
    }
    if (specials_ != 0) {
        return (specials_ & infinity) != 0 ? "Infinity" : "-Infinity";
    }
    const number sum = normal();
    const int last = sum.weight - static_cast<int>(sum.digits.size()) + 1;
    const auto digit_at = [&sum, last](int weight) {
        return weight > sum.weight || weight < last ? 0 : sum.digits[static_cast<std::size_t>(sum.weight - weight)];
    };
    std::string text;
    for (int weight = std::max(sum.weight, 0); weight >= 0; --weight) {
        append_digit(text, digit_at(weight));
    }
    text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));
    const std::size_t point = text.size();
    for (int weight = -1; weight >= last; --weight) {
        append_digit(text, digit_at(weight));
    }
    const std::size_t used = std::max(text.find_last_not_of('0') + 1, point);
    text.resize(std::max(used, point + static_cast<std::size_t>(places)), '0');
    if (text.size() > point) {
        text.insert(point, 1, '.');
    }
    return sum.is_negative ? '-' + text : text;
}

double decimal_sum::rounded() const
{
    constexpr std::uint8_t both = infinity | negative_infinity;
    if ((specials_ & nan) != 0 || (specials_ & both) == both) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    if (specials_ != 0) {
        const double infinite = std::numeric_limits<double>::infinity();
        return (specials_ & infinity) != 0 ? infinite : -infinite;
    }
    return nearest_double(normal().view());
}

// By hand, digit by digit. A quotient that does not end is cut behind more digits than any double's neighbourhood
// needs; one more that is not zero says on which side of them it lies.
double decimal_sum::mean(std::uint64_t values) const
{
    if (!is_finite()) {
        return rounded();
    }
    const number sum = normal();
    number quotient{sum.is_negative, sum.weight, {}};
    unsigned __int128 rest = 0;
    for (std::size_t i = 0; i < sum.digits.size() || (rest > 0 && quotient.digits.size() < deciding_digits); ++i) {
        rest = rest * base + static_cast<unsigned>(i < sum.digits.size() ? sum.digits[i] : 0);
        const auto digit = static_cast<std::int16_t>(rest / values);
        rest %= values;
        if (digit == 0 && quotient.digits.empty()) {
            --quotient.weight;
        } else {
            quotient.digits.push_back(digit);
        }
    }
    if (rest > 0) {
        quotient.digits.push_back(1);
    }
    return nearest_double(quotient.view());
}

void decimal_sum::write(byte_writer& to) const
{
    const number sum = normal();
    to.value(static_cast<std::uint8_t>(specials_ | (sum.is_negative ? negative_flag : 0)));
    to.value(static_cast<std::int32_t>(sum.digits.empty() ? 0 : sum.weight));
    to.value(static_cast<std::uint32_t>(sum.digits.size()));
    to.values(std::span<const std::int16_t>{sum.digits});
}

void decimal_sum::read(byte_reader& from)
{
    const auto flags = from.value<std::uint8_t>();
    const auto weight = from.value<std::int32_t>();
    const auto count = from.value<std::uint32_t>();
    std::vector<std::int16_t> digits;
    from.values(digits, count);
    const bool is_negative = (flags & negative_flag) != 0;
    const bool is_trimmed = count == 0 ? weight == 0 && !is_negative : digits.front() != 0 && digits.back() != 0;
    const bool are_digits =
        std::all_of(digits.begin(), digits.end(), [](std::int16_t digit) { return digit >= 0 && digit < base; });
    if (flags > 15 || !is_trimmed || !are_digits || weight > most_weight || weight < least_weight ||
        count > static_cast<std::uint32_t>(weight - least_weight + 1)) {
        from.refuse("A sum in it is out of range.");
    }
    words_.clear();
    lowest_ = 0;
    added_ = 0;
    specials_ = flags & (nan | infinity | negative_infinity);
    if (count > 0) {
        add(number{is_negative, weight, digits}.view());
    }
}

} // namespace etl
