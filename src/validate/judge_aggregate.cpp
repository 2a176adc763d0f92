// Expectations on a column as a whole: its least, greatest and mean value, its quantiles, its different values.
#include "core/error.hpp"
#include "validate/judge.hpp"
#include "validate/literals.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

// JSON has no NaN and no infinities: those are strings, as PostgreSQL reads them.
json number_as_json(double value)
{
    if (std::isnan(value)) {
        return "NaN";
    }
    if (std::isinf(value)) {
        return value > 0 ? "Infinity" : "-Infinity";
    }
    return value;
}

column_type& type_of(const evidence& from)
{
    return *from.rules->columns()[from.rules->metrics()[from.decided->metrics[0]].columns[0]].type;
}

// Nothing is observed of a column without values, and that is no success.
void judge_number(const evidence& from, outcome& to, std::optional<double> value)
{
    if (value) {
        to.observed_value = number_as_json(*value);
        to.success = !std::isnan(*value) && is_within(from.what, *value);
    }
}

// --- extremes and sums ---------------------------------------------------------------------------------------------

void judge_extreme(const evidence& from, outcome& to, bool wants_least)
{
    const auto& found = from.measured<extremes>();
    const field& value = wants_least ? found.least() : found.greatest();
    if (!value.is_null()) {
        to.observed_value = value_of(type_of(from).json(value), from.what);
        to.success = bounds::read_any(type_of(from), from.what).hold(value) && !std::isnan(real_of(value));
    }
}

void judge_sum(const evidence& from, outcome& to)
{
    const auto& found = from.measured<moments>();
    if (found.values == 0) {
        return;
    }
    const std::string sum = found.sum();
    const bool is_number = sum.find_first_of("Nny") == std::string::npos;
    to.observed_value = is_number ? value_of(sum, from.what) : json(sum);
    to.success = sum != "NaN" && is_within(from.what, std::strtod(sum.c_str(), nullptr));
}

// --- order statistics ----------------------------------------------------------------------------------------------

// The values at some ranks, counted from 0 and ascending.
std::vector<std::uint64_t> keys_at(samples& from, const std::vector<std::uint64_t>& ranks)
{
    std::vector<std::uint64_t> made;
    std::uint64_t passed = 0;
    from.each([&](std::uint64_t key, std::uint64_t rows) {
        passed += rows;
        while (made.size() < ranks.size() && ranks[made.size()] < passed) {
            made.push_back(key);
        }
        return made.size() < ranks.size();
    });
    return made;
}

field field_of_key(std::uint64_t key, field::kind kind)
{
    field made;
    if (kind == field::kind::integer) {
        made.is = field::kind::integer;
        made.integer = samples::whole_of_key(key);
    } else {
        made.is = field::kind::real;
        made.real = samples::real_of_key(key, kind);
    }
    return made;
}

json json_of_sample(const evidence& from, const field& value)
{
    return value.is == field::kind::integer ? value_of(type_of(from).json_of_measure(value.integer), from.what)
                                            : number_as_json(value.real);
}

// Whether a moment is one of the infinities, which are a date's or a timestamp's first and last whole number.
bool is_infinite(const column_type& type, std::int64_t moment)
{
    using day = std::numeric_limits<std::int32_t>;
    using microsecond = std::numeric_limits<std::int64_t>;
    return type.name() == "date" ? moment == day::min() || moment == day::max()
                                 : moment == microsecond::min() || moment == microsecond::max();
}

// There is none between an infinite moment and another: then it is the lower one.
std::int64_t middle_of(const column_type& type, std::int64_t low, std::int64_t high)
{
    return is_infinite(type, low) || is_infinite(type, high) ? low : std::midpoint(low, high);
}

void judge_median(const evidence& from, outcome& to)
{
    auto& found = from.measured<samples>();
    if (found.values == 0) {
        return;
    }
    const column_type& type = type_of(from);
    const auto keys = keys_at(found, {(found.values - 1) / 2, found.values / 2});
    const field low = field_of_key(keys[0], type.kind());
    const field high = field_of_key(keys[1], type.kind());
    if (type.measures() == measure::moment) {
        field middle = low;
        middle.integer = middle_of(type, low.integer, high.integer);
        to.observed_value = json_of_sample(from, middle);
        to.success = bounds::read_any(type_of(from), from.what).hold(middle);
    } else if (found.values % 2 == 1) {
        to.observed_value = json_of_sample(from, low);
        to.success = is_within(from.what, real_of(low)) && !std::isnan(real_of(low));
    } else {
        judge_number(from, to, (real_of(low) + real_of(high)) / 2);
    }
}

// The rank of a quantile as percentile_disc has it: the first value whose cumulative part is at least so great.
std::uint64_t rank_of(double quantile, std::uint64_t values)
{
    const double rank = std::ceil(quantile * static_cast<double>(values));
    return rank < 1 ? 0 : std::min<std::uint64_t>(static_cast<std::uint64_t>(rank), values) - 1;
}

double number_bound(const arguments& given, const json& bound)
{
    const auto number = number_in(bound);
    if (!number) {
        given.refuse_value("quantile_ranges", "numbers as bounds of a column of numbers");
    }
    return *number;
}

bool lies_within_range(const evidence& from, const field& value, const json& range)
{
    const arguments given{from.what};
    column_type& type = type_of(from);
    auto order_to = [&](const json& bound) {
        if (type.measures() == measure::moment) {
            return compare_fields(type, value,
                                  type.literal(given.literal_of("quantile_ranges", bound), from.what.label()));
        }
        // Great Expectations takes what is close to a bound as equal to it, by numpy's isclose.
        const double limit = number_bound(given, bound);
        const bool is_close = std::abs(real_of(value) - limit) <= 1e-8 + 1e-4 * std::abs(limit);
        return is_close ? 0 : compare_reals(real_of(value), limit);
    };
    return (range.at(0).is_null() || order_to(range.at(0)) >= 0) &&
           (range.at(1).is_null() || order_to(range.at(1)) <= 0);
}

void require_ordered_pairs(const expectation& what, const json& ranges)
{
    const auto is_crossed = [](const json& range) {
        return range.at(0).is_number() && range.at(1).is_number() && range.at(0) > range.at(1);
    };
    const auto crossed = std::ranges::find_if(ranges, is_crossed);
    if (crossed != ranges.end()) {
        throw error(sqlstate::invalid_parameter_value, what.label() + ": quantile_ranges must consist of ordered pairs",
                    "One is " + crossed->dump() + ".");
    }
}

void judge_quantiles(const evidence& from, outcome& to)
{
    auto& found = from.measured<samples>();
    const json& wanted = arguments{from.what}.value("quantile_ranges");
    const auto quantiles = wanted.at("quantiles").get<std::vector<double>>();
    require_ordered_pairs(from.what, wanted.at("value_ranges"));
    if (found.values == 0) {
        to.observed_value = {{"quantiles", quantiles}, {"values", json(quantiles.size(), json())}};
        to.details = {{"success_details", json(quantiles.size(), false)}};
        return;
    }
    std::vector<std::uint64_t> ranks;
    for (const double quantile : quantiles) {
        ranks.push_back(rank_of(quantile, found.values));
    }
    std::vector<std::uint64_t> sorted = ranks;
    std::sort(sorted.begin(), sorted.end());
    const auto keys = keys_at(found, sorted);
    json values = json::array();
    json success = json::array();
    to.success = true;
    for (std::size_t i = 0; i < quantiles.size(); ++i) {
        const auto at = static_cast<std::size_t>(std::ranges::lower_bound(sorted, ranks[i]) - sorted.begin());
        const field value = field_of_key(keys[at], type_of(from).kind());
        values.push_back(json_of_sample(from, value));
        success.push_back(lies_within_range(from, value, wanted.at("value_ranges").at(i)));
        to.success = to.success && success.back().get<bool>();
    }
    to.observed_value = {{"quantiles", quantiles}, {"values", values}};
    to.details = {{"success_details", success}};
}

// --- different values ----------------------------------------------------------------------------------------------

void judge_proportion_of_values(const evidence& from, outcome& to)
{
    const metric& found = from.state->measured(from.decided->metrics[0]);
    judge_number(from, to, found.rows == 0 ? 0 : static_cast<double>(found.values) / static_cast<double>(found.rows));
}

void judge_distinct_count(const evidence& from, outcome& to)
{
    auto& found = from.measured<fingerprints>();
    const auto distinct = found.summarize().distinct;
    if (std::string_view{from.what.type->name}.find("_proportion_") == std::string_view::npos) {
        to.observed_value = distinct;
        to.success = is_within(from.what, static_cast<double>(distinct));
    } else {
        const double proportion =
            found.values == 0 ? 0 : static_cast<double>(distinct) / static_cast<double>(found.values);
        judge_number(from, to, proportion);
    }
}

struct wanted_values {
    std::set<std::pair<std::uint64_t, std::uint64_t>> prints;
    bool possible = true; // the column can hold them all

    bool contains(const fingerprint& print) const { return prints.contains({print.high, print.low}); }
};

wanted_values wanted_by(const evidence& from, std::uint64_t seed)
{
    wanted_values made;
    if (!arguments{from.what}.has("value_set")) {
        return made;
    }
    column_type& type = type_of(from);
    require_comparable(type, from.what, "value_set");
    require_storable(type, from.what);
    const value_set wanted{type, arguments{from.what}.literals("value_set"), from.what.label()};
    for (const field& member : wanted.members()) {
        const fingerprint print = print_of(type, member, seed);
        made.prints.emplace(print.high, print.low);
    }
    made.possible = wanted.is_possible();
    return made;
}

using counted_values = std::vector<std::pair<json, std::uint64_t>>;

// In Python's order: numbers by value, texts by code points.
void sort_values(counted_values& values, poll_fn poll)
{
    poller stop{poll};
    std::sort(values.begin(), values.end(), [&stop](const auto& a, const auto& b) {
        stop.tick();
        return a.first.is_string() && b.first.is_string()
                   ? a.first.template get_ref<const std::string&>() < b.first.template get_ref<const std::string&>()
                   : a.first < b.first;
    });
}

// Takes the values.
json list_of(counted_values&& values)
{
    json made = json::array();
    made.get_ref<json::array_t&>().reserve(values.size());
    for (auto& [value, rows] : values) {
        made.push_back(std::move(value));
    }
    return made;
}

// Written at once: as an object each value would take many times its size.
std::string value_counts_text(const counted_values& values, poll_fn poll)
{
    poller stop{poll};
    std::string made{R"({"value_counts":[)"};
    for (const auto& [value, rows] : values) {
        made += made.back() == '[' ? "" : ",";
        made += R"({"value":)" + value.dump() + R"(,"count":)" + std::to_string(rows) + '}';
        stop.tick();
    }
    return made + "]}";
}

void judge_distinct_set(const evidence& from, outcome& to)
{
    const auto& found = from.measured<value_counts>();
    found.require_complete(from.what.label());
    const std::string_view name = from.what.type->name;
    counted_values values;
    values.reserve(found.distinct());
    std::size_t known = 0;
    const bool given = arguments{from.what}.has("value_set");
    const auto wanted = wanted_by(from, found.seed());
    const bool any = name.ends_with("to_be_in_set") && (!given || arguments{from.what}.value("value_set").empty());
    found.each([&](const fingerprint& print, const value_counts::counted& value) {
        values.emplace_back(value_of(value.json, from.what), value.rows);
        known += wanted.contains(print) ? 1 : 0;
    });
    sort_values(values, found.poll());
    to.details_text = value_counts_text(values, found.poll());
    to.observed_value = list_of(std::move(values));
    const bool within = known == found.distinct();
    const bool complete = wanted.possible && known == wanted.prints.size();
    to.success = any || (name.ends_with("to_be_in_set")     ? within
                         : name.ends_with("to_contain_set") ? complete
                                                            : within && complete);
}

void judge_most_common(const evidence& from, outcome& to)
{
    const auto& found = from.measured<value_counts>();
    found.require_complete(from.what.label());
    const auto wanted = wanted_by(from, found.seed());
    std::uint64_t most = 0;
    found.each([&most](const fingerprint&, const value_counts::counted& value) { most = std::max(most, value.rows); });
    counted_values modes;
    std::size_t known = 0;
    found.each([&](const fingerprint& print, const value_counts::counted& value) {
        if (value.rows == most) {
            modes.emplace_back(value_of(value.json, from.what), value.rows);
            known += wanted.contains(print) ? 1 : 0;
        }
    });
    sort_values(modes, found.poll());
    to.success = arguments{from.what}.flag("ties_okay") ? known > 0 : known == 1 && modes.size() == 1;
    to.observed_value = list_of(std::move(modes));
}

} // namespace

bool is_within(const expectation& what, double value)
{
    const arguments given{what};
    const auto least = given.number_if("min_value");
    const auto greatest = given.number_if("max_value");
    if (least && (given.flag("strict_min") ? compare_reals(value, *least) <= 0 : compare_reals(value, *least) < 0)) {
        return false;
    }
    return !greatest ||
           (given.flag("strict_max") ? compare_reals(value, *greatest) < 0 : compare_reals(value, *greatest) <= 0);
}

void judge_aggregate(const evidence& from, outcome& to)
{
    const std::string_view name = from.what.type->name;
    auto is = [name](const char* part) { return name.find(part) != std::string_view::npos; };
    const metric& any = from.state->measured(from.decided->metrics[0]);
    to.element_count = any.rows;
    to.missing_count = any.rows - any.values;
    if (is("_min_to_be") || is("_max_to_be")) {
        judge_extreme(from, to, is("_min_to_be"));
    } else if (is("_sum_to_be")) {
        judge_sum(from, to);
    } else if (is("_mean_to_be")) {
        const auto& found = from.measured<moments>();
        judge_number(from, to, found.values > 0 ? std::optional{found.mean()} : std::nullopt);
    } else if (is("_stdev_to_be")) {
        const auto& found = from.measured<moments>();
        judge_number(from, to, found.values > 1 ? std::optional{found.deviation()} : std::nullopt);
    } else if (is("_median_to_be")) {
        judge_median(from, to);
    } else if (is("_quantile_values_")) {
        judge_quantiles(from, to);
    } else if (is("_most_common_")) {
        judge_most_common(from, to);
    } else if (is("_non_null_")) {
        judge_proportion_of_values(from, to);
    } else if (is("_distinct_values_")) {
        judge_distinct_set(from, to);
    } else {
        judge_distinct_count(from, to);
    }
}

} // namespace etl::validate
