// Soundex by a table of digits.
#include "dedupe/soundex.hpp"

#include "dedupe/latin_letters.hpp"

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

// For A to Z: a digit, '0' for a vowel and Y, which part equal digits, ' ' for H and W, which do not.
constexpr std::string_view digits = "01230120022455012623010202";
constexpr std::size_t code_length = 4;

char digit_of(char letter) noexcept
{
    return letter == 'H' || letter == 'W' ? ' ' : digits[static_cast<std::size_t>(letter - 'A')];
}

} // namespace

std::string soundex(std::string_view name)
{
    const std::string letters = latin_letters(name);
    if (letters.empty()) {
        return {};
    }
    std::string code(1, letters.front());
    char before = digit_of(letters.front());
    for (std::size_t i = 1; i < letters.size() && code.size() < code_length; ++i) {
        const char digit = digit_of(letters[i]);
        if (digit == ' ') {
            continue;
        }
        if (digit != '0' && digit != before) {
            code += digit;
        }
        before = digit;
    }
    code.resize(code_length, '0');
    return code;
}

} // namespace etl::dedupe
