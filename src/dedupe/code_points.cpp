// Numbering of code points.
#include "dedupe/code_points.hpp"

#include "core/error.hpp"
#include "core/utf8.hpp"

#include <bit>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

constexpr std::size_t latin1_size = 256;

} // namespace

void refuse_long_text(std::size_t size)
{
    throw error(sqlstate::program_limit_exceeded, "a text of " + std::to_string(size) + " bytes is too long to compare",
                "Texts of up to " + std::to_string(longest_text) + " bytes are compared.",
                "Compare the part of it that tells texts apart, as in left(a, 10000).");
}

std::size_t read_code_points(std::string_view text, char32_t* to) noexcept
{
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size();) {
        const decoded next = decode_at(text, at);
        to[count++] = next.value;
        at += next.size;
    }
    return count;
}

std::size_t code_point_count(std::string_view text) noexcept
{
    if (is_ascii(text)) {
        return text.size();
    }
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); ++count) {
        at += decode_at(text, at).size;
    }
    return count;
}

numbered_texts::numbered_texts(std::string_view a, std::string_view b)
    : numbers_{a.size() + b.size()}, bytes_{a.size() + b.size()}
{
    static_assert(sizeof(char32_t) == sizeof(std::uint32_t));
    scratch<char32_t, 256> code_points{a.size() + b.size()};
    size_a_ = read_code_points(a, code_points.data());
    size_b_ = read_code_points(b, code_points.data() + size_a_);
    std::copy_n(code_points.data(), size_a_ + size_b_, numbers_.data());
    char32_t all = 0;
    for (const char32_t code_point : code_points.first(size_a_ + size_b_)) {
        all |= code_point;
    }
    if (all < latin1_size) {
        count_ = latin1_size; // small enough as they are
    } else {
        number();
    }
}

// Replaces each code point by its number. The table is open addressing, at most half full.
void numbered_texts::number()
{
    struct slot {
        std::uint32_t code_point;
        std::uint32_t number;
    };
    constexpr std::uint32_t nothing = 0xffffffffU;
    const std::size_t size = size_a_ + size_b_;
    const std::size_t slots = std::bit_ceil(2 * size + 1);
    const auto shift = static_cast<unsigned>(64 - std::countr_zero(slots));
    scratch<slot, 128> table{slots};
    std::fill(table.all().begin(), table.all().end(), slot{nothing, 0});
    for (std::uint32_t& number : numbers_.all().first(size)) {
        std::size_t at = (number * 0x9e3779b97f4a7c15U) >> shift;
        while (table[at].code_point != number && table[at].code_point != nothing) {
            at = (at + 1) & (slots - 1);
        }
        if (table[at].code_point == nothing) {
            table[at] = {number, static_cast<std::uint32_t>(count_++)};
        }
        number = table[at].number;
    }
}

symbol_pair<std::uint8_t> numbered_texts::pair_of_bytes()
{
    std::transform(numbers_.data(), numbers_.data() + size_a_ + size_b_, bytes_.data(),
                   [](std::uint32_t number) { return static_cast<std::uint8_t>(number); });
    return pair_of<std::uint8_t>(bytes_);
}

} // namespace etl::dedupe
