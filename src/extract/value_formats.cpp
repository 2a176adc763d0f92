#include "extract/value_formats.hpp"

#include "core/hex.hpp"
#include "extract/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::string_view good{};

// The digits before and behind the point of a number once it is multiplied by 10^shift.
struct shifted_number {
    bool is_negative = false;
    std::string whole;
    std::string fraction;
};

constexpr int largest_exponent = 400; // beyond it is no moment and no double

std::optional<int> exponent_in(std::string_view digits)
{
    digits.remove_prefix(digits.starts_with('+') ? 1 : 0);
    int value = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = failure == std::errc{} && end == digits.data() + digits.size();
    return whole && value >= -largest_exponent && value <= largest_exponent ? std::optional{value} : std::nullopt;
}

// Of a number as JSON has it.
std::optional<shifted_number> shift_number(std::string_view text, int shift)
{
    shifted_number made;
    made.is_negative = text.starts_with('-');
    text.remove_prefix(made.is_negative ? 1 : 0);
    const std::size_t e = text.find_first_of("eE");
    if (e != std::string_view::npos) {
        const auto exponent = exponent_in(text.substr(e + 1));
        if (!exponent) {
            return std::nullopt;
        }
        shift += *exponent;
        text = text.substr(0, e);
    }
    const std::size_t point = text.find('.');
    made.whole = text.substr(0, point);
    made.fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
    for (; shift > 0; --shift) {
        made.whole += made.fraction.empty() ? '0' : made.fraction[0];
        made.fraction.erase(0, 1);
    }
    for (; shift < 0; ++shift) {
        made.fraction.insert(made.fraction.begin(), made.whole.empty() ? '0' : made.whole.back());
        if (!made.whole.empty()) {
            made.whole.pop_back();
        }
    }
    return made;
}

// Microseconds since 1970, to the nearest, halves away from zero.
std::optional<std::int64_t> microseconds(std::string_view value, int shift)
{
    const auto number = shift_number(value, shift);
    if (!number) {
        return std::nullopt;
    }
    std::int64_t made = 0;
    const std::string& digits = number->whole;
    if (!digits.empty()) {
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), made);
        if (failure != std::errc{} || end != digits.data() + digits.size() || made > 400'000'000'000'000'000) {
            return std::nullopt;
        }
    }
    made += !number->fraction.empty() && number->fraction[0] >= '5' ? 1 : 0;
    return number->is_negative ? -made : made;
}

void write_moment(std::int64_t micros, std::string& into)
{
    using namespace std::chrono;
    const sys_time<std::chrono::microseconds> moment{std::chrono::microseconds{micros}};
    const auto day = floor<days>(moment);
    const year_month_day date{day};
    const hh_mm_ss time{moment - day};
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
    into += text;
}

std::string_view write_epoch(std::string_view value, int shift, std::string& into)
{
    constexpr std::int64_t year_1 = -62'135'596'800'000'000;
    constexpr std::int64_t year_10000 = 253'402'300'800'000'000;
    if (!is_json_number(value)) {
        return "it is not a number";
    }
    const auto micros = microseconds(value, shift);
    if (!micros || *micros < year_1 || *micros >= year_10000) {
        return "as a moment it is not in the years 1 to 9999";
    }
    write_moment(*micros, into);
    return good;
}

// Decimal digits of a hexadecimal number, nine at a time.
std::string decimal_digits(std::string_view hex)
{
    constexpr std::uint64_t base = 1'000'000'000;
    std::vector<std::uint32_t> limbs{0};
    for (const char c : hex) {
        auto carry = static_cast<std::uint64_t>(hex_digit(c));
        for (std::uint32_t& limb : limbs) {
            const std::uint64_t product = std::uint64_t{limb} * 16 + carry;
            limb = static_cast<std::uint32_t>(product % base);
            carry = product / base;
        }
        if (carry > 0) {
            limbs.push_back(static_cast<std::uint32_t>(carry));
        }
    }
    std::string made = std::to_string(limbs.back());
    for (std::size_t i = limbs.size() - 1; i-- > 0;) {
        const std::string part = std::to_string(limbs[i]);
        made += std::string(9 - part.size(), '0') + part;
    }
    return made;
}

// The digits behind 0x, which may be missing.
std::string_view hex_part(std::string_view value)
{
    return value.starts_with("0x") || value.starts_with("0X") ? value.substr(2) : value;
}

bool are_hex_digits(std::string_view text)
{
    return std::ranges::all_of(text, [](char c) { return hex_digit(c) >= 0; });
}

std::string_view write_hex_number(std::string_view value, std::string& into)
{
    constexpr std::size_t longest = 4096; // digits
    const bool is_negative = value.starts_with('-');
    const std::string_view digits = hex_part(value.substr(is_negative ? 1 : 0));
    if (digits.empty() || !are_hex_digits(digits)) {
        return "it is not a hexadecimal number";
    }
    if (digits.size() > longest) {
        return "it has more than 4096 hexadecimal digits";
    }
    into += is_negative ? "-" : "";
    into += decimal_digits(digits);
    return good;
}

std::string_view write_hex_bytes(std::string_view value, std::string& into)
{
    const std::string_view digits = hex_part(value);
    if (digits.size() % 2 != 0 || !are_hex_digits(digits)) {
        return "it is not pairs of hexadecimal digits";
    }
    into += "\\x";
    into += digits;
    return good;
}

int base64_digit(char c) noexcept
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') { // the second one in the alphabet for URLs
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

// RFC 4648, in either alphabet, with or without the padding.
std::string_view write_base64(std::string_view value, std::string& into)
{
    constexpr std::string_view bad = "it is not base64";
    if (value.size() % 4 == 0) {
        value.remove_suffix(value.ends_with("==") ? 2 : (value.ends_with('=') ? 1 : 0));
    }
    if (value.size() % 4 == 1) {
        return bad;
    }
    std::vector<std::byte> bytes;
    unsigned held = 0;
    int bits = 0;
    for (const char c : value) {
        const int digit = base64_digit(c);
        if (digit < 0) {
            return bad;
        }
        held = (held << 6 | static_cast<unsigned>(digit)) & 0xFFFF;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<std::byte>(held >> bits & 0xFF));
        }
    }
    if ((held & ((1U << bits) - 1)) != 0) {
        return bad; // bits that belong to no byte
    }
    into += "\\x" + to_hex(bytes);
    return good;
}

} // namespace

std::string_view write_formatted(value_format format, std::string_view value, std::string& into)
{
    switch (format) {
    case value_format::epoch:
        return write_epoch(value, 6, into);
    case value_format::epoch_ms:
        return write_epoch(value, 3, into);
    case value_format::epoch_us:
        return write_epoch(value, 0, into);
    case value_format::epoch_ns:
        return write_epoch(value, -3, into);
    case value_format::hex_number:
        return write_hex_number(value, into);
    case value_format::hex_bytes:
        return write_hex_bytes(value, into);
    case value_format::base64:
        return write_base64(value, into);
    default:
        return "it has no such format";
    }
}

bool write_whole_number(std::string_view value, std::string& into)
{
    const auto number = shift_number(value, 0);
    if (!number || number->fraction.find_first_not_of('0') != std::string::npos) {
        return false;
    }
    into += number->is_negative ? "-" : "";
    into += number->whole.empty() ? "0" : number->whole;
    return true;
}

} // namespace etl
