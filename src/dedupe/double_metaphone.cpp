// Philips' rules. Each letter's function says what its place adds to both codes and moves on past what it has read.
#include "dedupe/double_metaphone.hpp"

#include "dedupe/double_metaphone_reader.hpp"
#include "dedupe/latin_letters.hpp"

#include "core/cpp_only.hpp"

namespace etl::dedupe {

double_metaphone_reader::double_metaphone_reader(std::string_view letters, std::size_t max_length)
    : word_{letters}, max_length_{max_length}, is_slavo_germanic_{word_.contains("W") || word_.contains("K") ||
                                                                  word_.contains("CZ") || word_.contains("WITZ")},
      is_germanic_{word_.has(0, {"VAN ", "VON ", "SCH"})}
{
}

double_code double_metaphone_reader::read()
{
    if (word_.has(0, {"GN", "KN", "PN", "WR", "PS"})) {
        at_ = 1; // the first letter is silent
    } else if (here() == 'X') {
        say("S", 1);
    }
    while (at_ < word_.size() && std::min(code_.primary.size(), code_.alternate.size()) < max_length_) {
        read_letter();
    }
    code_.primary.resize(std::min(code_.primary.size(), max_length_));
    code_.alternate.resize(std::min(code_.alternate.size(), max_length_));
    return std::move(code_);
}

void double_metaphone_reader::read_letter()
{
    switch (here()) {
    case 'A':
    case 'E':
    case 'I':
    case 'O':
    case 'U':
    case 'Y':
        return say(at_ == 0 ? "A" : "", 1);
    case 'B':
        return say_pair("P", "B");
    case 'C':
        return read_c();
    case 'D':
        return read_d();
    case 'F':
        return say_pair("F", "F");
    case 'K':
        return say_pair("K", "K");
    case 'N':
        return say_pair("N", "N");
    case 'G':
        return read_g();
    case 'H':
        return (at_ == 0 || is_vowel(at_ - 1)) && is_vowel(at_ + 1) ? say("H", 2) : say("", 1);
    case 'J':
        return read_j();
    case 'L':
        return read_l();
    case 'M':
        return read_m();
    case 'P':
        return next() == 'H' ? say("F", 2) : say_pair("P", "PB");
    case 'Q':
        return say_pair("K", "Q");
    case 'R':
        return read_r();
    case 'S':
        return read_s();
    case 'T':
        return read_t();
    case 'V':
        return say_pair("F", "V");
    case 'W':
        return read_w();
    case 'X':
        return read_x();
    case 'Z':
        return read_z();
    default:
        return say("", 1); // a blank
    }
}

void double_metaphone_reader::read_d()
{
    if (next() == 'G') {
        return word_.any_at(at_ + 2, "IEY") ? say("J", 3) : say("TK", 2); // edge, Edgar
    }
    say_pair("T", "DT");
}

void double_metaphone_reader::read_j()
{
    const bool is_san = word_.has(0, {"SAN "});
    const bool is_jose = word_.has(at_, {"JOSE"});
    if (is_jose || is_san) {
        return (at_ == 0 && word_.at(at_ + 4) == ' ') || is_san ? say("H", 1) : say("J", "H", 1);
    }
    const std::ptrdiff_t size = next() == 'J' ? 2 : 1;
    if (at_ == 0) {
        return say("J", "A", size); // Jankelowicz, Yankelovich
    }
    if (is_vowel(at_ - 1) && !is_slavo_germanic_ && word_.any_at(at_ + 1, "AO")) {
        return say("J", "H", size); // Bajador
    }
    if (is_last()) {
        return say("J", "", size);
    }
    const bool is_heard = !word_.any_at(at_ + 1, "LTKSNMBZ") && !word_.any_at(at_ - 1, "SKL");
    say(is_heard ? "J" : "", size);
}

void double_metaphone_reader::read_l()
{
    if (next() != 'L') {
        return say("L", 1);
    }
    const std::ptrdiff_t last = word_.size() - 1; // cabrillo, gallegos
    const bool is_spanish =
        (at_ == word_.size() - 3 && word_.has(at_ - 1, {"ILLO", "ILLA", "ALLE"})) ||
        ((word_.has(last - 1, {"AS", "OS"}) || word_.any_at(last, "AO")) && word_.has(at_ - 1, {"ALLE"}));
    is_spanish ? say("L", "", 2) : say("L", 2);
}

void double_metaphone_reader::read_m()
{
    const bool is_umb = word_.has(at_ - 1, {"UMB"}) && (at_ + 2 == word_.size() || word_.has(at_ + 2, {"ER"}));
    say("M", is_umb || next() == 'M' ? 2 : 1); // dumb, thumb
}

void double_metaphone_reader::read_r()
{
    const bool is_french =
        is_last() && !is_slavo_germanic_ && word_.has(at_ - 2, {"IE"}) && !word_.has(at_ - 4, {"ME", "MA"});
    is_french ? say("", "R", 1) : say_pair("R", "R"); // Rogier
}

void double_metaphone_reader::read_t()
{
    if (word_.has(at_, {"TIA", "TCH", "TION"})) {
        return say("X", 3);
    }
    if (word_.has(at_, {"TH", "TTH"})) {
        const bool is_hard = word_.has(at_ + 2, {"OM", "AM"}) || is_germanic_; // Thomas, Thames
        return is_hard ? say("T", 2) : say("0", "T", 2);
    }
    say_pair("T", "TD");
}

void double_metaphone_reader::read_w()
{
    if (next() == 'R') {
        return say("R", 2);
    }
    if (at_ == 0 && is_vowel(1)) {
        add("A", "F"); // Wasserman, Vasserman
    } else if (word_.has(0, {"WH"}) && at_ == 0) {
        add("A", "A");
    }
    if ((is_last() && is_vowel(at_ - 1)) || word_.has(at_ - 1, {"EWSKI", "EWSKY", "OWSKI", "OWSKY"}) ||
        word_.has(0, {"SCH"})) {
        return say("", "F", 1); // Arnow, Arnoff
    }
    word_.has(at_, {"WICZ", "WITZ"}) ? say("TS", "FX", 4) : say("", 1); // Filipowicz
}

void double_metaphone_reader::read_x()
{
    const bool is_french = is_last() && (word_.has(at_ - 3, {"IAU", "EAU"}) || word_.has(at_ - 2, {"AU", "OU"}));
    say(is_french ? "" : "KS", word_.any_at(at_ + 1, "CX") ? 2 : 1); // Breaux
}

void double_metaphone_reader::read_z()
{
    if (next() == 'H') {
        return say("J", 2); // Zhao
    }
    const std::ptrdiff_t size = next() == 'Z' ? 2 : 1;
    const bool is_ts =
        word_.has(at_ + 1, {"ZO", "ZI", "ZA"}) || (is_slavo_germanic_ && at_ > 0 && word_.at(at_ - 1) != 'T');
    is_ts ? say("S", "TS", size) : say("S", size);
}

double_code double_metaphone(std::string_view name, int max_length)
{
    const std::size_t length = require_code_length(max_length);
    const std::string letters = latin_letters(name, spaces::keep, cedilla::is_s);
    return double_metaphone_reader{letters, length}.read();
}

} // namespace etl::dedupe
