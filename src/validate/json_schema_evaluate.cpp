#include "validate/json_schema_evaluate.hpp"

#include "validate/json_schema_uri.hpp"
#include "validate/json_schema_value.hpp"

#include <algorithm>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

std::string listed_types(value keyword)
{
    if (!keyword.is_array()) {
        return "of type " + std::string{keyword.text()};
    }
    std::string list;
    for (const value each : elements(keyword)) {
        list += (list.empty() ? "" : ", ") + std::string{each.text()};
    }
    return "of any of the types " + list;
}

std::string listed_values(value list)
{
    constexpr std::size_t longest = 120;
    std::string made;
    for (const value each : elements(list)) {
        made += made.empty() ? "" : ", ";
        if (made.size() > longest) {
            return made + "…";
        }
        made += excerpt(each);
    }
    return made;
}

std::string characters(std::uint64_t count)
{
    return std::to_string(count) + (count == 1 ? " character" : " characters");
}

} // namespace

void evaluation::take_a_break()
{
    poll_();
    next_break_ = steps_ + steps_per_break;
    if (steps_ > most_steps_) {
        throw error(sqlstate::program_limit_exceeded,
                    "validating a JSON document by its JSON Schema takes too many steps",
                    "It was given up after work worth " + std::to_string(most_steps_) + " applications of a schema.");
    }
}

bool evaluation::check(const rules& by, value of, const place* where, evaluated* seen)
{
    step();
    if (depth_ == deepest) {
        throw error(sqlstate::program_limit_exceeded, "a JSON Schema and its document nest too deeply into each other",
                    "More than " + std::to_string(deepest) + " schemas would be applied within each other.");
    }
    ++depth_;
    bool verdict = false;
    if (scope_ != nullptr && scope_->home == by.home) {
        verdict = check_scoped(by, of, where, seen);
    } else {
        const scope inner{scope_, by.home};
        scope_ = &inner;
        verdict = check_scoped(by, of, where, seen);
        scope_ = inner.outer;
    }
    --depth_;
    return verdict;
}

// A schema with an unevaluated… keyword looks at what itself and the schemas for the same value evaluate, and nobody
// beside it.
bool evaluation::check_scoped(const rules& by, value of, const place* where, evaluated* seen)
{
    const bool items = by.unevaluated_items && of.is_array();
    const bool properties = by.unevaluated_properties && of.is_object();
    if (!items && !properties) {
        return check_keywords(by, of, where, seen);
    }
    evaluated own;
    bool verdict = check_keywords(by, of, where, &own);
    if (verdict || is_collecting()) {
        const bool rest = items ? check_unevaluated_items(*by.unevaluated_items, of, where, own)
                                : check_unevaluated_properties(*by.unevaluated_properties, of, where, own);
        verdict = verdict && rest;
    }
    if (seen != nullptr) {
        seen->add_all(own);
    }
    return verdict;
}

bool evaluation::check_keywords(const rules& by, value of, const place* where, evaluated* seen)
{
    if (by.allows_nothing) {
        return refuse(where, where == nullptr ? "false" : where->via->keyword,
                      [] { return "nothing is allowed here"; });
    }
    bool verdict = true;
    (void)(joined(verdict, by.allowed_types == types::any || check_type(by, of, where)) &&
           joined(verdict, check_values(by, of, where)) && joined(verdict, check_by_kind(by, of, where, seen)) &&
           joined(verdict, by.combinations == nullptr || check_combinations(*by.combinations, of, where, seen)));
    return verdict;
}

bool evaluation::follow(const edge& to, value of, const place* where, evaluated* seen, movement how, std::uint32_t key,
                        std::uint32_t index)
{
    const place there{where, &to, how, key, index};
    return check(*to.to, of, &there, seen);
}

bool evaluation::follow_quietly(const edge& to, value of, const place* where, evaluated* seen, movement how)
{
    ++quiet_;
    const bool verdict = follow(to, of, where, seen, how);
    --quiet_;
    return verdict;
}

bool evaluation::check_type(const rules& by, value of, const place* where)
{
    bool allowed = (by.allowed_types & types::of(of.kind())) != 0;
    if (!allowed && of.is_number() && (by.allowed_types & types::integer) != 0) {
        const std::string_view text = of.text();
        allowed = by.integers_by_form ? text.find_first_of(".eE") == std::string_view::npos
                                      : small_integer(text).has_value() || decimal{text}.is_integer();
    }
    return allowed || refuse(where, "type", [&] { return excerpt(of) + " is not " + listed_types(by.type_keyword); });
}

bool evaluation::check_values(const rules& by, value of, const place* where)
{
    bool verdict = true;
    if (by.constant || by.enumeration != nullptr) {
        steps_for(of);
    }
    if (by.constant && !are_equal(*by.constant, of)) {
        verdict = refuse(where, "const", [&] { return excerpt(of) + " is not " + excerpt(*by.constant); });
    }
    if (by.enumeration != nullptr && (verdict || is_collecting()) && !by.enumeration->has(of)) {
        verdict = refuse(where, "enum",
                         [&] { return excerpt(of) + " is not one of " + listed_values(by.enumeration->list()); });
    }
    return verdict;
}

bool evaluation::check_by_kind(const rules& by, value of, const place* where, evaluated* seen)
{
    switch (of.kind()) {
    case json_kind::number:
        return by.numbers == nullptr || check_number(*by.numbers, of, where);
    case json_kind::string:
        return by.strings == nullptr || check_string(*by.strings, of, where);
    case json_kind::array:
        return by.arrays == nullptr || check_array(*by.arrays, of, where, seen);
    case json_kind::object:
        return by.objects == nullptr || check_object(*by.objects, of, where, seen);
    default:
        return true;
    }
}

bool evaluation::check_number(const number_rules& by, value of, const place* where)
{
    const std::string_view number = of.text();
    bool verdict = true;
    auto bounded = [&](const std::optional<number_bound>& bound, const char* keyword,
                       bool (*allows)(std::strong_ordering), const char* relation) {
        return !bound || allows(bound->compare(number)) ||
               refuse(where, keyword, [&] { return excerpt(of) + relation + std::string{bound->text()}; });
    };
    (void)(joined(verdict, bounded(
                               by.minimum, "minimum", [](auto order) { return order >= 0; }, " is less than ")) &&
           joined(verdict, bounded(
                               by.maximum, "maximum", [](auto order) { return order <= 0; }, " is greater than ")) &&
           joined(verdict, bounded(
                               by.exclusive_minimum, "exclusiveMinimum", [](auto order) { return order > 0; },
                               " is not greater than ")) &&
           joined(verdict, bounded(
                               by.exclusive_maximum, "exclusiveMaximum", [](auto order) { return order < 0; },
                               " is not less than ")));
    if ((verdict || is_collecting()) && by.multiple_of && !by.multiple_of->divides(number)) {
        verdict = refuse(where, "multipleOf",
                         [&] { return excerpt(of) + " is not a multiple of " + std::string{by.multiple_of->text()}; });
    }
    return verdict;
}

bool evaluation::check_string(const string_rules& by, value of, const place* where)
{
    const std::string_view text = of.text();
    bool verdict = true;
    steps_for(text.size());
    // No text has more characters than bytes, nor less than a quarter of them.
    if (text.size() > by.length.most || text.size() / 4 < by.length.least) {
        const std::size_t length = count_characters(text);
        if (length < by.length.least) {
            verdict = refuse(where, "minLength",
                             [&] { return excerpt(of) + " is shorter than " + characters(by.length.least); });
        }
        if (length > by.length.most) {
            verdict = refuse(where, "maxLength",
                             [&] { return excerpt(of) + " is longer than " + characters(by.length.most); });
        }
    }
    if ((verdict || is_collecting()) && by.pattern != nullptr && !by.pattern->matches(text)) {
        verdict = refuse(where, "pattern", [&] {
            return excerpt(of) + " does not match " + '"' + pattern_excerpt(by.pattern->pattern()) + '"';
        });
    }
    if ((verdict || is_collecting()) && by.format != nullptr && !is_of_format(by, text)) {
        verdict = refuse(where, "format", [&] { return excerpt(of) + " is no valid " + printable(by.format_name); });
    }
    return verdict;
}

// Looks first whether it is to end: a format may take long, as that of regular expressions, which compiles them.
bool evaluation::is_of_format(const string_rules& by, std::string_view text) const
{
    poll_();
    return by.format(text);
}

// Both paths are read off the places, from the last one to the root.
void evaluation::note(const place* where, std::string_view keyword, std::string message)
{
    std::vector<const place*> way;
    for (const place* at = where; at != nullptr; at = at->up) {
        way.push_back(at);
    }
    std::reverse(way.begin(), way.end());
    steps_ += way.size();
    violation made;
    for (const place* at : way) {
        made.schema_path += '/' + at->via->step;
        if (at->how == movement::member) {
            made.instance_path += '/' + pointer_token(value{document_, at->key}.text());
        } else if (at->how == movement::element) {
            made.instance_path += '/' + std::to_string(at->index);
        }
    }
    const bool is_last_step = where != nullptr && where->via->keyword == keyword && where->via->to->allows_nothing;
    if (!is_last_step && keyword != "false") {
        made.schema_path += '/' + std::string{keyword};
    }
    made.instance_path = printable(made.instance_path);
    made.schema_path = printable(made.schema_path);
    made.keyword = keyword;
    made.message = std::move(message);
    (*errors_)(std::move(made));
}

} // namespace etl::validate::schema
