#include "validate/regex_syntax.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using kind = regex_token::kind;

constexpr unsigned largest_repeat = 255; // PostgreSQL's DUPMAX

// The classes that a bracket expression may name.
constexpr std::array<std::string_view, 12> class_names{"alnum", "alpha", "blank", "cntrl", "digit", "graph",
                                                       "lower", "print", "punct", "space", "upper", "xdigit"};

constexpr bool is_digit(char32_t c) noexcept
{
    return c >= '0' && c <= '9';
}

constexpr bool is_letter_or_digit(char32_t c) noexcept
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The control characters that have an escape of their own, the same in PostgreSQL, RE2 and Python.
constexpr char32_t escaped_control(char32_t c) noexcept
{
    switch (c) {
    case 'a':
        return '\a';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return 0;
    }
}

// The first character of a text in UTF-8, which it loses; 0 where there is none.
char32_t take_utf8(std::string_view& text) noexcept
{
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
    if (size == 0 || size > text.size()) {
        return 0;
    }
    char32_t value = size == 1 ? lead : lead & (0x7fU >> size);
    for (const char c : text.substr(1, size - 1)) {
        if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80) {
            return 0;
        }
        value = value << 6U | (static_cast<unsigned char>(c) & 0x3fU);
    }
    text.remove_prefix(size);
    const bool is_surrogate = value >= 0xd800 && value < 0xe000;
    const bool is_overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    return is_surrogate || is_overlong || value > 0x10ffff ? 0 : value;
}

// Reads a pattern from left to right. Each step answers whether what it read is portable.
class regex_reader {
  public:
    regex_reader(std::string_view pattern, const class_members& members) : rest_{pattern}, members_{members} {}

    bool read_all()
    {
        if (rest_.starts_with("(?i)") && members_) {
            rest_.remove_prefix(4);
            read_.folds_case = read_.only_for_ascii = true;
            if (!is_ascii(rest_)) { // beyond ASCII are letters whose other case is in it
                return false;
            }
        }
        while (!rest_.empty()) {
            if (!read_one()) {
                return false;
            }
        }
        return depth_ == 0;
    }

    regex_syntax take_reading() { return std::move(read_); }

  private:
    // The next character; 0 (which no text of PostgreSQL has) at the end and where it is not UTF-8.
    char32_t take() { return rest_.empty() ? 0 : take_utf8(rest_); }

    bool take_if(char wanted)
    {
        if (!rest_.starts_with(wanted)) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }

    bool read_one()
    {
        switch (const char32_t c = take()) {
        case 0:
            return false;
        case '\\':
            return read_escape();
        case '[':
            return read_bracket();
        case '(':
            return read_group_start();
        case ')':
            return read_group_end();
        case '|':
            return add_mark(kind::either);
        case '^':
            return add_mark(kind::begin);
        case '$':
            return add_mark(kind::end);
        case '.':
            return add_atom({.negated = true});
        case '*':
            return read_quantifier_end(0, regex_token::no_limit);
        case '+':
            return read_quantifier_end(1, regex_token::no_limit);
        case '?':
            return read_quantifier_end(0, 1);
        case '{': // a count when a digit follows, else a brace
            return !rest_.empty() && is_digit(static_cast<unsigned char>(rest_.front())) ? read_bounds()
                                                                                         : add_character(c);
        default:
            return add_character(c);
        }
    }

    bool add_atom(regex_token token)
    {
        read_.tokens.push_back(std::move(token));
        quantifiable_ = true;
        return true;
    }

    bool add_character(char32_t c) { return add_atom({.ranges = {{c, c}}}); }

    // After these nothing stands that a quantifier may follow.
    bool add_mark(kind mark)
    {
        read_.tokens.push_back({.is = mark});
        quantifiable_ = false;
        return true;
    }

    bool read_group_start()
    {
        ++depth_;
        return add_mark(kind::open) && (!take_if('?') || take_if(':'));
    }

    bool read_group_end()
    {
        add_mark(kind::close);
        quantifiable_ = true;
        return depth_-- > 0;
    }

    // {m}, {m,} or {m,n}
    bool read_bounds()
    {
        const unsigned least = read_number();
        unsigned most = least;
        if (take_if(',')) {
            most = rest_.starts_with('}') ? regex_token::no_limit : read_number();
        }
        const bool sound =
            least <= largest_repeat && least <= most && (most <= largest_repeat || most == regex_token::no_limit);
        return take_if('}') && sound && read_quantifier_end(least, most);
    }

    // Too large for a count where there is no number.
    unsigned read_number()
    {
        unsigned value = 0;
        std::size_t digits = 0;
        for (; !rest_.empty() && is_digit(static_cast<unsigned char>(rest_.front())); ++digits) {
            value = std::min(10 * value + static_cast<unsigned>(take() - '0'), largest_repeat + 1);
        }
        return digits == 0 ? largest_repeat + 1 : value;
    }

    bool read_quantifier_end(unsigned least, unsigned most)
    {
        if (!quantifiable_) {
            return false;
        }
        take_if('?'); // a lazy quantifier changes which match is found, not whether there is one
        add_mark(kind::quantifier);
        read_.tokens.back().least = least;
        read_.tokens.back().most = most;
        return true;
    }

    bool read_escape()
    {
        const char32_t c = take();
        switch (c) {
        case 'A':
            return add_mark(kind::begin);
        case 'Z':
            return add_mark(kind::end);
        case 'D':
        case 'S':
        case 'W': {
            regex_token token{.negated = true};
            return add_class({'\\', static_cast<char>(c - 'A' + 'a')}, token.ranges) && add_atom(std::move(token));
        }
        case 'd':
        case 's':
        case 'w': {
            regex_token token;
            return add_class({'\\', static_cast<char>(c)}, token.ranges) && add_atom(std::move(token));
        }
        default: {
            const char32_t meant = is_letter_or_digit(c) ? escaped_control(c) : c;
            return meant != 0 && add_character(meant);
        }
        }
    }

    bool add_class(const std::string& one_class, std::vector<code_range>& ranges)
    {
        if (!members_) {
            return false;
        }
        const std::vector<code_range> held = members_(one_class);
        ranges.insert(ranges.end(), held.begin(), held.end());
        read_.only_for_ascii = true;
        return !held.empty();
    }

    bool read_bracket()
    {
        regex_token token;
        token.negated = take_if('^');
        for (bool first = true; first || !rest_.starts_with(']'); first = false) {
            if ((!first && is_range()) || !read_bracket_part(token.ranges)) { // [a-c-e]: PostgreSQL refuses it
                return false;
            }
        }
        return take_if(']') && add_atom(std::move(token));
    }

    // A hyphen that is not the last character of a bracket expression.
    bool is_range() const { return rest_.size() >= 2 && rest_[0] == '-' && rest_[1] != ']'; }

    // A class, one character, or two with a hyphen between them.
    bool read_bracket_part(std::vector<code_range>& ranges)
    {
        if (rest_.starts_with("[:")) {
            return read_named_class(ranges);
        }
        if (rest_.size() >= 2 && rest_[0] == '\\' && (rest_[1] == 'd' || rest_[1] == 's' || rest_[1] == 'w')) {
            const std::string one_class{rest_.substr(0, 2)};
            rest_.remove_prefix(2);
            return add_class(one_class, ranges);
        }
        const char32_t low = read_bracket_character();
        char32_t high = low;
        if (is_range()) {
            take();
            high = read_bracket_character();
        }
        ranges.push_back({low, high});
        return low != 0 && low <= high;
    }

    bool read_named_class(std::vector<code_range>& ranges)
    {
        const std::size_t end = rest_.find(":]");
        if (end == std::string_view::npos ||
            std::find(class_names.begin(), class_names.end(), rest_.substr(2, end - 2)) == class_names.end()) {
            return false;
        }
        const std::string one_class = "[" + std::string{rest_.substr(0, end + 2)} + "]";
        rest_.remove_prefix(end + 2);
        return add_class(one_class, ranges);
    }

    // 0 where there is none, or one that is not portable.
    char32_t read_bracket_character()
    {
        const char32_t c = take();
        if (c == '[' && (rest_.starts_with('.') || rest_.starts_with('=') || rest_.starts_with(':'))) {
            return 0;
        }
        if (c != '\\') {
            return c;
        }
        const char32_t escaped = take();
        return is_letter_or_digit(escaped) ? escaped_control(escaped) : escaped;
    }

    std::string_view rest_;
    const class_members& members_;
    regex_syntax read_;
    int depth_ = 0;
    bool quantifiable_ = false; // something stands before that a quantifier may follow
};

} // namespace

std::optional<regex_syntax> read_regex(std::string_view pattern, const class_members& members)
{
    regex_reader reader{pattern, members};
    if (!reader.read_all()) {
        return std::nullopt;
    }
    return reader.take_reading();
}

} // namespace etl::validate
