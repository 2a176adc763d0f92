#include "validate/condition_token.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_part_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c) ||
           static_cast<unsigned char>(c) >= 0x80;
}

} // namespace

token tokenizer::next()
{
    at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    if (at_ == text_.size()) {
        return {};
    }
    const char c = text_[at_];
    if (c == '\'' || c == '"' || c == '`') {
        return take_quoted(c);
    }
    if (is_digit(c)) {
        return take(token::kind::number, end_of_number());
    }
    return is_part_of_word(c) ? take(token::kind::word, end_of_word()) : take(token::kind::sign, end_of_sign());
}

token tokenizer::take(token::kind is, std::size_t end)
{
    const token made{is, text_.substr(at_, end - at_), {}};
    at_ = end;
    return made;
}

token tokenizer::take_quoted(char quote)
{
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) {
        return take(token::kind::broken, text_.size());
    }
    const std::string_view value = text_.substr(at_ + 1, end - at_ - 1);
    token made = take(quote == '`' ? token::kind::name : token::kind::text, end + 1);
    made.value = value;
    return made;
}

std::size_t tokenizer::end_of_word() const
{
    const auto begin = text_.begin() + static_cast<std::ptrdiff_t>(at_);
    return static_cast<std::size_t>(std::find_if_not(begin, text_.end(), is_part_of_word) - text_.begin());
}

std::size_t tokenizer::end_of_digits(std::size_t from) const
{
    while (from < text_.size() && is_digit(text_[from])) {
        ++from;
    }
    return from;
}

// Digits, a fraction, an exponent.
std::size_t tokenizer::end_of_number() const
{
    std::size_t end = end_of_digits(at_);
    if (end < text_.size() && text_[end] == '.') {
        end = end_of_digits(end + 1);
    }
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
        const bool has_sign = end + 1 < text_.size() && (text_[end + 1] == '-' || text_[end + 1] == '+');
        const std::size_t digits = end + (has_sign ? 2 : 1);
        const std::size_t after = end_of_digits(digits);
        end = after > digits ? after : end;
    }
    return end;
}

std::size_t tokenizer::end_of_sign() const
{
    for (const std::string_view two : {"==", "!=", "<=", ">="}) {
        if (text_.substr(at_).starts_with(two)) {
            return at_ + 2;
        }
    }
    return at_ + 1;
}

std::string lower_case(std::string_view text)
{
    std::string made{text};
    std::transform(made.begin(), made.end(), made.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return made;
}

} // namespace etl::validate
