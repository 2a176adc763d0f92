// Double Metaphone's rules for G.
#include "dedupe/double_metaphone_reader.hpp"

#include "core/cpp_only.hpp"

namespace etl::dedupe {

void double_metaphone_reader::read_g()
{
    if (next() == 'H') {
        return read_gh();
    }
    if (next() == 'N') {
        return read_gn();
    }
    if (word_.has(at_ + 1, {"LI"}) && !is_slavo_germanic_) {
        return say("KL", "L", 2); // tagliaro
    }
    const bool is_first_soft =
        at_ == 0 && (next() == 'Y' || word_.has(1, {"ES", "EP", "EB", "EL", "EY", "IB", "IL", "IN", "IE", "EI", "ER"}));
    const bool is_ger = (word_.has(at_ + 1, {"ER"}) || next() == 'Y') &&
                        !word_.has(0, {"DANGER", "RANGER", "MANGER"}) && !word_.any_at(at_ - 1, "EI") &&
                        !word_.has(at_ - 1, {"RGY", "OGY"});
    if (is_first_soft || is_ger) {
        return say("K", "J", 2);
    }
    if (word_.any_at(at_ + 1, "EIY") || word_.has(at_ - 1, {"AGGI", "OGGI"})) {
        return read_soft_g();
    }
    say_pair("K", "G");
}

void double_metaphone_reader::read_gh()
{
    if (at_ > 0 && !is_vowel(at_ - 1)) {
        return say("K", 2);
    }
    if (at_ == 0) {
        return say(word_.at(2) == 'I' ? "J" : "K", 2); // Ghislane, ghost
    }
    // Parker's rule, with some refinements: Hugh, bough, broughton
    const bool is_silent = (at_ > 1 && word_.any_at(at_ - 2, "BHD")) || (at_ > 2 && word_.any_at(at_ - 3, "BHD")) ||
                           (at_ > 3 && word_.any_at(at_ - 4, "BH"));
    if (is_silent) {
        return say("", 2);
    }
    const bool is_f = at_ > 2 && word_.at(at_ - 1) == 'U' && word_.any_at(at_ - 3, "CGLRT"); // laugh, McLaughlin, cough
    say(is_f ? "F" : word_.at(at_ - 1) != 'I' ? "K" : "", 2);
}

void double_metaphone_reader::read_gn()
{
    if (at_ == 1 && is_vowel(0) && !is_slavo_germanic_) {
        return say("KN", "N", 2);
    }
    const bool is_cagney = word_.has(at_ + 2, {"EY"});
    !is_cagney && !is_slavo_germanic_ ? say("N", "KN", 2) : say("KN", 2);
}

void double_metaphone_reader::read_soft_g()
{
    if (is_germanic_ || word_.has(at_ + 1, {"ET"})) {
        return say("K", 2); // obviously Germanic
    }
    word_.has(at_ + 1, {"IER "}) ? say("J", 2) : say("J", "K", 2); // biaggi
}

} // namespace etl::dedupe
