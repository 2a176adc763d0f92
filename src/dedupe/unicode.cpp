#include "dedupe/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

const utf8proc_property_t& properties(std::int32_t character) noexcept
{
    return *utf8proc_get_property(character);
}

constexpr std::int32_t micro_sign = 0xb5;

bool moves(char32_t control) noexcept
{
    return (control >= '\t' && control <= '\r') || (control >= 0x1c && control <= 0x1f) || control == 0x85;
}

} // namespace

void append_character(std::pmr::string& to, char32_t character)
{
    utf8proc_uint8_t bytes[4];
    const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes);
    to.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

character_kind kind_of(char32_t character) noexcept
{
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(character))) {
    case UTF8PROC_CATEGORY_ND:
        return character_kind::digit;
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return character_kind::number;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return character_kind::mark;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return character_kind::punctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
        return character_kind::symbol;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return character_kind::separator;
    case UTF8PROC_CATEGORY_CC:
        return moves(character) ? character_kind::separator : character_kind::control;
    case UTF8PROC_CATEGORY_CF:
        return character_kind::control;
    default:
        return character_kind::letter;
    }
}

// Unicode keeps the digits of a script side by side, from 0 to 9, and encodes no others next to them but mathematical
// ones, of which each block begins where the one before ends: 0x1d7ce is the first.
int digit_value(char32_t character) noexcept
{
    constexpr char32_t first_mathematical = 0x1d7ce;
    constexpr char32_t last_mathematical = 0x1d7ff;
    if (character < 0x80) {
        return character >= '0' && character <= '9' ? static_cast<int>(character - '0') : -1;
    }
    if (kind_of(character) != character_kind::digit) {
        return -1;
    }
    if (character >= first_mathematical && character <= last_mathematical) {
        return static_cast<int>((character - first_mathematical) % 10);
    }
    int value = 0;
    while (value < 9 && kind_of(character - static_cast<char32_t>(value) - 1) == character_kind::digit) {
        ++value;
    }
    return value;
}

std::size_t fold(char32_t character, std::span<std::int32_t, longest_folding> to) noexcept
{
    constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                                                            UTF8PROC_IGNORE | UTF8PROC_STABLE);
    if (character == micro_sign) {
        to[0] = micro_sign;
        return 1;
    }
    int boundary = 0;
    const auto size = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character), to.data(),
                                              static_cast<utf8proc_ssize_t>(to.size()), options, &boundary);
    return size < 0 ? 0 : std::min(static_cast<std::size_t>(size), to.size());
}

std::size_t compose(std::span<std::int32_t> characters)
{
    const auto is_mark = [](std::int32_t c) { return properties(c).combining_class != 0; };
    for (auto from = std::find_if(characters.begin(), characters.end(), is_mark); from != characters.end();) {
        const auto to = std::find_if_not(from, characters.end(), is_mark);
        std::stable_sort(from, to, [](std::int32_t a, std::int32_t b) {
            return properties(a).combining_class < properties(b).combining_class;
        });
        from = std::find_if(to, characters.end(), is_mark);
    }
    const auto size = utf8proc_normalize_utf32(characters.data(), static_cast<utf8proc_ssize_t>(characters.size()),
                                               static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    return size < 0 ? characters.size() : static_cast<std::size_t>(size);
}

bool begins_anew(char32_t character) noexcept
{
    constexpr char32_t first_inner_jamo = 0x1160;
    constexpr char32_t last_inner_jamo = 0x11ff;
    const bool is_inner_jamo = character >= first_inner_jamo && character <= last_inner_jamo;
    return kind_of(character) != character_kind::mark && !is_inner_jamo;
}

} // namespace etl::dedupe
