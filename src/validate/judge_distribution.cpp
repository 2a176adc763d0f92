// Expectations on how values are distributed: the metrics' counts, handed to statistics.hpp.
#include "core/error.hpp"
#include "validate/judge.hpp"
#include "validate/statistics.hpp"
#include "validate/statistics_ks.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

column_type& type_of(const evidence& from, std::size_t i = 0)
{
    return *from.rules->columns()[from.rules->metrics()[from.decided->metrics[0]].columns[i]].type;
}

// null where it is infinite or not a number.
json finite_or_null(double value)
{
    return std::isfinite(value) ? json(value) : json();
}

std::vector<double> numbers_of(const json& list)
{
    std::vector<double> made;
    for (const json& number : list) {
        made.push_back(number_in(number).value_or(std::nan("")));
    }
    return made;
}

[[noreturn]] void refuse(const evidence& from, const std::string& why)
{
    throw error(sqlstate::invalid_parameter_value, from.what.label() + ": " + why);
}

// --- categories ----------------------------------------------------------------------------------------------------

struct categories {
    json values = json::array(); // of the partition, then the unexpected ones
    std::vector<double> weights; // of the partition
    category_counts counts;
};

categories read_categories(const evidence& from)
{
    const json& partition = arguments{from.what}.value("partition_object");
    const auto& found = from.measured<value_counts>();
    found.require_complete(from.what.label());
    categories made;
    made.weights = numbers_of(partition.at("weights"));
    if (!partition.contains("values") || partition.at("values").size() != made.weights.size() ||
        !is_categorical_partition(made.weights)) {
        refuse(from, "Invalid partition_object provided: it needs as many values as weights, which sum to 1");
    }
    const arguments given{from.what};
    column_type& type = type_of(from);
    require_storable(type, from.what);
    std::map<std::pair<std::uint64_t, std::uint64_t>, bool> expected;
    for (const json& value : partition.at("values")) {
        const field literal = type.literal(given.literal_of("partition_object", value), from.what.label());
        const fingerprint print = print_of(type, literal, found.seed());
        expected[{print.high, print.low}] = true;
        made.values.push_back(value);
        made.counts.expected.push_back(found.rows_of(print));
    }
    std::map<std::string, std::uint64_t> unexpected; // by their JSON, so that the order is always the same
    found.each([&](const fingerprint& print, const value_counts::counted& value) {
        if (!expected.contains({print.high, print.low})) {
            unexpected[std::string{value.json}] = value.rows;
        }
    });
    for (const auto& [value, rows] : unexpected) {
        made.values.push_back(value_of(value, from.what));
        made.counts.unexpected.push_back(rows);
    }
    return made;
}

void report_categories(const categories& given, const category_comparison& found, outcome& to)
{
    to.observed_value = finite_or_null(found.observed_value);
    to.details = {{"observed_partition", {{"values", given.values}, {"weights", found.observed_weights}}},
                  {"expected_partition", {{"values", given.values}, {"weights", found.expected_weights}}}};
    to.success = found.success;
}

double holdout_of(const evidence& from, const char* name)
{
    const double held = arguments{from.what}.number_if(name).value_or(0);
    if (!(held >= 0 && held <= 1)) {
        refuse(from, std::string{name} + " must be between zero and one");
    }
    return held;
}

void judge_chi_square(const evidence& from, outcome& to)
{
    const categories given = read_categories(from);
    report_categories(given,
                      chi_square_test(given.weights, given.counts, arguments{from.what}.number_if("p").value_or(0.05),
                                      holdout_of(from, "tail_weight_holdout")),
                      to);
}

// --- divergence ----------------------------------------------------------------------------------------------------

bin_counts count_bins(const evidence& from, std::span<const double> bins)
{
    bin_counts made;
    made.inside.resize(bins.size() - 1);
    const field::kind kind = type_of(from).kind();
    from.measured<samples>().each([&](std::uint64_t key, std::uint64_t rows) {
        const std::ptrdiff_t bin = bin_of(samples::real_of_key(key, kind), bins);
        if (bin < 0) {
            made.below += rows;
        } else if (bin >= static_cast<std::ptrdiff_t>(made.inside.size())) {
            made.above += rows;
        } else {
            made.inside[static_cast<std::size_t>(bin)] += rows;
        }
        return true;
    });
    return made;
}

json partition_as_json(const bin_comparison& found, const std::vector<double>& weights,
                       const std::array<double, 2>& tails)
{
    return {{"bins", found.bins}, {"weights", weights}, {"tail_weights", tails}};
}

void report_bins(const bin_comparison& found, outcome& to)
{
    to.observed_value = finite_or_null(found.observed_value);
    to.details = {
        {"observed_partition", partition_as_json(found, found.observed_weights, found.observed_tail_weights)},
        {"expected_partition", partition_as_json(found, found.expected_weights, found.expected_tail_weights)}};
    to.success = found.success;
}

void judge_continuous_divergence(const evidence& from, outcome& to)
{
    const arguments given{from.what};
    const json& partition = given.value("partition_object");
    continuous_expectation expected{numbers_of(partition.at("bins")), numbers_of(partition.at("weights"))};
    if (partition.contains("tail_weights")) {
        expected.tail_weights = numbers_of(partition.at("tail_weights"));
    }
    expected.tail_weight_holdout = holdout_of(from, "tail_weight_holdout");
    expected.internal_weight_holdout = holdout_of(from, "internal_weight_holdout");
    expected.threshold = given.number_if("threshold");
    if (!is_continuous_partition(expected.bins, expected.weights, expected.tail_weights) ||
        !given.flag("bucketize_data", true)) {
        refuse(from, "Invalid partition_object provided: bins must ascend and weights sum to 1");
    }
    report_bins(kl_divergence(expected, count_bins(from, expected.bins)), to);
}

// The least value, the first and third quartile as percentile_disc has them, and the greatest value.
std::array<double, 4> quartiles(const evidence& from, std::uint64_t values)
{
    const std::array ranks{std::uint64_t{0}, (values + 3) / 4 - 1, (3 * values + 3) / 4 - 1, values - 1};
    std::array<double, 4> made;
    std::size_t next = 0;
    std::uint64_t passed = 0;
    from.measured<samples>().each([&](std::uint64_t key, std::uint64_t rows) {
        for (passed += rows; next < ranks.size() && ranks[next] < passed; ++next) {
            made[next] = samples::real_of_key(key, type_of(from).kind());
        }
        return next < ranks.size();
    });
    return made;
}

// Without a partition there is nothing to diverge from: the column's own is reported.
// The values of a column in their order, and the part of each.
json categories_of(const evidence& from)
{
    const auto& found = from.measured<value_counts>();
    found.require_complete(from.what.label());
    std::vector<std::pair<json, double>> parts;
    found.each([&](const fingerprint&, const value_counts::counted& value) {
        parts.emplace_back(value_of(value.json, from.what),
                           static_cast<double>(value.rows) / static_cast<double>(found.values));
    });
    std::ranges::sort(parts);
    json made{{"values", json::array()}, {"weights", json::array()}};
    for (const auto& [value, weight] : parts) {
        made["values"].push_back(value);
        made["weights"].push_back(weight);
    }
    return made;
}

void judge_own_partition(const evidence& from, outcome& to)
{
    to.success = true;
    to.observed_value = 0;
    if (from.rules->metrics()[from.decided->metrics[0]].kind == metric_kind::value_counts) {
        const json partition = categories_of(from);
        to.details = {{"observed_partition", partition}, {"expected_partition", partition}};
        return;
    }
    const std::uint64_t values = from.measured<samples>().values;
    if (values == 0) {
        to.observed_value = nullptr;
        to.success = false;
        return;
    }
    const auto at = quartiles(from, values);
    const auto bins = automatic_bins(at[0], at[1], at[2], at[3], values);
    if (!std::ranges::all_of(bins, [](double edge) { return std::isfinite(edge); }) || bins.front() == bins.back()) {
        refuse(from, "bins cannot be made of one value, nor of infinite ones");
    }
    const bin_counts counts = count_bins(from, bins);
    json weights = json::array();
    for (const std::uint64_t rows : counts.inside) {
        weights.push_back(static_cast<double>(rows) / static_cast<double>(counts.rows()));
    }
    const json partition{{"bins", bins}, {"weights", weights}, {"tail_weights", {0.0, 0.0}}};
    to.details = {{"observed_partition", partition}, {"expected_partition", partition}};
}

void judge_divergence(const evidence& from, outcome& to)
{
    const arguments given{from.what};
    if (!given.has("partition_object")) {
        judge_own_partition(from, to);
    } else if (given.value("partition_object").contains("bins")) {
        judge_continuous_divergence(from, to);
    } else {
        if (holdout_of(from, "internal_weight_holdout") > 0) {
            refuse(from, "Internal weight holdout cannot be used for discrete data");
        }
        const categories found = read_categories(from);
        report_categories(found,
                          kl_divergence(found.weights, found.counts, given.number_if("threshold"),
                                        holdout_of(from, "tail_weight_holdout")),
                          to);
    }
}

// --- Kolmogorov-Smirnov --------------------------------------------------------------------------------------------

distribution read_distribution(const evidence& from)
{
    const arguments given{from.what};
    const json params = given.has("params") ? given.value("params") : json::array();
    if (params.is_object()) {
        std::map<std::string, double> named;
        for (const auto& [name, value] : params.items()) {
            named[name] = number_in(value).value_or(std::nan(""));
        }
        return {given.text("distribution"), named};
    }
    return {given.text("distribution"), numbers_of(params)};
}

void judge_parameterized(const evidence& from, outcome& to)
{
    auto& values = from.measured<samples>();
    const distribution expected = read_distribution(from);
    const double p = arguments{from.what}.number_if("p_value").value_or(0.05);
    if (!(p > 0 && p < 1)) {
        refuse(from, "p_value must be between 0 and 1");
    }
    ks_test test{expected, values.values};
    values.each([&](std::uint64_t key, std::uint64_t rows) {
        test.add(samples::real_of_key(key, type_of(from).kind()), rows);
        return true;
    });
    const ks_result found = test.result();
    to.observed_value = finite_or_null(found.p_value);
    to.details = {{"expected_params", std::vector<double>{expected.parameters().begin(), expected.parameters().end()}},
                  {"observed_ks_result", {finite_or_null(found.statistic), finite_or_null(found.p_value)}}};
    to.success = found.p_value >= p;
}

bool has_tails(const json& partition)
{
    const auto tails =
        partition.contains("tail_weights") ? numbers_of(partition.at("tail_weights")) : std::vector<double>{};
    return std::ranges::any_of(tails, [](double weight) { return weight > 0; });
}

void judge_bootstrapped(const evidence& from, outcome& to)
{
    const arguments given{from.what};
    const json& partition = given.value("partition_object");
    auto& values = from.measured<samples>();
    if (!partition.contains("bins")) {
        refuse(from, "Invalid continuous partition object: it has no bins");
    }
    if (has_tails(partition)) {
        refuse(from, "Partition cannot have tail weights -- endpoints must be finite");
    }
    const auto bins = numbers_of(partition.at("bins"));
    if (std::ranges::any_of(bins, [](double edge) { return std::isinf(edge); })) {
        refuse(from, "Partition endpoints must be finite");
    }
    bootstrapped_ks_test test{{bins, numbers_of(partition.at("weights"))},
                              given.number_if("p").value_or(0.05),
                              values.values,
                              static_cast<std::size_t>(given.count_if("bootstrap_samples").value_or(0)),
                              static_cast<std::size_t>(given.count_if("bootstrap_sample_size").value_or(0))};
    values.each([&](std::uint64_t key, std::uint64_t rows) {
        test.add(samples::real_of_key(key, type_of(from).kind()), rows);
        return true;
    });
    const auto found = test.finish();
    to.observed_value = finite_or_null(found.observed_value);
    to.details = {{"bootstrap_samples", found.samples},
                  {"bootstrap_sample_size", found.sample_size},
                  {"observed_partition", {{"bins", found.observed.bins}, {"weights", found.observed.weights}}},
                  {"expected_partition", {{"bins", partition.at("bins")}, {"weights", partition.at("weights")}}},
                  {"observed_cdf", {{"x", found.observed.bins}, {"cdf_values", found.observed_cdf}}},
                  {"expected_cdf", {{"x", partition.at("bins")}, {"cdf_values", found.expected_cdf}}}};
    to.success = found.success;
}

} // namespace

void judge_distribution(const evidence& from, outcome& to)
{
    const metric& any = from.state->measured(from.decided->metrics[0]);
    const std::string_view name = from.what.type->name;
    auto is = [name](const char* part) { return name.find(part) != std::string_view::npos; };
    to.element_count = any.rows;
    to.missing_count = any.rows - any.values;
    if (is("_divergence_")) {
        judge_divergence(from, to);
    } else if (is("_chisquare_")) {
        judge_chi_square(from, to);
    } else if (is("_bootstrapped_")) {
        judge_bootstrapped(from, to);
    } else if (is("_phi_")) {
        judge_association(from, to);
    } else {
        judge_parameterized(from, to);
    }
}

} // namespace etl::validate
