// Numbers of JSON texts, exactly: of any length and any exponent, without rounding.
//
// A number is kept as the digits of its text that matter, from the first to the last that is not zero, and the place
// of the decimal point: 12300.0 is 0.123 × 10^5. So comparing, telling integers and hashing need no arithmetic.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace etl::validate::schema {

class decimal {
  public:
    // The text of a JSON number, which must outlive this object.
    explicit decimal(std::string_view text) noexcept;

    bool is_zero() const noexcept { return count_ == 0; }
    bool is_negative() const noexcept { return negative_; }
    bool is_integer() const noexcept { return count_ <= point_; }
    std::uint64_t hash() const noexcept;

    // As a count; nullopt where it is no integer or negative, the largest count where it is larger.
    std::optional<std::uint64_t> as_count() const noexcept;

    friend bool operator==(const decimal& a, const decimal& b) noexcept { return (a <=> b) == 0; }
    friend std::strong_ordering operator<=>(const decimal& a, const decimal& b) noexcept;

  private:
    friend class divisor;

    // The digits one after the other, without the decimal point.
    class digit_reader {
      public:
        explicit digit_reader(const decimal& of) noexcept : at_{of.first_}, end_{of.last_} {}
        bool next(unsigned& digit) noexcept
        {
            if (at_ != end_ && *at_ == '.') {
                ++at_;
            }
            if (at_ == end_) {
                return false;
            }
            digit = static_cast<unsigned>(*at_++ - '0');
            return true;
        }

      private:
        const char* at_;
        const char* end_;
    };

    std::strong_ordering compare_magnitude(const decimal& other) const noexcept;

    const char* first_; // the first digit that is not zero
    const char* last_;  // behind the last one; a decimal point may lie between
    std::int64_t count_ = 0;
    std::int64_t point_ = 0;
    bool negative_ = false;
};

// A number as written, when it is an integer of at most 18 digits: the usual case, compared as such.
std::optional<std::int64_t> small_integer(std::string_view text) noexcept;

// A constant of a schema to which numbers are compared.
class number_bound {
  public:
    explicit number_bound(std::string_view text) noexcept : text_{text}, exact_{text}, small_{small_integer(text)} {}

    std::string_view text() const noexcept { return text_; }

    std::strong_ordering compare(std::string_view number) const noexcept // number <=> bound
    {
        if (small_) {
            if (const auto other = small_integer(number)) {
                return *other <=> *small_;
            }
        }
        return decimal{number} <=> exact_;
    }

  private:
    std::string_view text_;
    decimal exact_;
    std::optional<std::int64_t> small_;
};

// The constant of multipleOf.
class divisor {
  public:
    // nullopt where it has more digits than this class can divide by, or is not greater than zero.
    static std::optional<divisor> from(std::string_view text) noexcept;

    bool divides(std::string_view number) const noexcept;

    std::string_view text() const noexcept { return text_; }

    static constexpr int most_digits = 36;

  private:
    __extension__ using wide = unsigned __int128;

    std::string_view text_;
    wide digits_ = 0;
    std::int64_t exponent_ = 0; // the constant is digits_ × 10^exponent_
    int at_a_time_ = 1;         // digits of a number
    std::optional<std::int64_t> small_;

    wide remainder_of(const decimal& number) const noexcept;
    wide multiplied(wide a, wide b) const noexcept;
    wide power_of_ten(std::uint64_t exponent) const noexcept;
};

} // namespace etl::validate::schema
