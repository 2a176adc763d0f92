// ECMA-262's pattern syntax (chapter "RegExp (Regular Expression) Objects", with the u flag) in RE2's words.
//
// Differences that this file bridges: \s and the dot follow Unicode's blanks and line ends, $ is only the end of the
// text, \uXXXX and \cX, [] and [^], \p{…} with ECMA-262's names, brackets within classes. As engines do without the u
// flag, a brace that starts no repeat count is an ordinary character.
#include "validate/json_schema_regex.hpp"
#include "validate/json_schema_regex_names.hpp"
#include "validate/json_schema_regex_reader.hpp"

#include <algorithm>
#include <optional>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

class translator : private pattern_reader {
  public:
    explicit translator(std::string_view pattern) : pattern_reader{pattern} {}

    translated_pattern run()
    {
        translated_pattern made;
        if (is_plain_prefix()) {
            made.parts.push_back({std::string{pattern_.substr(1)}});
            made.is_prefix = true;
            return made;
        }
        read_leading_lookaheads(made);
        const bool alone = made.parts.empty();
        out_ = alone ? "" : "\\A(?:";
        read_alternatives(false);
        if (!alone && top_level_bar_) {
            refuse_unsupported("an alternative to a lookahead");
        }
        made.parts.insert(made.parts.begin(), {out_ + (alone ? "" : ")")});
        return made;
    }

  private:
    // ^x-: a caret, and nothing that means anything.
    bool is_plain_prefix() const
    {
        return at("^") && rest_.find_first_of("\\^$.|?*+()[]{}", 1) == std::string_view::npos;
    }

    // ^(?=…)(?!…)…: each becomes a part of its own.
    void read_leading_lookaheads(translated_pattern& made)
    {
        if (!at("^(?=") && !at("^(?!")) {
            return;
        }
        take();
        while (at("(?=") || at("(?!")) {
            const bool wanted = at("(?=");
            rest_.remove_prefix(3);
            out_ = "\\A(?:";
            read_alternatives(true);
            if (!take_if(")")) {
                refuse("a group that does not end");
            }
            made.parts.push_back({out_ + ')', wanted});
            if (at("*") || at("+") || at("?") || at("{")) {
                refuse_unsupported("a repeated lookahead");
            }
        }
        top_level_bar_ = false;
    }

    // Up to the end of the pattern, or of the group that has been opened.
    void read_alternatives(bool within_group)
    {
        int depth = 0;
        while (!done() && !(within_group && depth == 0 && at(")"))) {
            depth += read_one();
            if (depth < 0) {
                refuse("a parenthesis without its partner");
            }
            top_level_bar_ = top_level_bar_ || (depth == 0 && out_.back() == '|');
        }
        if (depth > 0) {
            refuse("a group that does not end");
        }
    }

    // Translates what comes next; returns by how much the depth of groups changes.
    int read_one()
    {
        switch (rest_.front()) {
        case '\\':
            take();
            read_escape();
            return 0;
        case '[':
            take();
            read_class();
            return 0;
        case '(':
            take();
            open_group();
            return 1;
        case ')':
            out_ += take();
            return -1;
        case '.':
            take();
            out_ += no_line_end;
            return 0;
        case '^':
            take();
            out_ += "\\A";
            return 0;
        case '$':
            take();
            out_ += "\\z";
            return 0;
        case '{':
            take();
            read_brace();
            return 0;
        case '*':
        case '+':
        case '?':
        case '|':
            out_ += take();
            return 0;
        default:
            put(take_character());
            return 0;
        }
    }

    void open_group()
    {
        out_ += "(?:";
        if (!at("?") || take_if("?:")) {
            return;
        }
        if (at("?=") || at("?!")) {
            refuse_unsupported("a lookahead");
        }
        if (at("?<=") || at("?<!")) {
            refuse_unsupported("a lookbehind");
        }
        const std::size_t end = rest_.find('>');
        if (!at("?<") || end == std::string_view::npos || end < 3) {
            refuse("an unknown kind of group");
        }
        rest_.remove_prefix(end + 1); // a group's name matters only to back references
    }

    // {n}, {n,} or {n,m}; else the brace stands for itself.
    void read_brace()
    {
        const std::size_t low = digits_from(0);
        const bool ranges = low < rest_.size() && rest_[low] == ',';
        const std::size_t high = ranges ? digits_from(low + 1) : 0;
        const std::size_t length = low + (ranges ? 1 : 0) + high;
        if (low == 0 || length >= rest_.size() || rest_[length] != '}') {
            put('{');
            return;
        }
        if (high > 0 && is_less(rest_.substr(low + 1, high), rest_.substr(0, low))) {
            refuse("a repeat count whose ends are in the wrong order");
        }
        out_ += '{' + std::string{rest_.substr(0, length + 1)};
        rest_.remove_prefix(length + 1);
    }

    // Of two numbers in digits.
    static bool is_less(std::string_view a, std::string_view b)
    {
        a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
        b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
        return a.size() != b.size() ? a.size() < b.size() : a < b;
    }

    // A character that stands for itself, in a class or outside.
    void put(std::uint32_t character)
    {
        constexpr char digits[] = "0123456789abcdef";
        if ((character >= 0xd800 && character < 0xe000) || character > 0x10ffff) {
            refuse("half of a surrogate pair");
        }
        const char c = character < 0x80 ? static_cast<char>(character) : '\0';
        if (is_digit(c) || is_ascii_letter(c)) {
            out_ += c;
            return;
        }
        std::string hex;
        for (; character != 0; character >>= 4) {
            hex.insert(hex.begin(), digits[character & 15]);
        }
        out_ += "\\x{" + (hex.empty() ? "0" : hex) + '}';
    }

    // Behind a backslash, outside of a class.
    void read_escape()
    {
        if (at("b") || at("B")) {
            out_ += std::string{'\\', take()};
            return;
        }
        if (at("k<") || (!done() && rest_.front() >= '1' && rest_.front() <= '9')) {
            refuse_unsupported("a back reference");
        }
        if (const auto set = read_set()) {
            out_ += '[' + *set + ']';
        } else {
            put(escaped_character());
        }
    }

    // \d, \w, \s, \p{…} and their opposites, as what stands within a class.
    std::optional<std::string> read_set()
    {
        constexpr std::string_view letters = "dDwWsS";
        constexpr const char* sets[] = {"\\d", "\\D", "\\w", "\\W", blanks, other_than_blanks};
        if (at("p{") || at("P{")) {
            return read_property();
        }
        const std::size_t found = done() ? std::string_view::npos : letters.find(rest_.front());
        if (found == std::string_view::npos) {
            return std::nullopt;
        }
        take();
        return sets[found];
    }

    std::string read_property()
    {
        const bool negated = take() == 'P';
        const std::size_t end = rest_.find('}');
        if (end == std::string_view::npos) {
            refuse("a property without a name");
        }
        std::string_view name = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
        for (const std::string_view key : {"General_Category=", "gc=", "Script=", "sc="}) {
            if (name.starts_with(key)) {
                name.remove_prefix(key.size());
                break;
            }
        }
        if (name == "ASCII") {
            return negated ? "\\x{80}-\\x{10ffff}" : "\\x{0}-\\x{7f}";
        }
        return (negated ? "\\P{" : "\\p{") + std::string{short_category(name)} + '}';
    }

    // Behind the bracket that opens a class.
    void read_class()
    {
        const bool negated = take_if("^");
        if (take_if("]")) {
            out_ += negated ? anything : nothing;
            return;
        }
        out_ += negated ? "[^" : "[";
        while (!take_if("]")) {
            const auto low = read_class_member();
            if (!low || !at("-") || at("-]")) {
                continue;
            }
            take();
            const auto high = read_class_member(low);
            if (high && *high < *low) {
                refuse("a range whose ends are in the wrong order");
            }
        }
        out_ += ']';
    }

    // Puts a character, which it returns, or a set. Behind a hyphen, a character ends the range that the given one
    // began.
    std::optional<std::uint32_t> read_class_member(std::optional<std::uint32_t> begun = std::nullopt)
    {
        const bool escaped = take_if("\\");
        if (escaped) {
            if (const auto set = read_set()) {
                out_ += (begun ? "\\-" : "") + *set; // [a-\d]: a hyphen is all that this one can be
                return std::nullopt;
            }
        }
        const bool backspace = escaped && take_if("b");
        const std::uint32_t character = backspace ? '\b' : escaped ? escaped_character() : take_character();
        out_ += begun ? "-" : "";
        put(character);
        return character;
    }

    std::string out_;
    bool top_level_bar_ = false; // an alternative outside of all groups
};

} // namespace

translated_pattern translate_pattern(std::string_view pattern)
{
    return translator{pattern}.run();
}

} // namespace etl::validate::schema
