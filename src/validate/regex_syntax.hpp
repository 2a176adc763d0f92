// Reads regular expressions as PostgreSQL does, as far as others agree with it.
//
// A pattern is portable when it is made of constructs that mean the same to PostgreSQL's engine and to RE2, once each
// of them is spelled out: characters, bracket expressions, '.', anchors, alternatives, groups and single quantifiers.
// What a construct means is taken from PostgreSQL's documentation ("POSIX Regular Expressions") and its lexer. The
// reading is a list of tokens, from which RE2's spelling and the class matcher are made. All else (back references,
// look-around, word boundaries, faulty patterns) is PostgreSQL's own to answer or to refuse.
//
// Character classes (\d, \w, \s, [[:alpha:]], …) depend on the collation. Which ASCII characters they hold can be
// asked from PostgreSQL, so patterns with classes are portable over texts of ASCII characters alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

struct code_range {
    char32_t low = 0;
    char32_t high = 0;
};

struct regex_token {
    enum class kind {
        character,  // one character out of a set
        begin,      // the start of the text
        end,        // its end
        either,     // the bar between alternatives
        open,       // a group starts
        close,      // and ends
        quantifier, // the token or group before it, `least` to `most` times
    };
    static constexpr unsigned no_limit = ~0U;

    kind is = kind::character;
    std::vector<code_range> ranges{}; // of a character; none and negated is any character
    bool negated = false;
    unsigned least = 0;
    unsigned most = 0;

    bool is_single() const noexcept { return !negated && ranges.size() == 1 && ranges[0].low == ranges[0].high; }
};

struct regex_syntax {
    std::vector<regex_token> tokens;
    bool folds_case = false;     // it starts with (?i)
    bool only_for_ascii = false; // true of texts of ASCII characters alone
    std::string for_re2() const; // the same pattern in RE2's spelling
};

// The ASCII characters in a class, which is given as a pattern of its own: "\\d", "[[:alpha:]]".
using class_members = std::function<std::vector<code_range>(const std::string& one_class)>;

// The reading of a portable pattern. Without `members` a pattern with classes or (?i) is none.
std::optional<regex_syntax> read_regex(std::string_view pattern, const class_members& members = {});

// Appends a character as UTF-8.
void append_utf8(std::string& text, char32_t character);

} // namespace etl::validate
