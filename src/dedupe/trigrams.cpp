#include "dedupe/trigrams.hpp"

#include "dedupe/code_points.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr char32_t blank = ' ';

// In lower case, or 0 for one that stands between words.
char32_t in_word(char32_t c) noexcept
{
    if (c < 0x80) {
        const bool is_capital = c >= 'A' && c <= 'Z';
        return is_capital ? c + ('a' - 'A') : (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : 0;
    }
    if (c > 0x10FFFF) {
        return 0;
    }
    const auto point = static_cast<utf8proc_int32_t>(c);
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
        return static_cast<char32_t>(utf8proc_tolower(point));
    default:
        return 0;
    }
}

// Takes characters one by one and writes the trigram that each one ends.
class trigram_writer {
  public:
    explicit trigram_writer(std::pmr::vector<trigram>& to) : to_{to} {}

    void put(char32_t c)
    {
        if (c != 0) {
            next(c);
            in_word_ = true;
        } else if (in_word_) {
            end_word();
        }
    }
    void end_word()
    {
        if (in_word_) {
            next(blank);
            last_two_ = two_blanks;
            in_word_ = false;
        }
    }

  private:
    static constexpr int bits = 21;
    static constexpr trigram two = (trigram{1} << (2 * bits)) - 1;
    static constexpr trigram two_blanks = trigram{blank} << bits | blank;

    void next(char32_t c)
    {
        const trigram made = last_two_ << bits | c;
        to_.push_back(made);
        last_two_ = made & two;
    }

    std::pmr::vector<trigram>& to_;
    trigram last_two_ = two_blanks;
    bool in_word_ = false;
};

} // namespace

void read_trigrams(std::string_view text, std::pmr::vector<trigram>& to)
{
    require_length(text);
    to.clear();
    trigram_writer writer{to};
    if (is_ascii(text)) {
        for (const char c : text) {
            writer.put(in_word(static_cast<unsigned char>(c)));
        }
    } else {
        scratch<char32_t, 256> points{text.size()};
        for (const char32_t c : points.first(read_code_points(text, points.data()))) {
            writer.put(in_word(c));
        }
    }
    writer.end_word();
    std::ranges::sort(to);
    to.erase(std::unique(to.begin(), to.end()), to.end());
}

} // namespace etl::dedupe
