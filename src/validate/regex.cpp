#include "validate/regex.hpp"

#include <re2/re2.h>

#include <cstddef>
#include <memory>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::size_t largest_repeat = 255; // PostgreSQL's DUPMAX

bool is_ascii(char c) noexcept
{
    return static_cast<unsigned char>(c) < 0x80;
}

bool is_word_character(char c) noexcept
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// What a backslash makes an ordinary character everywhere.
bool is_punctuation(char c) noexcept
{
    return is_ascii(c) && !is_word_character(c) && c != '\0';
}

// Reads a pattern from left to right. Each step answers whether what it read is portable.
class portability_reader {
  public:
    explicit portability_reader(std::string_view pattern) : rest_{pattern} {}

    bool read_all()
    {
        while (!rest_.empty()) {
            if (!read_one()) {
                return false;
            }
        }
        return depth_ == 0;
    }

  private:
    char take()
    {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    bool take_if(char wanted)
    {
        if (rest_.empty() || rest_.front() != wanted) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }

    bool read_one()
    {
        switch (const char c = take()) {
        case '\\':
            return read_escape() && after_atom();
        case '[':
            return read_bracket() && after_atom();
        case '(':
            return read_group_start();
        case ')':
            return depth_-- > 0 && after_atom();
        case '*':
        case '+':
        case '?':
            return quantifiable_ && after_quantifier();
        case '{':
            return quantifiable_ && read_bounds() && after_quantifier();
        case '^':
        case '$':
        case '|':
            quantifiable_ = false;
            return true;
        case ']':
        case '}':
            return false;
        default:
            return c != '\0' && after_atom();
        }
    }

    bool after_atom()
    {
        quantifiable_ = true;
        return true;
    }

    bool after_quantifier()
    {
        take_if('?'); // a lazy quantifier changes which match is found, not whether there is one
        quantifiable_ = false;
        return true;
    }

    // Before punctuation: what it escapes stands for itself. Before a word's character it has a meaning, or none.
    bool read_escape() { return !rest_.empty() && is_punctuation(take()); }

    bool read_group_start()
    {
        ++depth_;
        quantifiable_ = false;
        return !take_if('?') || take_if(':');
    }

    // {m}, {m,} or {m,n}
    bool read_bounds()
    {
        std::size_t low = 0;
        std::size_t high = 0;
        if (!read_number(low)) {
            return false;
        }
        high = low;
        if (take_if(',') && !rest_.empty() && rest_.front() != '}' && !read_number(high)) {
            return false;
        }
        return take_if('}') && low <= high && high <= largest_repeat;
    }

    bool read_number(std::size_t& value)
    {
        const std::size_t start = rest_.size();
        value = 0;
        while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9' && value <= largest_repeat) {
            value = 10 * value + static_cast<std::size_t>(take() - '0');
        }
        return rest_.size() < start;
    }

    bool read_bracket()
    {
        take_if('^');
        if (rest_.empty() || rest_.front() == ']') {
            return false;
        }
        for (bool first = true; !rest_.empty() && rest_.front() != ']'; first = false) {
            if ((!first && is_range()) || !read_bracket_range()) { // [a-c-e]: PostgreSQL refuses it
                return false;
            }
        }
        return take_if(']');
    }

    // A hyphen that is not the last character of a bracket expression.
    bool is_range() const { return rest_.size() >= 2 && rest_[0] == '-' && rest_[1] != ']'; }

    // One character, or two with a hyphen between them.
    bool read_bracket_range()
    {
        char low = '\0';
        char high = '\0';
        if (!read_bracket_character(low)) {
            return false;
        }
        if (!is_range()) {
            return true;
        }
        take();
        return read_bracket_character(high) && low <= high;
    }

    bool read_bracket_character(char& value)
    {
        value = take();
        if (value == '\\') {
            if (rest_.empty() || !is_punctuation(rest_.front())) {
                return false;
            }
            value = take();
        } else if (value == '[') { // [:class:], [.x.], [=x=]
            return false;
        }
        return is_ascii(value) && value != '\0';
    }

    std::string_view rest_;
    int depth_ = 0;
    bool quantifiable_ = false; // something stands before that a quantifier may follow
};

RE2::Options options()
{
    RE2::Options made;
    made.set_dot_nl(true); // as PostgreSQL: '.' and [^…] match a newline
    made.set_log_errors(false);
    made.set_never_capture(true);
    return made;
}

} // namespace

bool is_portable(std::string_view pattern)
{
    return portability_reader{pattern}.read_all();
}

text_predicate compile_regex(const std::string& pattern,
                             const std::function<text_predicate(const std::string&)>& fallback)
{
    if (is_portable(pattern)) {
        auto compiled = std::make_shared<const RE2>(pattern, options());
        if (compiled->ok()) {
            return [compiled](std::string_view text) {
                return RE2::PartialMatch(re2::StringPiece{text.data(), text.size()}, *compiled);
            };
        }
    }
    return fallback(pattern);
}

} // namespace etl::validate
