// The regular expressions of JSON Schema (keywords pattern and patternProperties), which are those of ECMA-262 in its
// Unicode mode, run by RE2 in linear time.
//
// RE2's syntax differs in classes, escapes and anchors, so a pattern is translated character by character. What RE2
// cannot do in linear time is refused: back references, lookbehind, and lookahead anywhere but right behind a leading
// ^, where it is a second pattern that the start of the text must match, or must not.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace etl::validate::schema {

class regex {
  public:
    // Throws etl::error where the pattern is invalid (2201B) or beyond what is supported (0A000).
    explicit regex(std::string_view pattern);

    bool matches(std::string_view text) const;

    const std::string& pattern() const noexcept { return pattern_; }

    // The instructions of the compiled programs, for who limits their number.
    std::size_t program_size() const;

    static constexpr std::size_t longest = 20'000; // in bytes: the time to compile may grow with the square

  private:
    struct condition {
        std::shared_ptr<const re2::RE2> compiled;
        bool wanted; // whether a text that the regex describes must match
    };

    std::string pattern_;
    std::string prefix_;                // of a pattern that only says how a text starts
    std::vector<condition> conditions_; // all of them, else
};

// A pattern in a message, cut where it is very long.
std::string pattern_excerpt(std::string_view pattern);

// What a pattern says, in RE2's syntax: parts that must (or must not) match.
struct translated_pattern {
    struct part {
        std::string pattern;
        bool wanted = true;
    };
    std::vector<part> parts;
    bool is_prefix = false; // an anchor and ordinary characters: parts[0].pattern holds only these, as they are
};

translated_pattern translate_pattern(std::string_view pattern);

} // namespace etl::validate::schema
