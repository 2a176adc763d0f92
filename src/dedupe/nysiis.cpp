// Taft's rules: those of the beginning, of the end, of each letter in between, and of the code's own end.
#include "dedupe/nysiis.hpp"

#include "dedupe/latin_letters.hpp"

#include <algorithm>
#include <array>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

struct rewrite {
    std::string_view from;
    std::string_view to;
};

constexpr std::array beginnings = {rewrite{"MAC", "MCC"}, rewrite{"KN", "NN"}, rewrite{"K", "C"},
                                   rewrite{"PH", "FF"},   rewrite{"PF", "FF"}, rewrite{"SCH", "SSS"}};
constexpr std::array endings = {rewrite{"EE", "Y"}, rewrite{"IE", "Y"}, rewrite{"DT", "D"}, rewrite{"RT", "D"},
                                rewrite{"RD", "D"}, rewrite{"NT", "D"}, rewrite{"ND", "D"}};
// What stands at a letter of the rest, the longest first.
constexpr std::array inside = {rewrite{"SCH", "SSS"}, rewrite{"EV", "AF"}, rewrite{"KN", "NN"}, rewrite{"PH", "FF"},
                               rewrite{"E", "A"},     rewrite{"I", "A"},   rewrite{"O", "A"},   rewrite{"U", "A"},
                               rewrite{"Q", "G"},     rewrite{"Z", "S"},   rewrite{"M", "N"},   rewrite{"K", "C"}};

bool is_vowel(char letter) noexcept
{
    return std::string_view{"AEIOU"}.find(letter) != std::string_view::npos;
}

void rewrite_ends(std::string& name)
{
    for (const rewrite& rule : beginnings) {
        if (name.starts_with(rule.from)) {
            name.replace(0, rule.from.size(), rule.to);
            break;
        }
    }
    for (const rewrite& rule : endings) {
        if (name.ends_with(rule.from)) {
            name.replace(name.size() - rule.from.size(), rule.from.size(), rule.to);
            break;
        }
    }
}

// Rewrites what stands at a place; letters before it have been rewritten already, so a vowel there is an A.
void rewrite_at(std::string& name, std::size_t at)
{
    for (const rewrite& rule : inside) {
        if (name.compare(at, rule.from.size(), rule.from) == 0) {
            name.replace(at, rule.from.size(), rule.to);
            return;
        }
    }
    const char before = name[at - 1];
    const bool vowel_after = at + 1 < name.size() && is_vowel(name[at + 1]);
    if ((name[at] == 'H' && (!is_vowel(before) || !vowel_after)) || (name[at] == 'W' && is_vowel(before))) {
        name[at] = before;
    }
}

void trim_end(std::string& code)
{
    if (code.size() > 1 && code.back() == 'S') {
        code.pop_back();
    }
    if (code.size() > 2 && code.ends_with("AY")) {
        code.erase(code.size() - 2, 1);
    }
    if (code.size() > 1 && code.back() == 'A') {
        code.pop_back();
    }
}

} // namespace

std::string nysiis(std::string_view name, int max_length)
{
    const std::size_t length = require_code_length(max_length);
    std::string letters = latin_letters(name);
    if (letters.empty()) {
        return {};
    }
    rewrite_ends(letters);
    std::string code(1, letters.front());
    for (std::size_t i = 1; i < letters.size(); ++i) {
        rewrite_at(letters, i);
        if (letters[i] != code.back()) {
            code += letters[i];
        }
    }
    trim_end(code);
    code.resize(std::min(code.size(), length));
    return code;
}

} // namespace etl::dedupe
