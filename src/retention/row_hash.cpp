#include "retention/row_hash.hpp"

#include "core/hex.hpp"

#include <charconv>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr char type_name[] = "etl.rows_hash";
constexpr std::uint32_t magic = make_magic("ROWH");
constexpr std::uint32_t version = 1;
constexpr std::size_t sum_digits = 32;

// Begin what stands for more bytes than were written: no length and no mark of a column is likely to be the same.
constexpr std::uint32_t long_value = 0xffffffff;
constexpr std::uint64_t condensed_row = 0x70675f65746c0b0c;

[[noreturn]] void refuse_text(std::string_view text)
{
    throw error(sqlstate::invalid_text_representation,
                std::string{"invalid input syntax for type "} + type_name + ": \"" + std::string{text.substr(0, 80)} +
                    '"',
                "The text form is a number of rows, a colon and 32 hexadecimal digits.");
}

std::int64_t parse_count(std::string_view digits, std::string_view text)
{
    std::int64_t count = 0;
    const char* end = digits.data() + digits.size();
    const auto [at, why] = std::from_chars(digits.data(), end, count);
    if (why == std::errc::result_out_of_range) {
        throw error(sqlstate::numeric_value_out_of_range,
                    std::string{"value out of range for type "} + type_name + ": \"" + std::string{text.substr(0, 80)} +
                        '"',
                    "The number of rows is a bigint.");
    }
    if (why != std::errc{} || at != end) {
        refuse_text(text);
    }
    return count;
}

} // namespace

void rows_hash::write(std::byte* to) const noexcept
{
    store(to, magic);
    store(to + sizeof magic, version);
    store(to + sizeof(state_header), count);
    store(to + sizeof(state_header) + sizeof count, sum);
}

rows_hash rows_hash::read(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, type_name);
    if (bytes.size() != flat_size) {
        refuse_state(type_name, "The value is " + std::to_string(bytes.size()) + " bytes long, not " +
                                    std::to_string(flat_size) + ".");
    }
    const std::byte* from = bytes.data() + sizeof(state_header);
    return {load<std::uint64_t>(from), load<sum_type>(from + sizeof count)};
}

std::string rows_hash::to_string() const
{
    std::array<std::byte, sizeof sum> digits; // the highest first
    for (std::size_t i = 0; i < digits.size(); ++i) {
        digits[i] = static_cast<std::byte>(sum >> 8 * (digits.size() - 1 - i));
    }
    return std::to_string(rows()) + ':' + to_hex(digits);
}

rows_hash rows_hash::parse(std::string_view text)
{
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || text.size() - colon - 1 != sum_digits) {
        refuse_text(text);
    }
    rows_hash made{static_cast<std::uint64_t>(parse_count(text.substr(0, colon), text)), 0};
    for (const char c : text.substr(colon + 1)) {
        const int digit = hex_digit(c);
        if (digit < 0) {
            refuse_text(text);
        }
        made.sum = made.sum << 4 | static_cast<unsigned>(digit);
    }
    return made;
}

// Its length and its hash.
void row_writer::long_bytes(std::span<const std::byte> value) noexcept
{
    const XXH128_hash_t hash = XXH3_128bits(value.data(), value.size());
    reserve(sizeof long_value + sizeof(std::uint64_t) + sizeof hash);
    put(long_value);
    put(static_cast<std::uint64_t>(value.size()));
    put(hash.low64);
    put(hash.high64);
}

// The hash of what has been written takes its place.
void row_writer::condense() noexcept
{
    const XXH128_hash_t hash = XXH3_128bits(buffer_.data(), used_);
    used_ = 0;
    put(condensed_row);
    put(hash.low64);
    put(hash.high64);
}

} // namespace etl
