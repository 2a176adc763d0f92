#include "validate/parameter_expression.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/nearest.hpp"
#include "validate/parameter_value.hpp"

#include <algorithm>
#include <charconv>
#include <numbers>
#include <optional>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr int deepest = 50;

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_part_of_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '$';
}

class evaluator {
  public:
    evaluator(std::string_view text, const parameter_scope& scope) : text_{text}, scope_{scope} {}

    parameter_value evaluate()
    {
        const parameter_value made = sum();
        if (peek() != '\0') {
            refuse();
        }
        return made;
    }

  private:
    [[noreturn]] void refuse() const
    {
        throw error(sqlstate::invalid_parameter_value,
                    "parameter expression " + in_quotes(shortened(text_)) + " is not understood",
                    at_ < text_.size() ? "The fault is at " + in_quotes(shortened(text_.substr(at_))) + "."
                                       : "It ends too early.");
    }

    char peek()
    {
        at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    bool skip(char sign)
    {
        const bool found = peek() == sign;
        at_ += found ? 1 : 0;
        return found;
    }

    void expect(char sign)
    {
        if (!skip(sign)) {
            refuse();
        }
    }

    parameter_value sum()
    {
        parameter_value made = product();
        while (peek() == '+' || peek() == '-') {
            const char sign = text_[at_++];
            made = reckon(sign, made, product());
        }
        return made;
    }

    parameter_value product()
    {
        parameter_value made = power();
        while (peek() == '*' || peek() == '/') {
            const char sign = text_[at_++];
            made = reckon(sign, made, power());
        }
        return made;
    }

    // 2^3^2 is 2^(3^2).
    parameter_value power()
    {
        if (++depth_ > deepest) {
            throw error(sqlstate::program_limit_exceeded,
                        "parameter expressions must not nest deeper than " + std::to_string(deepest) + " levels");
        }
        const parameter_value base = signed_value();
        const parameter_value made = skip('^') ? reckon('^', base, power()) : base;
        --depth_;
        return made;
    }

    parameter_value signed_value()
    {
        bool minus = false;
        while (peek() == '-' || peek() == '+') {
            minus ^= text_[at_++] == '-';
        }
        const parameter_value made = value();
        return minus ? negative(made) : made;
    }

    parameter_value value()
    {
        if (skip('(')) {
            const parameter_value made = sum();
            expect(')');
            return made;
        }
        const char c = peek();
        if (is_digit(c) || c == '.') {
            return number();
        }
        if (!is_letter(c)) {
            refuse();
        }
        const std::string_view called = name();
        return peek() == '(' ? call(called) : value_of(called);
    }

    std::string_view name()
    {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_part_of_name(text_[at_])) {
            ++at_;
        }
        return text_.substr(begin, at_ - begin);
    }

    // A fraction without a figure behind the point is none; an exponent needs figures.
    parameter_value number()
    {
        const char* begin = text_.data() + at_;
        const char* end = text_.data() + text_.size();
        std::int64_t whole = 0;
        double real = 0;
        const auto as_whole = std::from_chars(begin, end, whole);
        const auto as_real = std::from_chars(begin, end, real);
        if (as_real.ec != std::errc{}) {
            refuse();
        }
        at_ += static_cast<std::size_t>(as_real.ptr - begin);
        const bool is_whole = as_whole.ec == std::errc{} && as_whole.ptr == as_real.ptr;
        return is_whole ? parameter_value::of_whole(whole) : parameter_value::of_real(real);
    }

    parameter_value value_of(std::string_view called) const
    {
        const json* found = scope_.find(called);
        if (found == nullptr) {
            if (called == "PI" || called == "pi" || called == "Pi") {
                return parameter_value::of_real(std::numbers::pi);
            }
            if (called == "E" || called == "e") {
                return parameter_value::of_real(std::numbers::e);
            }
            scope_.refuse_unknown(called);
        }
        if (found->is_number_integer()) {
            return parameter_value::of_whole(found->get<std::int64_t>());
        }
        if (const auto real = number_in(*found)) {
            return parameter_value::of_real(*real);
        }
        std::int64_t moment = 0;
        if (found->is_string() && read_iso_moment(found->get_ref<const std::string&>(), moment)) {
            return parameter_value::of_moment(moment);
        }
        throw error(sqlstate::invalid_parameter_value,
                    "parameter " + in_quotes(called) + " of an expression must be a number or a moment",
                    "It is " + shortened(found->dump()) + ".");
    }

    parameter_value call(std::string_view function)
    {
        expect('(');
        std::vector<parameter_argument> given;
        while (!skip(')')) {
            if (!given.empty()) {
                expect(',');
            }
            std::string named = argument_name();
            const parameter_value value = sum();
            given.emplace_back(std::move(named), value);
        }
        return call_parameter_function(function, given, scope_.now);
    }

    // The name of an argument that is given by name: days=7.
    std::string argument_name()
    {
        const char c = peek();
        if (!is_letter(c)) {
            return {};
        }
        const std::size_t begin = at_;
        std::string found{name()};
        if (skip('=')) {
            return found;
        }
        at_ = begin;
        return {};
    }

    std::string_view text_;
    const parameter_scope& scope_;
    std::size_t at_ = 0;
    int depth_ = 0;
};

json in_json(const parameter_value& value)
{
    switch (value.is) {
    case parameter_value::kind::whole:
        return value.whole;
    case parameter_value::kind::real:
        if (value.real != value.real) {
            return "NaN";
        }
        if (value.real - value.real != 0) {
            return value.real > 0 ? "Infinity" : "-Infinity";
        }
        return value.real;
    case parameter_value::kind::moment:
        return iso_moment(value.whole);
    case parameter_value::kind::span:
        break;
    }
    throw error(sqlstate::invalid_parameter_value, "the value of a parameter expression must not be a span of time");
}

std::string_view trimmed(std::string_view text)
{
    const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
    return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

} // namespace

const json* parameter_scope::find(std::string_view name) const
{
    for (const json* values : {&given, &own}) {
        const auto found = values->find(std::string{name});
        if (found != values->end()) {
            return &*found;
        }
    }
    return nullptr;
}

void parameter_scope::refuse_unknown(std::string_view name) const
{
    std::vector<std::string> names;
    for (const json* values : {&given, &own}) {
        for (const auto& [known, value] : values->items()) {
            names.push_back(known);
        }
    }
    const std::vector<std::string_view> views{names.begin(), names.end()};
    throw error(sqlstate::invalid_parameter_value, "parameter " + in_quotes(shortened(name)) + " has no value",
                names.empty() ? "No parameter has one." : "Those that have one are " + joined(names) + ".",
                did_you_mean(name, views) + "Give it one: params => '{" + in_quotes(shortened(name)) + ": …}'.");
}

json evaluate_parameter(std::string_view expression, const parameter_scope& scope)
{
    expression = trimmed(expression);
    if (const json* found = scope.find(expression)) {
        return *found;
    }
    if (expression.starts_with("urn:")) {
        scope.refuse_unknown(expression);
    }
    return in_json(evaluator{expression, scope}.evaluate());
}

} // namespace etl::validate
