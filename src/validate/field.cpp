#include "validate/field.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

bool is_continuation(char c) noexcept
{
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

void append_escaped(std::string& to, char c)
{
    constexpr char digits[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        to += '\\';
        to += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
        to += "\\u00";
        to += digits[static_cast<unsigned char>(c) >> 4];
        to += digits[static_cast<unsigned char>(c) & 15];
    } else {
        to += c;
    }
}

} // namespace

namespace {

// XXH3 of a value's bytes; the kind keeps the number 1 and a text of the same bytes apart.
fingerprint seeded(std::string_view bytes, std::uint64_t seed) noexcept
{
    const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
    return {hash.low64, hash.high64};
}

fingerprint of_whole(std::uint64_t value, std::uint64_t seed) noexcept
{
    return {detail::mix64(value ^ seed), detail::mix64(value + detail::fingerprint_seed)};
}

fingerprint of_real(double value, std::uint64_t seed) noexcept
{
    constexpr double the_nan = std::numeric_limits<double>::quiet_NaN();
    const double one_of_equals = value == 0 ? 0 : value != value ? the_nan : value;
    return of_whole(std::bit_cast<std::uint64_t>(one_of_equals), seed);
}

fingerprint of_decimal(const decimal& value, std::uint64_t seed) noexcept
{
    const auto scale = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(value.weight)) << 8) |
                       static_cast<std::uint64_t>(value.digits.empty() && value.is == decimal::sign::negative
                                                      ? decimal::sign::positive
                                                      : value.is);
    const bool is_scaled = !value.digits.empty() || !value.is_finite();
    return seeded(value.digits, seed ^ detail::mix64(is_scaled ? scale + 1 : 0));
}

} // namespace

fingerprint print_of(const column_type& type, const field& value, std::uint64_t seed)
{
    switch (value.is) {
    case field::kind::integer:
        return of_whole(static_cast<std::uint64_t>(value.integer), seed);
    case field::kind::real:
        return of_real(value.real, seed);
    case field::kind::decimal:
        return of_decimal(value.as_decimal(), seed);
    case field::kind::text:
        if (type.equal_means_identical()) {
            return seeded(value.text, seed);
        }
        [[fallthrough]];
    default:
        return type.hash(value);
    }
}

// Most texts are ASCII, where a byte is a character. In others, eight bytes at a time: a byte 10xxxxxx continues a
// character; what remains of it here is its top bit, and a product adds these up.
std::size_t utf8_length(std::string_view text) noexcept
{
    if (is_ascii(text)) {
        return text.size();
    }
    constexpr std::uint64_t each_byte = 0x0101010101010101;
    std::size_t continuations = 0;
    std::size_t at = 0;
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data() + at, sizeof bytes);
        continuations += static_cast<std::size_t>(((bytes >> 7 & ~(bytes >> 6)) & each_byte) * each_byte >> 56);
    }
    for (; at < text.size(); ++at) {
        continuations += is_continuation(text[at]) ? 1 : 0;
    }
    return text.size() - continuations;
}

std::string json_string(std::string_view text, std::size_t longest)
{
    std::size_t kept = std::min(text.size(), longest);
    while (kept < text.size() && kept > 0 && is_continuation(text[kept])) {
        --kept;
    }
    std::string made{'"'};
    for (const char c : text.substr(0, kept)) {
        append_escaped(made, c);
    }
    made += kept < text.size() ? "…\"" : "\"";
    return made;
}

} // namespace etl::validate
