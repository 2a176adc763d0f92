// Letters by Unicode's compatibility decomposition (utf8proc), and the few that it keeps whole.
#include "dedupe/latin_letters.hpp"

#include "core/error.hpp"
#include "dedupe/code_points.hpp"

#include <utf8proc.h>

#include <array>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

constexpr char32_t combining_cedilla = 0x327;

// Letters that Unicode does not take apart.
std::string_view spelling(char32_t letter) noexcept
{
    switch (letter) {
    case U'æ':
        return "AE";
    case U'œ':
        return "OE";
    case U'ø':
        return "O";
    case U'đ':
    case U'ð':
        return "D";
    case U'þ':
        return "TH";
    case U'ł':
        return "L";
    case U'ħ':
        return "H";
    case U'ŧ':
        return "T";
    case U'ı':
        return "I";
    case U'ŋ':
        return "NG";
    default:
        return {};
    }
}

bool is_mark(char32_t c) noexcept
{
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
}

bool is_apostrophe(char32_t c) noexcept
{
    return c == U'\'' || c == U'`' || c == U'\u2018' || c == U'\u2019' || c == U'\u02bc' || c == U'\u00b4';
}

class letter_list {
  public:
    letter_list(spaces between, cedilla c) : keeps_spaces_{between == spaces::keep}, is_s_{c == cedilla::is_s} {}

    void add(char32_t c)
    {
        if (c < 0x80) {
            add_folded(c);
            return;
        }
        if (c > 0x10ffff) {
            end_word();
            return;
        }
        std::array<utf8proc_int32_t, 32> parts{};
        int boundary = 0;
        const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
        const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(),
                                                   static_cast<utf8proc_ssize_t>(parts.size()), options, &boundary);
        for (std::size_t i = 0; i < parts.size() && static_cast<utf8proc_ssize_t>(i) < count; ++i) {
            add_folded(static_cast<char32_t>(parts[i]));
        }
    }

    // A character that is its own compatibility decomposition.
    void add_folded(char32_t c)
    {
        const char32_t lower = c | 0x20U;
        if (c < 0x80) {
            if (lower >= U'a' && lower <= U'z') {
                letters_ += static_cast<char>(lower - U'a' + U'A');
            } else if (!is_apostrophe(c)) {
                end_word();
            }
        } else if (const auto spelt = spelling(c); !spelt.empty()) {
            letters_ += spelt;
        } else if (c == combining_cedilla && is_s_ && !letters_.empty() && letters_.back() == 'C') {
            letters_.back() = 'S';
        } else if (!is_apostrophe(c) && !is_mark(c)) {
            end_word();
        }
    }

    std::string take()
    {
        if (!letters_.empty() && letters_.back() == ' ') {
            letters_.pop_back();
        }
        return std::move(letters_);
    }

  private:
    void end_word()
    {
        if (keeps_spaces_ && !letters_.empty() && letters_.back() != ' ') {
            letters_ += ' ';
        }
    }

    bool keeps_spaces_;
    bool is_s_;
    std::string letters_;
};

} // namespace

std::string latin_letters(std::string_view text, spaces between, cedilla c)
{
    require_length(text);
    letter_list letters{between, c};
    if (is_ascii(text)) {
        for (const char byte : text) {
            letters.add_folded(static_cast<unsigned char>(byte));
        }
        return letters.take();
    }
    scratch<char32_t, 256> code_points{text.size()};
    for (const char32_t code_point : code_points.first(read_code_points(text, code_points.data()))) {
        letters.add(code_point);
    }
    return letters.take();
}

std::size_t require_code_length(int max_length)
{
    if (max_length < 1) {
        throw error(sqlstate::invalid_parameter_value,
                    "max_length must be at least 1, not " + std::to_string(max_length),
                    "It is the greatest number of letters in a code.", "Leave it out for the usual length.");
    }
    return static_cast<std::size_t>(max_length);
}

} // namespace etl::dedupe
