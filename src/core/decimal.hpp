// Decimal numbers as digits to the base 10000, which is how PostgreSQL's numeric stores them: looked at where they
// lie, compared and converted without a call into the server.
#pragma once

#include <cstdint>
#include <string_view>

namespace etl {

// The value is 0.d1 d2 d3 … × 10000^(weight + 1), without zeros at either end; zero has no digits.
struct decimal {
    enum class sign : std::uint8_t { positive, negative, not_a_number, infinity, negative_infinity };

    sign is = sign::positive;
    int weight = 0;            // of the first digit
    std::string_view digits{}; // two bytes each, the machine's byte order, at any alignment

    int count() const noexcept { return static_cast<int>(digits.size() / 2); }
    int digit(int i) const noexcept; // 0 past the end
    bool is_finite() const noexcept { return is <= sign::negative; }
};

// PostgreSQL's order: NaN equals NaN and is greater than all else.
int compare(const decimal& left, const decimal& right) noexcept;

// The nearest double, ties to even; ±infinity beyond its range.
double nearest_double(const decimal& value);

} // namespace etl
