// Philips' rules, a letter at a time. Letters that say nothing are passed over.
#include "dedupe/metaphone.hpp"

#include "dedupe/latin_letters.hpp"
#include "dedupe/phonetic_word.hpp"

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

constexpr std::string_view vowels = "AEIOU";
constexpr std::string_view soft = "EIY"; // what C and G are soft before

class metaphone_reader {
  public:
    metaphone_reader(std::string_view letters, std::size_t max_length) : word_{letters}, max_length_{max_length} {}

    std::string read()
    {
        begin();
        while (at_ < word_.size() && code_.size() < max_length_) {
            const bool is_doubled = at_ > 0 && here() == word_.at(at_ - 1) && here() != 'C' && at_ != start_;
            if (!is_doubled) {
                read_letter();
            }
            ++at_;
        }
        code_.resize(std::min(code_.size(), max_length_));
        return std::move(code_);
    }

  private:
    char here() const noexcept { return word_.at(at_); }
    char next() const noexcept { return word_.at(at_ + 1); }
    bool is_before(std::string_view letters) const noexcept { return word_.any_at(at_ + 1, letters); }
    bool is_after(std::string_view letters) const noexcept { return word_.any_at(at_ - 1, letters); }

    // The beginning: a silent first letter, X for S, WH for W, and the only vowel that is kept.
    void begin()
    {
        if (word_.has(0, {"AE", "GN", "KN", "PN", "WR"})) {
            at_ = 1;
        }
        start_ = at_;
        if (here() == 'X') {
            code_ = "S";
            ++at_;
        } else if (word_.has(at_, {"WH"})) {
            code_ = "W";
            at_ += 2;
        } else if (word_.any_at(at_, vowels)) {
            code_ = here();
            ++at_;
        }
    }

    void read_letter()
    {
        switch (here()) {
        case 'B':
            add(is_after("M") && at_ + 1 == word_.size() ? "" : "B");
            break;
        case 'C':
            read_c();
            break;
        case 'D':
            read_d();
            break;
        case 'G':
            read_g();
            break;
        case 'H':
            add(is_before(vowels) && !(at_ > 0 && is_after("CGPST")) ? "H" : "");
            break;
        case 'K':
            add(is_after("C") ? "" : "K");
            break;
        case 'P':
            add(next() == 'H' ? "F" : "P");
            break;
        case 'Q':
            add("K");
            break;
        case 'S':
            read_s();
            break;
        case 'T':
            read_t();
            break;
        case 'V':
            add("F");
            break;
        case 'W':
        case 'Y':
            if (is_before(vowels)) {
                code_ += here();
            }
            break;
        case 'X':
            add("KS");
            break;
        case 'Z':
            add("S");
            break;
        case 'F':
        case 'J':
        case 'L':
        case 'M':
        case 'N':
        case 'R':
            code_ += here();
            break;
        default:
            break; // a vowel
        }
    }

    void read_c()
    {
        if (is_before(soft)) {
            if (is_after("S")) {
                return; // SCI, SCE, SCY
            }
            add(word_.has(at_, {"CIA"}) ? "X" : "S");
        } else if (next() == 'H') {
            add(is_after("S") || word_.at(at_ + 2) == 'R' ? "K" : "X"); // school, Chris; Church
        } else {
            add("K");
        }
    }

    void read_d()
    {
        if (next() == 'G' && word_.any_at(at_ + 2, soft)) {
            add("J");
            ++at_; // the G has been said
        } else {
            add("T");
        }
    }

    void read_g()
    {
        if (next() == 'H') {
            if (word_.any_at(at_ + 2, vowels)) {
                add("K");
            }
        } else if (next() == 'N') {
            const bool is_silent = at_ + 2 == word_.size() || (word_.has(at_, {"GNED"}) && at_ + 4 == word_.size());
            add(is_silent ? "" : "K");
        } else {
            const bool is_soft = is_before(soft) && !is_after("G");
            const bool is_doubled = next() == 'G';
            add(is_soft && !is_doubled ? "J" : "K");
        }
    }

    void read_s()
    {
        if (next() == 'H') {
            add("X");
            ++at_;
        } else {
            add(word_.has(at_, {"SIO", "SIA"}) ? "X" : "S");
        }
    }

    void read_t()
    {
        if (next() == 'H') {
            add("0");
            ++at_;
        } else if (word_.has(at_, {"TIA", "TIO"})) {
            add("X");
        } else if (!word_.has(at_, {"TCH"})) {
            add("T");
        }
    }

    void add(std::string_view sound) { code_ += sound; }

    phonetic_word word_;
    std::size_t max_length_;
    std::ptrdiff_t at_ = 0;
    std::ptrdiff_t start_ = 0;
    std::string code_;
};

} // namespace

std::string metaphone(std::string_view word, int max_length)
{
    const std::size_t length = require_code_length(max_length);
    const std::string letters = latin_letters(word, spaces::drop, cedilla::is_s);
    return metaphone_reader{letters, length}.read();
}

} // namespace etl::dedupe
