#include "validate/checker.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/profile.hpp"

#include <algorithm>
#include <array>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

struct metric_use {
    std::string_view name;
    std::array<metric_kind, 2> kinds;
    std::size_t count;
};

// By what metrics expectations are judged that are no matter of single rows.
constexpr std::array uses{
    metric_use{"expect_column_values_to_be_unique", {metric_kind::fingerprints}, 1},
    metric_use{"expect_compound_columns_to_be_unique", {metric_kind::fingerprints}, 1},
    metric_use{"expect_column_proportion_of_non_null_values_to_be_between", {metric_kind::fingerprints}, 1},
    metric_use{"expect_column_unique_value_count_to_be_between", {metric_kind::fingerprints}, 1},
    metric_use{"expect_column_proportion_of_unique_values_to_be_between", {metric_kind::fingerprints}, 1},
    metric_use{"expect_column_value_z_scores_to_be_less_than", {metric_kind::samples, metric_kind::moments}, 2},
    metric_use{"expect_column_min_to_be_between", {metric_kind::extremes}, 1},
    metric_use{"expect_column_max_to_be_between", {metric_kind::extremes}, 1},
    metric_use{"expect_column_mean_to_be_between", {metric_kind::moments}, 1},
    metric_use{"expect_column_sum_to_be_between", {metric_kind::moments}, 1},
    metric_use{"expect_column_stdev_to_be_between", {metric_kind::moments}, 1},
    metric_use{"expect_column_median_to_be_between", {metric_kind::samples}, 1},
    metric_use{"expect_column_quantile_values_to_be_between", {metric_kind::samples}, 1},
    metric_use{"expect_column_most_common_value_to_be_in_set", {metric_kind::value_counts}, 1},
    metric_use{"expect_column_distinct_values_to_be_in_set", {metric_kind::value_counts}, 1},
    metric_use{"expect_column_distinct_values_to_contain_set", {metric_kind::value_counts}, 1},
    metric_use{"expect_column_distinct_values_to_equal_set", {metric_kind::value_counts}, 1},
    metric_use{"expect_column_chisquare_test_p_value_to_be_greater_than", {metric_kind::value_counts}, 1},
    metric_use{"expect_column_pair_cramers_phi_value_to_be_less_than", {metric_kind::value_counts}, 1},
    metric_use{"expect_column_bootstrapped_ks_test_p_value_to_be_greater_than", {metric_kind::samples}, 1},
    metric_use{
        "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than", {metric_kind::samples}, 1},
};

bool has_bins(const expectation& what)
{
    const arguments given{what};
    return given.has("partition_object") && given.value("partition_object").contains("bins");
}

std::vector<metric_kind> kinds_of(const expectation& what, const columns_view& columns)
{
    const std::string_view name = what.type->name;
    if (counts_some_rows(what)) {
        return {metric_kind::row_count};
    }
    if (name == "expect_column_kl_divergence_to_be_less_than") {
        const arguments given{what};
        const bool continuous =
            has_bins(what) || (!given.has("partition_object") && given.flag("bucketize_data", true) &&
                               columns.type(columns.find(what.columns[0], what)).measures() == measure::number);
        return {continuous ? metric_kind::samples : metric_kind::value_counts};
    }
    for (const metric_use& use : uses) {
        if (use.name == name) {
            return {use.kinds.begin(), use.kinds.begin() + use.count};
        }
    }
    return {};
}

void require_fit(const expectation& what, metric_kind kind, const columns_view& columns, std::size_t i)
{
    const column_type& type = columns.type(i);
    switch (kind) {
    case metric_kind::moments:
        require_type(type.measures() == measure::number, what, "a column of numbers", columns, i);
        break;
    case metric_kind::samples:
        require_type(type.measures() != measure::none, what, "a column of numbers or moments", columns, i);
        break;
    case metric_kind::extremes:
        require_type(type.is_ordered(), what, "a type with an order", columns, i);
        require_type(type.is_storable(), what, "a type without a domain inside that has a condition", columns, i);
        break;
    case metric_kind::fingerprints:
    case metric_kind::value_counts:
        require_type(type.is_hashable(), what, "a type with a hash function", columns, i);
        break;
    case metric_kind::row_count:
    case metric_kind::profile: // of no expectation
        break;
    }
}

int condition_of(const expectation& what, const columns_view& columns)
{
    return what.condition.empty() ? -1 : static_cast<int>(columns.find('(' + what.condition + ')', what));
}

std::vector<column> make_columns(const plan& from, const type_factory& make_type, poll_fn poll)
{
    std::vector<column> made;
    for (const plan_column& column : from.columns) {
        poll();
        made.push_back({column.name, make_type(column)});
    }
    return made;
}

// A second scan looks for values that repeat, or for numbers beyond bounds. A forged plan may look for anything.
void require_search(const expectation& what, const json& sought, const columns_view& columns)
{
    const metric_kind found_by = sought.contains("repeated") ? metric_kind::fingerprints : metric_kind::samples;
    const auto specs = metrics_of(what, columns);
    if (!sought.is_object() || std::ranges::find(specs, found_by, &metric_spec::kind) == specs.end()) {
        refuse_state("etl.validation_state", "Its plan looks for values that its suite does not speak of.");
    }
}

void require_profile(const metric_spec& spec, const columns_view& columns)
{
    if (!spec.sought.empty() && !columns.type(spec.columns.front()).is_hashable()) {
        refuse_state("etl.validation_state", "Its plan looks for values of a type that has no hash function.");
    }
}

} // namespace

bool counts_some_rows(const expectation& what)
{
    return std::string_view{what.type->name}.starts_with("expect_table_row_count") && !what.condition.empty();
}

bool is_row_test(const expectation& what)
{
    const std::string_view name = what.type->name;
    return what.is_row_level() || name == "expect_column_values_to_be_increasing" ||
           name == "expect_column_values_to_be_decreasing";
}

std::vector<metric_spec> metrics_of(const expectation& what, const columns_view& columns)
{
    std::vector<metric_spec> made;
    for (const metric_kind kind : kinds_of(what, columns)) {
        metric_spec spec{.kind = kind, .columns = columns.find_all(what.columns, what)};
        for (const std::size_t i : spec.columns) {
            require_fit(what, kind, columns, i);
        }
        spec.condition = condition_of(what, columns);
        spec.ignored = ignored_by(what);
        made.push_back(std::move(spec));
    }
    return made;
}

checker checker::to_scan(plan from, const type_factory& make_type, const schema_lookup& schemas, poll_fn poll,
                         run_store* runs)
{
    auto columns = make_columns(from, make_type, poll);
    return {std::move(from), std::move(columns), schemas, {.scans = true, .runs = runs}, poll};
}

checker checker::to_read(plan from, const type_factory& make_type, poll_fn poll)
{
    auto columns = make_columns(from, make_type, poll);
    return {std::move(from),
            std::move(columns),
            [](const std::string&) { return std::nullopt; },
            {.scans = false, .runs = nullptr},
            poll};
}

checker::checker(plan from, std::vector<column> columns, const schema_lookup& schemas, purpose what_for, poll_fn poll)
    : plan_{std::move(from)}, suite_{parse_suite(plan_.document)}, columns_{std::move(columns)}
{
    const columns_view view{columns_, schemas, what_for.runs};
    rules_.reserve(plan_.part.size());
    for (const bool tested : {true, false}) {
        for (const std::size_t number : plan_.part) {
            poll();
            if (number >= suite_.expectations.size()) {
                refuse_state("etl.validation_state", "Its plan speaks of expectations that its suite does not have.");
            }
            if (is_tested(number) == tested) {
                add_rule(number, view, what_for.scans);
            }
        }
        tested_ = tested ? rules_.size() : tested_;
    }
    for (const metric_spec& spec : profile_metrics(plan_.profiled, columns_.size())) {
        require_profile(spec, view);
        metrics_.push_back(spec);
    }
}

checker::checker(suite rules, std::vector<column> columns, const schema_lookup& schemas)
    : suite_{std::move(rules)}, columns_{std::move(columns)}
{
    const columns_view view{columns_, schemas};
    for (std::size_t number = 0; number < suite_.expectations.size(); ++number) {
        if (suite_.expectations[number].is_row_level()) {
            add_rule(number, view, true);
        }
    }
    tested_ = rules_.size();
}

std::unique_ptr<row_test> checker::compile(std::size_t number, const columns_view& columns) const
{
    const expectation& what = suite_.expectations[number];
    const auto sought = plan_.look_for.find(number);
    if (sought == plan_.look_for.end()) {
        return compile_test(what, columns);
    }
    require_search(what, sought->second, columns);
    return compile_search(what, sought->second, plan_.seed, columns);
}

void checker::add_rule(std::size_t number, const columns_view& columns, bool compiles_tests)
{
    const expectation& what = suite_.expectations[number];
    rule made;
    made.what = &what;
    made.number = number;
    made.condition = condition_of(what, columns);
    made.is_tested = is_tested(number);
    if (made.is_tested && compiles_tests) {
        made.test = compile(number, columns);
        if (made.test == nullptr) {
            throw error(sqlstate::feature_not_supported, what.label() + " cannot be decided row by row");
        }
    }
    if (made.is_tested) {
        steps_.push_back({made.test.get(), made.condition});
        rules_.push_back(std::move(made));
        return;
    }
    for (metric_spec& spec : metrics_of(what, columns)) {
        spec.proven_unique = plan_.is_proven(number);
        made.metrics.push_back(metric_number(spec));
    }
    rules_.push_back(std::move(made));
}

bool checker::is_tested(std::size_t number) const
{
    return is_row_test(suite_.expectations[number]) || plan_.look_for.contains(number);
}

std::size_t checker::metric_number(const metric_spec& spec)
{
    const auto found = std::ranges::find(metrics_, spec);
    if (found != metrics_.end()) {
        return static_cast<std::size_t>(found - metrics_.begin());
    }
    metrics_.push_back(spec);
    return metrics_.size() - 1;
}

bool checker::needs_value(std::size_t column) const
{
    const auto i = static_cast<int>(column);
    const auto is_subject = [column](const std::vector<std::size_t>& of) { return std::ranges::count(of, column) > 0; };
    for (const rule& r : rules_) {
        if (r.condition == i) {
            return true;
        }
        if (r.test != nullptr && r.test->reads_values() &&
            (is_subject(r.test->subjects) || columns_[column].name.starts_with('('))) {
            return true;
        }
    }
    return std::ranges::any_of(
        metrics_, [&](const metric_spec& spec) { return !spec.proven_unique && is_subject(spec.columns); });
}

std::string checker::json_of(const rule& of, std::span<const field> row) const
{
    const auto& subjects = of.test->subjects;
    const listing how = listing_of(*of.what);
    auto scalar = [&](std::size_t i) { return row[i].is_null() ? "null" : columns_[i].type->json(row[i]); };
    if (how == listing::scalar) {
        return subjects.empty() ? "null" : scalar(subjects[0]);
    }
    std::string made{how == listing::pair ? "[" : "{"};
    for (std::size_t n = 0; n < subjects.size(); ++n) {
        made += n > 0 ? ", " : "";
        made += how == listing::record ? json_string(columns_[subjects[n]].name, 1000) + ": " : "";
        made += scalar(subjects[n]);
    }
    return made + (how == listing::pair ? ']' : '}');
}

std::vector<checker::breach> checker::breaches(std::span<const field> row) const
{
    std::vector<breach> made;
    for (const rule& r : tested()) {
        const bool applies = r.condition < 0 || row[static_cast<std::size_t>(r.condition)].is_true();
        if (applies && r.test->test(row) == verdict::unexpected) {
            made.push_back({r.what->label(), json_of(r, row)});
        }
    }
    return made;
}

bool checker::keeps(std::span<const field> row) const
{
    return std::ranges::none_of(tested(), [row](const rule& r) {
        return (r.condition < 0 || row[static_cast<std::size_t>(r.condition)].is_true()) &&
               r.test->test(row) == verdict::unexpected;
    });
}

} // namespace etl::validate
