#include "validate/sql_text.hpp"

#include "core/error.hpp"
#include "validate/nearest.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_part_of_name(char c)
{
    return starts_name(c) || is_digit(c) || c == '$';
}

// One pass over a condition, one lexical element at a time.
class scanner {
  public:
    scanner(std::string_view text, const std::string& what) : text_{text}, what_{what} {}

    sql_marks scan()
    {
        while (at_ < text_.size()) {
            step();
        }
        if (!open_.empty()) {
            refuse(open_.back() == ')' ? "has a parenthesis that is not closed" : "has a bracket that is not closed");
        }
        return marks_;
    }

  private:
    [[noreturn]] void refuse(const char* why) const
    {
        throw error(sqlstate::invalid_parameter_value, what_ + " " + why, "It is: " + shortened(text_) + ".",
                    "Give one SQL expression whose value is true or false, as after WHERE.");
    }

    char next(std::size_t by = 1) const { return at_ + by < text_.size() ? text_[at_ + by] : '\0'; }
    bool here(std::string_view what) const { return text_.substr(at_).starts_with(what); }

    void step()
    {
        const char c = text_[at_];
        if (starts_name(c)) {
            pass_name();
        } else if (c == '\'') {
            pass_quoted('\'', false);
        } else if (c == '"') {
            pass_quoted('"', false);
        } else if (here("--")) {
            pass_line_comment();
        } else if (here("/*")) {
            pass_comment();
        } else if (c == '$') {
            pass_dollar();
        } else if (is_digit(c)) {
            pass_number();
        } else {
            pass_sign(c);
        }
    }

    void pass_name()
    {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_part_of_name(text_[at_])) {
            ++at_;
        }
        if (at_ - begin == 1 && (text_[begin] == 'e' || text_[begin] == 'E') && at_ < text_.size() &&
            text_[at_] == '\'') {
            pass_quoted('\'', true);
        }
    }

    void pass_number()
    {
        while (at_ < text_.size() && (is_part_of_name(text_[at_]) || text_[at_] == '.') && text_[at_] != '$') {
            ++at_;
        }
    }

    // A doubled quote inside needs no care: it ends one quoted element and begins the next.
    void pass_quoted(char quote, bool with_escapes)
    {
        for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
            at_ += with_escapes && text_[at_] == '\\' ? 1 : 0;
        }
        if (at_ >= text_.size()) {
            refuse(quote == '"' ? "has a quoted name without its end" : "has a string without its end");
        }
        ++at_;
        if (with_escapes && at_ < text_.size() && text_[at_] == quote) {
            pass_quoted(quote, true); // here the doubled quote goes on with escapes
        }
    }

    void pass_line_comment()
    {
        at_ = text_.find_first_of("\r\n", at_);
        if (at_ == std::string_view::npos) {
            refuse("ends in a comment");
        }
    }

    void pass_comment()
    {
        int depth = 0;
        do {
            if (at_ >= text_.size()) {
                refuse("has a comment without its end");
            }
            const int change = here("/*") ? 1 : here("*/") ? -1 : 0;
            depth += change;
            at_ += change == 0 ? 1 : 2;
        } while (depth > 0);
    }

    void pass_dollar()
    {
        if (is_digit(next())) {
            refuse("has a parameter");
        }
        std::size_t end = at_ + 1;
        while (end < text_.size() && is_part_of_name(text_[end]) && text_[end] != '$') {
            ++end;
        }
        if (end >= text_.size() || text_[end] != '$') {
            ++at_; // no quote; PostgreSQL will complain
            return;
        }
        const std::string_view quote = text_.substr(at_, end + 1 - at_);
        const std::size_t close = text_.find(quote, end + 1);
        if (close == std::string_view::npos) {
            refuse("has a string without its end");
        }
        at_ = close + quote.size();
    }

    void pass_sign(char c)
    {
        if (c == ';') {
            refuse("has a semicolon");
        }
        if (c == '(' || c == '[') {
            open_ += c == '(' ? ')' : ']';
        } else if (c == ')' || c == ']') {
            if (open_.empty() || open_.back() != c) {
                refuse(c == ')' ? "closes a parenthesis that is not open" : "closes a bracket that is not open");
            }
            open_.pop_back();
        }
        marks_.backtick |= c == '`';
        marks_.double_equals |= here("==");
        ++at_;
    }

    std::string_view text_;
    const std::string& what_;
    std::size_t at_ = 0;
    std::string open_; // what will close each open parenthesis or bracket
    sql_marks marks_;
};

std::string quoted(std::string_view text, char quote, bool double_backslashes)
{
    std::string made{quote};
    for (const char c : text) {
        made += c;
        if (c == quote || (double_backslashes && c == '\\')) {
            made += c;
        }
    }
    return made + quote;
}

} // namespace

std::string sql_name(std::string_view name)
{
    return quoted(name, '"', false);
}

std::string sql_literal(std::string_view text)
{
    const bool escapes = text.find('\\') != std::string_view::npos;
    return (escapes ? "E" : "") + quoted(text, '\'', escapes);
}

sql_marks check_sql_condition(std::string_view condition, const std::string& what)
{
    return scanner{condition, what}.scan();
}

} // namespace etl::validate
