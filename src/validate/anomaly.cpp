#include "validate/anomaly.hpp"

#include "core/text.hpp"
#include "validate/anomaly_detectors.hpp"
#include "validate/nearest.hpp"

#include <cstdio>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::anomaly {
namespace {

using kind = parameter_kind;

constexpr std::int64_t longest = 1'000'000'000; // of a history or a window

constexpr const char* lower_factor_meaning =
    "how many spreads below the middle a value may lie, where not factor says so";
constexpr const char* upper_factor_meaning =
    "how many spreads above the middle a value may lie, where not factor says so";
constexpr const char* factor_meaning = "how many spreads a value may lie from the middle, on both sides";

constexpr parameter simple_threshold[] = {
    {"lower_bound", kind::bound, "null", "the least value that is normal"},
    {"upper_bound", kind::bound, "null", "the greatest value that is normal"},
};
constexpr parameter absolute_change[] = {
    {"max_rate_decrease", kind::bound, "null", "the least change that is normal, a negative number for a decrease"},
    {"max_rate_increase", kind::bound, "null", "the greatest change that is normal"},
    {"order", kind::whole, "1", "how often differences are taken: 1 for the change, 2 for the change of the change", 0,
     100},
};
constexpr parameter relative_change[] = {
    {"max_rate_decrease", kind::bound, "null", "the least normal ratio of a value to the one before, as in 0.5"},
    {"max_rate_increase", kind::bound, "null", "the greatest normal ratio of a value to the one before, as in 2"},
    {"order", kind::whole, "1", "how many values back the one lies that a value is compared with", 1, 1'000'000},
};
constexpr parameter batch_normal[] = {
    {"factor", kind::number, "3", factor_meaning},
    {"lower_deviation_factor", kind::factor, "3", lower_factor_meaning},
    {"upper_deviation_factor", kind::factor, "3", upper_factor_meaning},
    {"include_interval", kind::flag, "false", "whether the value itself counts in the mean and the deviation"},
    {"min_history", kind::whole, "2", "how many values the judgement needs", 2, longest},
};
constexpr parameter online_normal[] = {
    {"factor", kind::number, "3", factor_meaning},
    {"lower_deviation_factor", kind::factor, "3", lower_factor_meaning},
    {"upper_deviation_factor", kind::factor, "3", upper_factor_meaning},
    {"ignore_start_percentage", kind::fraction, "0.1",
     "the part of the values, from 0 to 1, that is only learned from"},
    {"ignore_anomalies", kind::flag, "true", "whether an anomaly is left out of the mean and the deviation afterwards"},
    {"include_interval", kind::flag, "true", "whether the value itself counts in the mean and the deviation"},
    {"min_history", kind::whole, "2", "how many values before the judgement needs", 1, longest},
};
constexpr parameter holt_winters[] = {
    {"period", kind::whole, "7", "the number of rows after which the season repeats", 2, 1'000'000},
    {"factor", kind::number, "1.96", factor_meaning},
    {"lower_deviation_factor", kind::factor, "1.96", lower_factor_meaning},
    {"upper_deviation_factor", kind::factor, "1.96", upper_factor_meaning},
    {"absolute_errors", kind::flag, "true", "whether the spread is that of the errors' absolute values"},
    {"ignore_anomalies", kind::flag, "false", "whether the model passes over an anomaly, as over a missing value"},
    {"training", kind::length, "null",
     "the number of first rows to learn from, those after them being forecast from there", 4, longest},
};
constexpr parameter mad[] = {
    {"factor", kind::number, "3.5", factor_meaning},
    {"lower_deviation_factor", kind::factor, "3.5", lower_factor_meaning},
    {"upper_deviation_factor", kind::factor, "3.5", upper_factor_meaning},
    {"history", kind::history, "\"before\"", "what a value is judged by: the values before it, or the whole partition"},
    {"window", kind::length, "null", "how many of the values before count, from the last one back", 1, longest},
    {"min_history", kind::whole, "5", "how many values the judgement needs", 1, longest},
};
constexpr parameter iqr[] = {
    {"factor", kind::number, "1.5", factor_meaning},
    {"lower_deviation_factor", kind::factor, "1.5", lower_factor_meaning},
    {"upper_deviation_factor", kind::factor, "1.5", upper_factor_meaning},
    {"history", kind::history, "\"before\"", "what a value is judged by: the values before it, or the whole partition"},
    {"window", kind::length, "null", "how many of the values before count, from the last one back", 1, longest},
    {"min_history", kind::whole, "5", "how many values the judgement needs", 1, longest},
};

struct strategy {
    const char* name;
    std::span<const parameter> parameters;
    maker make;
    const char* meaning;
};

constexpr strategy strategies[] = {
    {"simple_threshold", simple_threshold, make_simple_threshold, "The value lies outside fixed bounds."},
    {"absolute_change", absolute_change, make_absolute_change,
     "The difference from the value before lies outside fixed bounds."},
    {"relative_change", relative_change, make_relative_change,
     "The ratio to the value before lies outside fixed bounds."},
    {"batch_normal", batch_normal, make_batch_normal,
     "The value lies more than factor standard deviations from the mean of all other values."},
    {"online_normal", online_normal, make_online_normal,
     "The value lies more than factor standard deviations from the mean of the values so far."},
    {"holt_winters", holt_winters, make_holt_winters,
     "The value differs from the forecast of a model with trend and season, fitted to the values before, by more than "
     "factor standard deviations of the model's absolute errors (of its errors, where absolute_errors is false)."},
    {"mad", mad, make_mad,
     "The modified z-score, 0.6745 * (value - median) / median absolute deviation, exceeds factor."},
    {"iqr", iqr, make_iqr, "The value lies more than factor interquartile ranges outside the quartiles."},
};

const strategy& find_strategy(std::string_view name)
{
    std::vector<std::string_view> names;
    for (const strategy& known : strategies) {
        if (name == known.name) {
            return known;
        }
        names.emplace_back(known.name);
    }
    throw error(sqlstate::invalid_parameter_value,
                "there is no anomaly strategy " + in_quotes(validate::shortened(name)), {},
                validate::did_you_mean(name, names) + "The strategies are " + joined(names) + ".");
}

void forget_if_nan(std::optional<double>& number)
{
    if (number && std::isnan(*number)) {
        number.reset();
    }
}

} // namespace

verdict detector::judge(std::optional<double> value)
{
    if (!value) {
        pass_over();
        return {false, {}, {}, {}, {}, "no value"};
    }
    if (std::isnan(*value)) {
        pass_over();
        return {true, {}, {}, {}, {}, "not a number"};
    }
    verdict made = weigh(*value);
    forget_if_nan(made.expected);
    forget_if_nan(made.score);
    if (std::isfinite(*value)) {
        learn(*value, made.is_anomaly);
    } else {
        pass_over();
    }
    return made;
}

std::unique_ptr<detector> make_detector(std::string_view strategy, std::string_view params,
                                        std::pmr::memory_resource* memory, poll_fn poll)
{
    const auto& found = find_strategy(strategy);
    return found.make(settings{found.name, found.parameters, params}, memory, poll);
}

std::vector<strategy_description> describe_strategies()
{
    std::vector<strategy_description> made;
    for (const strategy& known : strategies) {
        made.push_back({known.name, default_values(known.parameters).dump(), known.meaning});
    }
    return made;
}

factors factors_of(const settings& from)
{
    const std::optional<double> both = from.number_if("factor");
    const auto one = [&](const char* name) {
        return from.is_given("factor") && !from.is_given(name) ? both : from.number_if(name);
    };
    const factors made{one("lower_deviation_factor"), one("upper_deviation_factor")};
    if (!made.lower && !made.upper) {
        throw error(sqlstate::invalid_parameter_value,
                    "strategy " + std::string{from.strategy()} +
                        " needs lower_deviation_factor or upper_deviation_factor",
                    "Both are null.", "Give a number for one of them, or leave it out to have its default.");
    }
    return made;
}

limits limits_around(double low, double high, double spread, const factors& of) noexcept
{
    limits made;
    if (of.lower) {
        made.lower = low - *of.lower * spread;
    }
    if (of.upper) {
        made.upper = high + *of.upper * spread;
    }
    forget_if_nan(made.lower);
    forget_if_nan(made.upper);
    return made;
}

double in_units(double difference, double spread) noexcept
{
    return difference == 0 ? 0 : difference / spread;
}

void moments::add(double value) noexcept
{
    ++count;
    const double difference = value - mean;
    mean += difference / static_cast<double>(count);
    squares += difference * (value - mean);
}

void moments::add(const moments& other) noexcept
{
    if (other.count == 0) {
        return;
    }
    const auto here = static_cast<double>(count);
    const auto there = static_cast<double>(other.count);
    const double difference = other.mean - mean;
    count += other.count;
    mean += difference * (there / (here + there));
    squares += other.squares + difference * difference * (here * (there / (here + there)));
}

std::string text_of(double number)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", number);
    return text;
}

verdict too_little_history(std::int64_t have, std::int64_t need)
{
    return {false, {}, {},
            {},    {}, "too little history: " + std::to_string(have) + " of " + std::to_string(need) + " values"};
}

} // namespace etl::anomaly
