// Tests of several columns of one row: pairs, records, and any SQL condition.
#include "core/error.hpp"
#include "core/text.hpp"
#include "sketch/decimal_sum.hpp"
#include "validate/literals.hpp"
#include "validate/row_tests.hpp"

#include <algorithm>
#include <array>
#include <memory_resource>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

verdict as_verdict(bool kept)
{
    return kept ? verdict::as_expected : verdict::unexpected;
}

// Which rows are passed over, by how many of the values are missing.
enum class ignored_rows : std::uint8_t { none_missing_only, any_missing, all_missing, never };

ignored_rows read_ignored(const expectation& what, ignored_rows otherwise)
{
    const arguments given{what};
    if (!given.has("ignore_row_if")) {
        return otherwise;
    }
    const std::string name = given.text("ignore_row_if");
    if (name == "both_values_are_missing" || name == "all_values_are_missing") {
        return ignored_rows::all_missing;
    }
    if (name == "either_value_is_missing" || name == "any_value_is_missing") {
        return ignored_rows::any_missing;
    }
    return ignored_rows::never;
}

template <class Kept>
class record_test final : public row_test {
  public:
    record_test(const std::vector<std::size_t>& columns, ignored_rows ignored, Kept kept)
        : ignored_{ignored}, kept_{std::move(kept)}
    {
        subjects = columns;
    }

    verdict test(std::span<const field> row) const override
    {
        const auto missing = static_cast<std::size_t>(
            std::ranges::count_if(subjects, [row](std::size_t i) { return row[i].is_null(); }));
        if ((ignored_ == ignored_rows::any_missing && missing > 0) ||
            (ignored_ == ignored_rows::all_missing && missing == subjects.size())) {
            return verdict::missing;
        }
        return as_verdict(kept_(row));
    }

  private:
    ignored_rows ignored_;
    Kept kept_;
};

template <class Kept>
std::unique_ptr<row_test> make_record_test(const expectation& what, const columns_view& columns, ignored_rows otherwise,
                                           Kept kept)
{
    return std::make_unique<record_test<Kept>>(columns.find_all(what.columns, what), read_ignored(what, otherwise),
                                               std::move(kept));
}

// --- values of two columns -----------------------------------------------------------------------------------------

bool is_number(const column_type& type)
{
    return type.measures() == measure::number;
}

// A whole number to the base of decimals.
class whole_digits {
  public:
    explicit whole_digits(std::int64_t value) : negative_{value < 0}
    {
        auto rest = negative_ ? -static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
        std::size_t first = digits_.size();
        while (rest > 0) {
            digits_[--first] = static_cast<std::int16_t>(rest % base);
            rest /= base;
        }
        begin_ = first;
        while (end_ > begin_ && digits_[end_ - 1] == 0) {
            --end_;
        }
    }

    decimal value() const
    {
        const auto* bytes = reinterpret_cast<const char*>(digits_.data() + begin_);
        return {negative_ ? decimal::sign::negative : decimal::sign::positive,
                static_cast<int>(digits_.size() - begin_) - 1,
                {bytes, (end_ - begin_) * sizeof(std::int16_t)}};
    }

  private:
    static constexpr std::uint64_t base = 10'000;

    bool negative_;
    std::array<std::int16_t, 5> digits_ = {};
    std::size_t begin_ = 0;
    std::size_t end_ = digits_.size();
};

// Calls f with a number that is no float.
template <class F>
auto with_decimal(const field& number, F&& f)
{
    return number.is == field::kind::integer ? f(whole_digits{number.integer}.value()) : f(number.as_decimal());
}

// Numbers of two types, as PostgreSQL's operators have it: exact, but beside a float both are floats.
int compare_numbers(const field& a, const field& b)
{
    if (a.is == field::kind::real || b.is == field::kind::real) {
        return compare_reals(real_of(a), real_of(b));
    }
    return with_decimal(a, [&b](const decimal& left) {
        return with_decimal(b, [&left](const decimal& right) { return compare(left, right); });
    });
}

// The order of values of columns that may be numbers of different types; of two columns, also moments.
class value_order {
  public:
    static value_order of(const expectation& what, const columns_view& columns, std::span<const std::size_t> chosen)
    {
        const column_type& first = columns.type(chosen[0]);
        const auto fits = [&](std::size_t i) {
            return (is_number(first) && is_number(columns.type(i))) || first.is_comparable_with(columns.type(i));
        };
        if (chosen.size() == 2 && !fits(chosen[1])) {
            if (auto mixed = first.comparison_with(columns.type(chosen[1]))) {
                return {first, std::move(mixed)};
            }
        }
        for (const std::size_t i : chosen) {
            require_type(columns.type(i).is_ordered(), what, "a type with an order", columns, i);
            if (!fits(i)) {
                throw error(sqlstate::datatype_mismatch,
                            std::string{what.type->name} + " needs columns of one type, but " +
                                in_quotes(columns.name(chosen[0])) + " is of type " + first.name() + " and " +
                                in_quotes(columns.name(i)) + " of type " + columns.type(i).name());
            }
        }
        return {first, {}};
    }

    // Of values of the first chosen column, and of the second where there are two.
    int operator()(const field& a, const field& b) const
    {
        if (mixed_) {
            return mixed_(a, b);
        }
        return a.is == b.is ? compare_fields(type_, a, b) : compare_numbers(a, b);
    }

    bool are_equal(const field& a, const field& b) const
    {
        return a.is_null() || b.is_null() ? a.is_null() && b.is_null() : (*this)(a, b) == 0;
    }

  private:
    value_order(const column_type& type, column_type::comparison mixed) : type_{type}, mixed_{std::move(mixed)} {}

    const column_type& type_;
    column_type::comparison mixed_; // of columns of two types that are no numbers
};

// --- pairs ---------------------------------------------------------------------------------------------------------

struct pair_of {
    std::size_t a;
    std::size_t b;
    value_order order;
};

pair_of find_pair(const expectation& what, const columns_view& columns)
{
    const std::array chosen{columns.find(what.columns[0], what), columns.find(what.columns[1], what)};
    return {chosen[0], chosen[1], value_order::of(what, columns, chosen)};
}

// Great Expectations' SQL refuses the argument, too; without effect it would compare texts as texts.
void refuse_text_as_moments(const expectation& what, const columns_view& columns)
{
    const bool is_text = columns.type(columns.find(what.columns[0], what)).kind() == field::kind::text;
    if (is_text && arguments{what}.flag("parse_strings_as_datetimes")) {
        throw error(sqlstate::feature_not_supported,
                    what.label() + " cannot compare texts as moments (parse_strings_as_datetimes)", {},
                    "Validate a query that casts the columns to timestamptz.");
    }
}

std::unique_ptr<row_test> compile_greater(const expectation& what, const columns_view& columns)
{
    refuse_text_as_moments(what, columns);
    return make_record_test(
        what, columns, ignored_rows::all_missing,
        [pair = find_pair(what, columns), or_equal = arguments{what}.flag("or_equal")](std::span<const field> row) {
            const field& a = row[pair.a];
            const field& b = row[pair.b];
            if (a.is_null() || b.is_null()) {
                return false; // nothing is greater than NULL, nor NULL than anything
            }
            const int order = pair.order(a, b);
            return order > 0 || (order == 0 && or_equal);
        });
}

bool are_equal(const column_type& type, const field& a, const field& b)
{
    return a.is_null() || b.is_null() ? a.is_null() && b.is_null() : compare_fields(type, a, b) == 0;
}

std::unique_ptr<row_test> compile_equal(const expectation& what, const columns_view& columns)
{
    return make_record_test(what, columns, ignored_rows::all_missing,
                            [pair = find_pair(what, columns)](std::span<const field> row) {
                                return !row[pair.a].is_null() && pair.order.are_equal(row[pair.a], row[pair.b]);
                            });
}

// A member of a set of pairs; NULL stands for itself.
field literal_or_null(const json& value, column_type& type, const arguments& given, const expectation& what)
{
    return value.is_null() ? field{} : type.literal(given.literal_of("value_pairs_set", value), what.label());
}

std::unique_ptr<row_test> compile_pair_set(const expectation& what, const columns_view& columns)
{
    const std::size_t a = columns.find(what.columns[0], what);
    const std::size_t b = columns.find(what.columns[1], what);
    column_type& type_a = columns.type(a);
    column_type& type_b = columns.type(b);
    const arguments given{what};
    const bool any = !given.has("value_pairs_set"); // null: every pair is as expected
    std::vector<std::pair<field, field>> members;
    for (const json& member : any ? json::array() : given.value("value_pairs_set")) {
        members.emplace_back(literal_or_null(member[0], type_a, given, what),
                             literal_or_null(member[1], type_b, given, what));
    }
    return make_record_test(what, columns, ignored_rows::all_missing,
                            [=, &type_a, &type_b, members = std::move(members)](std::span<const field> row) {
                                return any || std::ranges::any_of(members, [&](const auto& member) {
                                           return are_equal(type_a, row[a], member.first) &&
                                                  are_equal(type_b, row[b], member.second);
                                       });
                            });
}

// --- several columns -----------------------------------------------------------------------------------------------

std::unique_ptr<row_test> compile_unique_within(const expectation& what, const columns_view& columns)
{
    const auto chosen = columns.find_all(what.columns, what);
    const auto order = value_order::of(what, columns, chosen);
    return make_record_test(what, columns, ignored_rows::all_missing, [chosen, order](std::span<const field> row) {
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            for (std::size_t j = i + 1; j < chosen.size(); ++j) {
                if (!row[chosen[i]].is_null() && order.are_equal(row[chosen[i]], row[chosen[j]])) {
                    return false;
                }
            }
        }
        return true;
    });
}

// NULL adds nothing.
double sum_of_floats(std::span<const field> row, std::span<const std::size_t> columns)
{
    double sum = 0;
    for (const std::size_t i : columns) {
        sum += row[i].is_null() ? 0.0 : real_of(row[i]);
    }
    return sum;
}

double sum_of_decimals(std::span<const field> row, std::span<const std::size_t> columns)
{
    std::array<std::byte, 1024> room;
    std::pmr::monotonic_buffer_resource memory{room.data(), room.size()};
    decimal_sum sum{&memory};
    for (const std::size_t i : columns) {
        if (!row[i].is_null()) {
            with_decimal(row[i], [&sum](const decimal& value) { sum.add(value); });
        }
    }
    return sum.rounded();
}

std::unique_ptr<row_test> compile_sum(const expectation& what, const columns_view& columns)
{
    const auto chosen = columns.find_all(what.columns, what);
    for (const std::size_t i : chosen) {
        require_type(columns.type(i).measures() == measure::number, what, "columns of numbers", columns, i);
    }
    const double total = arguments{what}.number("sum_total");
    const bool has_float =
        std::ranges::any_of(chosen, [&columns](std::size_t i) { return columns.type(i).kind() == field::kind::real; });
    const auto sum = has_float ? sum_of_floats : sum_of_decimals;
    return make_record_test(what, columns, ignored_rows::all_missing, [chosen, total, sum](std::span<const field> row) {
        return compare_reals(sum(row, chosen), total) == 0;
    });
}

// --- conditions ----------------------------------------------------------------------------------------------------

// A row keeps a condition where it is true or NULL, as a CHECK constraint has it.
class condition_test final : public row_test {
  public:
    explicit condition_test(std::size_t column) : column_{column} {}

    verdict test(std::span<const field> row) const override
    {
        const field& truth = row[column_];
        return truth.is_null() ? verdict::missing : as_verdict(truth.is_true());
    }

  private:
    std::size_t column_;
};

} // namespace

std::unique_ptr<row_test> compile_record_test(const expectation& what, const columns_view& columns)
{
    const std::string_view name = what.type->name;
    if (name == "expect_column_pair_values_a_to_be_greater_than_b") {
        return compile_greater(what, columns);
    }
    if (name == "expect_column_pair_values_to_be_equal") {
        return compile_equal(what, columns);
    }
    if (name == "expect_column_pair_values_to_be_in_set") {
        return compile_pair_set(what, columns);
    }
    if (name == "expect_select_column_values_to_be_unique_within_record" ||
        name == "expect_multicolumn_values_to_be_unique") { // its older name
        return compile_unique_within(what, columns);
    }
    if (name == "expect_multicolumn_sum_to_equal") {
        return compile_sum(what, columns);
    }
    if (name == "expect_row_condition") {
        return std::make_unique<condition_test>(columns.find('(' + arguments{what}.text("condition") + ')', what));
    }
    return nullptr;
}

} // namespace etl::validate
