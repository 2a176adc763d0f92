#include "validate/checks.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

std::size_t find_column(const std::string& name, std::span<const column> columns, const expectation& what)
{
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].name == name) {
            return i;
        }
    }
    std::vector<std::string> names;
    for (const column& c : columns) {
        names.push_back(c.name);
    }
    throw error(sqlstate::undefined_column,
                what.type + " expects column " + in_quotes(name) + ", which is not among the given ones",
                "Given are " + joined(names) + ".");
}

void require(bool truth, const expectation& what, const char* needed, const column_type& type)
{
    if (!truth) {
        throw error(sqlstate::datatype_mismatch,
                    what.type + " needs " + needed + ", but " + in_quotes(what.column) + " is of type " + type.name());
    }
}

} // namespace

check::check(const expectation& what, std::span<const column> columns)
    : what_{what}, column_{find_column(what.column, columns, what)}, type_{columns[column_].type.get()}
{
    switch (what_.kind) {
    case expectation_kind::be_in_set:
        compile_set();
        break;
    case expectation_kind::be_between:
        compile_bounds();
        break;
    case expectation_kind::match_regex:
    case expectation_kind::lengths_to_equal:
        compile_regex_or_length();
        break;
    case expectation_kind::pair_a_greater_than_b:
        compile_pair(columns);
        break;
    case expectation_kind::be_unique:
        require(type_->is_hashable(), what_, "a type with a hash function", *type_);
        break;
    case expectation_kind::not_be_null:
        break;
    }
}

void check::compile_set()
{
    require(type_->is_ordered(), what_, "a type with an order", *type_);
    const bool by_bytes = type_->kind() == field::kind::text && type_->equal_means_identical();
    for (const std::string& text : what_.value_set) {
        const field value = type_->literal(text, what_.label());
        if (by_bytes) {
            text_set_.emplace(value.text);
        } else {
            set_.push_back(value);
        }
    }
    std::sort(set_.begin(), set_.end(), [this](const field& a, const field& b) { return compare(a, b) < 0; });
}

void check::compile_bounds()
{
    require(type_->is_ordered(), what_, "a type with an order", *type_);
    if (what_.min_value) {
        min_ = type_->literal(*what_.min_value, what_.label());
    }
    if (what_.max_value) {
        max_ = type_->literal(*what_.max_value, what_.label());
    }
    if (min_ && max_ && compare(*min_, *max_) > 0) {
        throw error(sqlstate::invalid_parameter_value,
                    what_.label() + " has a min_value " + in_quotes(*what_.min_value) + " greater than its max_value " +
                        in_quotes(*what_.max_value));
    }
}

void check::compile_regex_or_length()
{
    require(type_->kind() == field::kind::text, what_, "a column of text", *type_);
    if (what_.kind == expectation_kind::match_regex) {
        const auto own = [this](const std::string& pattern) { return type_->regex(pattern, what_.label()); };
        matches_ = type_->is_utf8() ? compile_regex(what_.regex, own) : own(what_.regex);
    }
}

void check::compile_pair(std::span<const column> columns)
{
    column_b_ = find_column(what_.column_b, columns, what_);
    type_b_ = columns[column_b_].type.get();
    require(type_->is_ordered(), what_, "a type with an order", *type_);
    if (!type_->is_comparable_with(*type_b_)) {
        throw error(sqlstate::datatype_mismatch,
                    what_.type + " needs two columns of one type, but " + in_quotes(what_.column) + " is of type " +
                        type_->name() + " and " + in_quotes(what_.column_b) + " of type " + type_b_->name());
    }
}

int check::compare(const field& left, const field& right) const
{
    switch (type_->kind()) {
    case field::kind::integer:
        return left.integer < right.integer ? -1 : static_cast<int>(left.integer > right.integer);
    case field::kind::real:
        return compare_reals(left.real, right.real);
    default:
        return type_->compare(left, right);
    }
}

bool check::is_in_set(const field& value) const
{
    if (!text_set_.empty()) {
        return text_set_.contains(value.text);
    }
    return std::binary_search(set_.begin(), set_.end(), value,
                              [this](const field& a, const field& b) { return compare(a, b) < 0; });
}

bool check::is_between(const field& value) const
{
    if (min_) {
        const int order = compare(value, *min_);
        if (order < 0 || (order == 0 && what_.strict_min)) {
            return false;
        }
    }
    if (max_) {
        const int order = compare(value, *max_);
        return order < 0 || (order == 0 && !what_.strict_max);
    }
    return true;
}

verdict check::test_pair(const field& a, const field& b) const
{
    const bool either = a.is_null() || b.is_null();
    const bool both = a.is_null() && b.is_null();
    switch (what_.ignored) {
    case ignore_row::both_values_are_missing:
        if (both) {
            return verdict::missing;
        }
        break;
    case ignore_row::either_value_is_missing:
        if (either) {
            return verdict::missing;
        }
        break;
    case ignore_row::never:
        break;
    }
    if (either) {
        return verdict::unexpected; // nothing is greater than NULL, nor NULL than anything
    }
    const int order = compare(a, b);
    return order > 0 || (order == 0 && what_.or_equal) ? verdict::as_expected : verdict::unexpected;
}

verdict check::test(std::span<const field> row) const
{
    const field& value = row[column_];
    if (what_.kind == expectation_kind::pair_a_greater_than_b) {
        return test_pair(value, row[column_b_]);
    }
    if (what_.kind == expectation_kind::not_be_null) {
        return value.is_null() ? verdict::unexpected : verdict::as_expected;
    }
    if (value.is_null()) {
        return verdict::missing;
    }
    bool kept = true;
    switch (what_.kind) {
    case expectation_kind::be_unique:
        return verdict::undecided;
    case expectation_kind::be_in_set:
        kept = is_in_set(value);
        break;
    case expectation_kind::be_between:
        kept = is_between(value);
        break;
    case expectation_kind::match_regex:
        kept = matches_(value.padded_text());
        break;
    case expectation_kind::lengths_to_equal:
        kept = type_->length(value.text) == static_cast<std::size_t>(what_.length);
        break;
    default:
        break;
    }
    return kept ? verdict::as_expected : verdict::unexpected;
}

bool check::needs_value_of(std::size_t column) const noexcept
{
    return what_.kind != expectation_kind::not_be_null &&
           (column == column_ || (type_b_ != nullptr && column == column_b_));
}

fingerprint check::print(std::span<const field> row) const
{
    const field& value = row[column_];
    return value.is == field::kind::integer ? fingerprint_of(value.integer, number_kind::integer) : type_->hash(value);
}

std::string check::json(std::span<const field> row) const
{
    auto scalar = [](const column_type& type, const field& value) {
        return value.is_null() ? std::string{"null"} : type.json(value);
    };
    if (type_b_ == nullptr) {
        return scalar(*type_, row[column_]);
    }
    return '[' + scalar(*type_, row[column_]) + ", " + scalar(*type_b_, row[column_b_]) + ']';
}

checker::checker(const suite& rules, std::vector<column> columns) : columns_{std::move(columns)}
{
    checks_.reserve(rules.expectations.size());
    for (const expectation& e : rules.expectations) {
        checks_.emplace_back(e, columns_);
    }
}

bool checker::needs_value(std::size_t column) const
{
    return std::ranges::any_of(checks_, [column](const check& c) { return c.needs_value_of(column); });
}

std::vector<std::string> checker::broken(std::span<const field> row) const
{
    std::vector<std::string> labels;
    for (const check& c : checks_) {
        if (c.test(row) == verdict::unexpected) {
            labels.push_back(c.what().label());
        }
    }
    return labels;
}

} // namespace etl::validate
