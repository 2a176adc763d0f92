// Values that are written in another way than their column's type reads them: moments as numbers, numbers and bytes as
// hexadecimal digits, bytes in base64.
#pragma once

#include "extract/column_text.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace etl {

enum class value_format : std::uint8_t {
    none,
    epoch,
    epoch_ms,
    epoch_us,
    epoch_ns,
    hex_number,
    hex_bytes,
    base64,
    pattern
};

// Writes a value as the input functions of PostgreSQL read it: a moment in ISO form with the zone Z, a number in
// decimal digits, bytes as \x…. The value is a number or a plain text without escapes. Empty when it was written, and
// otherwise what is wrong with the value. Not for patterns.
std::string_view write_formatted(value_format format, std::string_view value, std::string& into);

// Writes the digits of a JSON number that is whole (1.0, 12e3), as the types of integers read it; false where it is not,
// or has more than some hundred digits.
bool write_whole_number(std::string_view value, std::string& into);

} // namespace etl
