// Double Metaphone's rules for C and S.
#include "dedupe/double_metaphone_reader.hpp"

#include "core/cpp_only.hpp"

namespace etl::dedupe {

void double_metaphone_reader::read_c()
{
    const bool is_german_ach = at_ > 1 && !is_vowel(at_ - 2) && word_.has(at_ - 1, {"ACH"}) &&
                               word_.at(at_ + 2) != 'I' &&
                               (word_.at(at_ + 2) != 'E' || word_.has(at_ - 2, {"BACHER", "MACHER"}));
    if (is_german_ach) {
        return say("K", 2);
    }
    if (at_ == 0 && word_.has(0, {"CAESAR"})) {
        return say("S", 2);
    }
    if (word_.has(at_, {"CHIA"})) {
        return say("K", 2); // Chianti
    }
    if (next() == 'H') {
        return read_ch();
    }
    if (next() == 'Z' && !word_.has(at_ - 2, {"WICZ"})) {
        return say("S", "X", 2); // Czerny
    }
    if (word_.has(at_ + 1, {"CIA"})) {
        return say("X", 3); // focaccia
    }
    if (next() == 'C' && !(at_ == 1 && word_.at(0) == 'M')) {
        return read_cc();
    }
    if (word_.any_at(at_ + 1, "KGQ")) {
        return say("K", 2);
    }
    if (word_.any_at(at_ + 1, "IEY")) {
        return word_.has(at_, {"CIO", "CIE", "CIA"}) ? say("S", "X", 2) : say("S", 2); // Italian, English
    }
    const bool begins_next = word_.has(at_ + 1, {" C", " Q", " G"}); // Mac Caffrey, Mac Gregor
    const bool is_pair = word_.any_at(at_ + 1, "CKQ") && !word_.has(at_ + 1, {"CE", "CI"});
    say("K", begins_next ? 3 : is_pair ? 2 : 1);
}

void double_metaphone_reader::read_ch()
{
    if (at_ > 0 && word_.has(at_, {"CHAE"})) {
        return say("K", "X", 2); // Michael
    }
    const bool is_greek_root = at_ == 0 && word_.has(1, {"HARAC", "HARIS", "HOR", "HYM", "HIA", "HEM"}) &&
                               !word_.has(0, {"CHORE"}); // chemistry, chorus
    const bool is_kh = is_germanic_ || word_.has(at_ - 2, {"ORCHES", "ARCHIT", "ORCHID"}) ||
                       word_.any_at(at_ + 2, "TS") ||
                       ((at_ == 0 || word_.any_at(at_ - 1, "AOUE")) && word_.any_at(at_ + 2, "LRNMBHFVW "));
    if (is_greek_root || is_kh) {
        return say("K", 2);
    }
    if (at_ == 0) {
        return say("X", 2);
    }
    word_.has(0, {"MC"}) ? say("K", 2) : say("X", "K", 2); // McHugh
}

// CC, but not McClellan's.
void double_metaphone_reader::read_cc()
{
    if (!word_.any_at(at_ + 2, "IEH") || word_.has(at_ + 2, {"HU"})) {
        return say("K", 2); // Pierce's rule
    }
    const bool is_ks = (at_ == 1 && word_.at(0) == 'A') || word_.has(at_ - 1, {"UCCEE", "UCCES"});
    say(is_ks ? "KS" : "X", 3); // accident, succeed; bacci, bertucci
}

void double_metaphone_reader::read_s()
{
    if (word_.has(at_ - 1, {"ISL", "YSL"})) {
        return say("", 1); // island, Carlysle
    }
    if (at_ == 0 && word_.has(0, {"SUGAR"})) {
        return say("X", "S", 1);
    }
    if (next() == 'H') {
        return say(word_.has(at_ + 1, {"HEIM", "HOEK", "HOLM", "HOLZ"}) ? "S" : "X", 2); // Germanic
    }
    if (word_.has(at_, {"SIO", "SIA"})) {
        return is_slavo_germanic_ ? say("S", 3) : say("S", "X", 3); // Italian, Armenian
    }
    if ((at_ == 0 && word_.any_at(1, "MNLW")) || next() == 'Z') {
        return say("S", "X", next() == 'Z' ? 2 : 1); // Smith and Schmidt, Snider and Schneider; Hungarian SZ
    }
    if (next() == 'C') {
        return read_sc();
    }
    const std::ptrdiff_t size = word_.any_at(at_ + 1, "SZ") ? 2 : 1;
    is_last() && word_.has(at_ - 2, {"AI", "OI"}) ? say("", "S", size) : say("S", size); // Resnais, Artois
}

void double_metaphone_reader::read_sc()
{
    if (word_.at(at_ + 2) != 'H') {
        return say(word_.any_at(at_ + 2, "IEY") ? "S" : "SK", 3);
    }
    if (word_.has(at_ + 3, {"ER", "EN"})) {
        return say("X", "SK", 3); // Schermerhorn, Schenker
    }
    if (word_.has(at_ + 3, {"OO", "UY", "ED", "EM"})) {
        return say("SK", 3); // Dutch: school, schooner
    }
    at_ == 0 && !is_vowel(3) && word_.at(3) != 'W' ? say("X", "S", 3) : say("X", 3);
}

} // namespace etl::dedupe
