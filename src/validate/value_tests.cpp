// Tests of one column's values by what they are: missing or not, in a set, within bounds, of a length.
#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/literals.hpp"
#include "validate/row_tests.hpp"

#include <algorithm>
#include <unordered_set>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

verdict as_verdict(bool kept)
{
    return kept ? verdict::as_expected : verdict::unexpected;
}

// --- missing or not ------------------------------------------------------------------------------------------------

class null_test final : public row_test {
  public:
    null_test(std::size_t column, bool wants_null) : column_{column}, wants_null_{wants_null} { subjects = {column}; }

    verdict test(std::span<const field> row) const override
    {
        return as_verdict(row[column_].is_null() == wants_null_);
    }
    bool reads_values() const override { return false; }

  private:
    std::size_t column_;
    bool wants_null_;
};

// --- sets ----------------------------------------------------------------------------------------------------------

// What all tests of one column share: NULL is missing.
template <class Kept>
class column_test final : public row_test {
  public:
    column_test(std::size_t column, Kept kept) : column_{column}, kept_{std::move(kept)} { subjects = {column}; }

    verdict test(std::span<const field> row) const override
    {
        const field& value = row[column_];
        return value.is_null() ? verdict::missing : as_verdict(kept_(value));
    }

  private:
    std::size_t column_;
    Kept kept_;
};

template <class Kept>
std::unique_ptr<row_test> make_column_test(std::size_t column, Kept kept)
{
    return std::make_unique<column_test<Kept>>(column, std::move(kept));
}

std::unique_ptr<row_test> compile_set(const expectation& what, const columns_view& columns, bool wants_member)
{
    const std::size_t i = columns.find(what.columns[0], what);
    column_type& type = columns.type(i);
    require_comparable(type, what, "value_set");
    const bool any = !arguments{what}.has("value_set"); // null: every value is as expected
    value_set members{type, any ? std::vector<std::string>{} : arguments{what}.literals("value_set"), what.label()};
    return make_column_test(i, [members = std::move(members), wants_member, any](const field& value) {
        return any || members.contains(value) == wants_member;
    });
}

// --- bounds --------------------------------------------------------------------------------------------------------

std::unique_ptr<row_test> compile_between(const expectation& what, const columns_view& columns)
{
    const std::size_t i = columns.find(what.columns[0], what);
    return make_column_test(
        i, [bounds = bounds::read(columns.type(i), what)](const field& value) { return bounds.hold(value); });
}

// --- lengths -------------------------------------------------------------------------------------------------------

struct length_bounds {
    std::int64_t least = 0;
    std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

length_bounds read_lengths(const expectation& what)
{
    const arguments given{what};
    length_bounds made;
    if (given.has("value")) {
        made.least = made.most = given.count("value");
        return made;
    }
    made.least = given.whole_if("min_value").value_or(made.least) + (given.flag("strict_min") ? 1 : 0);
    if (const auto most = given.whole_if("max_value")) {
        made.most = *most - (given.flag("strict_max") ? 1 : 0);
    }
    return made;
}

std::unique_ptr<row_test> compile_length(const expectation& what, const columns_view& columns)
{
    const std::size_t i = columns.find(what.columns[0], what);
    const column_type& type = columns.type(i);
    if (type.kind() != field::kind::text) {
        throw error(sqlstate::datatype_mismatch,
                    std::string{what.type->name} + " needs a column of text, but " + in_quotes(columns.name(i)) +
                        " is of type " + type.name(),
                    "length(" + type.name() + "): No function matches the given name and argument types.",
                    "Validate a query that casts the column to text.");
    }
    return make_column_test(i, [&type, bounds = read_lengths(what)](const field& value) {
        const auto length = static_cast<std::int64_t>(type.length(value.text));
        return length >= bounds.least && length <= bounds.most;
    });
}

// --- order ---------------------------------------------------------------------------------------------------------

// A value against the one before it, which the query brings.
class order_test final : public row_test {
  public:
    order_test(std::size_t column, std::size_t previous, const column_type& type, bool increasing, bool strictly)
        : column_{column}, previous_{previous}, type_{type}, increasing_{increasing}, strictly_{strictly}
    {
        subjects = {column};
    }

    verdict test(std::span<const field> row) const override
    {
        const field& value = row[column_];
        const field& previous = row[previous_];
        if (value.is_null()) {
            return verdict::missing;
        }
        if (previous.is_null()) {
            return verdict::as_expected;
        }
        const int order = increasing_ ? compare_fields(type_, value, previous) : compare_fields(type_, previous, value);
        return as_verdict(strictly_ ? order > 0 : order >= 0);
    }

  private:
    std::size_t column_;
    std::size_t previous_;
    const column_type& type_;
    bool increasing_;
    bool strictly_;
};

std::unique_ptr<row_test> compile_order(const expectation& what, const columns_view& columns, bool increasing)
{
    const std::size_t i = columns.find(what.columns[0], what);
    require_type(columns.type(i).is_ordered(), what, "a type with an order", columns, i);
    if (!columns.has(previous_name(what))) {
        return nullptr; // another query brings it
    }
    const std::size_t previous = columns.find(previous_name(what), what);
    require_type(columns.type(previous).is_comparable_with(columns.type(i)), what, "values of one type", columns,
                 previous);
    return std::make_unique<order_test>(i, previous, columns.type(i), increasing, arguments{what}.flag("strictly"));
}

} // namespace

std::unique_ptr<row_test> compile_value_test(const expectation& what, const columns_view& columns)
{
    const std::string_view name = what.type->name;
    if (name == "expect_column_values_to_be_null" || name == "expect_column_values_to_not_be_null") {
        return std::make_unique<null_test>(columns.find(what.columns[0], what), name.ends_with("to_be_null"));
    }
    if (name == "expect_column_values_to_be_in_set" || name == "expect_column_values_to_not_be_in_set") {
        return compile_set(what, columns, name.ends_with("to_be_in_set"));
    }
    if (name == "expect_column_values_to_be_between") {
        return compile_between(what, columns);
    }
    if (name.starts_with("expect_column_value_lengths_")) {
        return compile_length(what, columns);
    }
    if (name == "expect_column_values_to_be_increasing" || name == "expect_column_values_to_be_decreasing") {
        return compile_order(what, columns, name.ends_with("increasing"));
    }
    return nullptr;
}

} // namespace etl::validate
