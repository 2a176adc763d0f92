// What the profile of a column comes to.
#include "core/hex.hpp"
#include "validate/most_frequent.hpp"
#include "validate/pattern_guess.hpp"
#include "validate/profile.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::size_t most_sought = 250; // values of a column that a second scan looks for

// The shortest JSON of a double; a string where it is no number.
std::string json_of_real(double value)
{
    if (std::isnan(value)) {
        return "\"NaN\"";
    }
    if (std::isinf(value)) {
        return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    }
    std::array<char, 32> digits;
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}

bool is_json_string(std::string_view value)
{
    return value.starts_with('"');
}

std::string_view inner_of(std::string_view string)
{
    return string.substr(1, string.size() - 2);
}

// What a JSON string of json_string() says.
std::string unquoted(std::string_view string)
{
    std::string made;
    string = inner_of(string);
    while (!string.empty()) {
        const bool is_code = string.starts_with("\\u");
        if (is_code) {
            const auto high = static_cast<unsigned>(hex_digit(string[4]));
            made += static_cast<char>(high << 4 | static_cast<unsigned>(hex_digit(string[5])));
        } else {
            made += string[string[0] == '\\' ? 1 : 0];
        }
        string.remove_prefix(is_code ? 6 : string[0] == '\\' ? 2 : 1);
    }
    return made;
}

double number_in(std::string_view json)
{
    double value = 0;
    std::from_chars(json.data(), json.data() + json.size(), value);
    return value;
}

// The order in which equally frequent values are listed: numbers by value, texts by their bytes.
bool goes_before(std::string_view a, std::string_view b)
{
    if (is_json_string(a) || is_json_string(b)) {
        return is_json_string(a) && is_json_string(b) ? inner_of(a) < inner_of(b) : is_json_string(b);
    }
    const double left = number_in(a);
    const double right = number_in(b);
    return left < right || (left == right && a < b);
}

// Values that occur once are no frequent ones, except where they are all there is.
bool is_listed(std::uint64_t rows, std::uint64_t distinct, std::size_t most)
{
    return rows > 1 || distinct <= most;
}

// The rank of a quantile as percentile_disc has it.
std::uint64_t rank_of_quantile(double quantile, std::uint64_t values)
{
    const double rank = std::ceil(quantile * static_cast<double>(values));
    return rank < 1 ? 0 : std::min(static_cast<std::uint64_t>(rank), values) - 1;
}

} // namespace

profile_summary column_profile::summarize(std::size_t most_frequent)
{
    profile_summary made;
    made.rows = rows;
    made.values = values;
    if (gathers_.keys) {
        summarize_keys(made, most_frequent);
    }
    if (gathers_.sums && values > 0) {
        sums_.values = values;
        made.mean = sums_.mean();
        made.deviation = values > 1 ? std::optional{sums_.deviation()} : std::nullopt;
    }
    if (gathers_.prints) {
        few_.is_complete() ? summarize_values(made, most_frequent) : summarize_prints(made, most_frequent);
    }
    if (gathers_.extremes && values > 0) {
        made.least = shown(least_.value());
        made.greatest = shown(greatest_.value());
    }
    if (gathers_.texts && values > 0) {
        summarize_texts(made);
    }
    return made;
}

field column_profile::value_of_key(std::uint64_t key) const
{
    field made;
    if (type_.kind() == field::kind::integer) {
        made.is = field::kind::integer;
        made.integer = samples::whole_of_key(key);
    } else {
        made.is = field::kind::real;
        made.real = samples::real_of_key(key, made.is);
    }
    return made;
}

std::string column_profile::json_of_key(std::uint64_t key) const
{
    const field value = value_of_key(key);
    return type_.kind() == field::kind::decimal ? json_of_real(value.real) : type_.json(value);
}

std::string column_profile::shown(const field& value) const
{
    const std::string json = json_of(value);
    return is_json_string(json) ? unquoted(json) : json;
}

// One walk over all keys, in which each question takes what it needs.
void column_profile::summarize_keys(profile_summary& to, std::size_t most)
{
    most_frequent<std::uint64_t> frequent{most};
    std::uint64_t distinct = 0;
    std::uint64_t passed = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    keys_.each([&](const key_rows<std::uint64_t>& found) {
        first = distinct++ == 0 ? found.key : first;
        last = found.key;
        passed += found.rows;
        while (type_.measures() != measure::none && to.quantiles.size() < profile_quantiles.size() &&
               rank_of_quantile(profile_quantiles[to.quantiles.size()], values) < passed) {
            to.quantiles.push_back(json_of_key(found.key));
        }
        frequent.add(found);
    });
    if (type_.kind() == field::kind::decimal) {
        return; // nearest doubles tell no more of it
    }
    to.distinct = distinct;
    to.top.emplace();
    for (const auto& [key, rows] : frequent.take()) {
        if (is_listed(rows, distinct, most)) {
            to.top->push_back({json_of_key(key), rows});
        }
    }
    if (distinct > 0) {
        to.least = shown(value_of_key(first));
        to.greatest = shown(value_of_key(last));
    }
}

void column_profile::summarize_values(profile_summary& to, std::size_t most) const
{
    std::vector<profile_summary::counted> found;
    few_.each([&found](const fingerprint&, const few_values::counted& value) {
        if (value.rows > 0) {
            found.push_back({std::string{value.json}, value.rows});
        }
    });
    std::ranges::sort(found, [](const auto& a, const auto& b) {
        return a.rows != b.rows ? a.rows > b.rows : goes_before(a.json, b.json);
    });
    const std::size_t distinct = found.size();
    if (!few_.is_seeking()) {
        to.distinct = distinct;
        std::erase_if(found, [&](const auto& value) { return !is_listed(value.rows, distinct, most); });
    }
    found.resize(std::min(found.size(), most));
    to.top = std::move(found);
}

// The frequent values are among those with these fingerprints; which of equally frequent ones go first, only they tell.
void column_profile::summarize_prints(profile_summary& to, std::size_t most)
{
    most_frequent<fingerprint> frequent{std::max(most_sought, most)};
    std::uint64_t distinct = 0;
    prints_.each([&](const key_rows<fingerprint>& found) {
        ++distinct;
        frequent.add(found);
    });
    to.distinct = distinct;
    for (const auto& [print, rows] : frequent.take()) {
        if (is_listed(rows, distinct, most)) {
            to.sought.push_back(print);
        }
    }
    if (to.sought.empty()) {
        to.top.emplace();
    }
}

void column_profile::summarize_texts(profile_summary& to) const
{
    const double mean = characters_.rounded() / static_cast<double>(values);
    to.characters = profile_summary::lengths{shortest_, longest_, mean};
    to.pattern = guess_pattern(shape_, to.distinct.value_or(0));
}

} // namespace etl::validate
