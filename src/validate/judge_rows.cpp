// Expectations that are counted in rows: those that tests decide, uniqueness, and z-scores.
#include "core/error.hpp"
#include "core/hex.hpp"
#include "validate/judge.hpp"

#include <algorithm>
#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

// What a scan that looks for repeated values keeps in memory, 16 bytes each; of more than these, some are listed.
std::size_t most_suspects(const fingerprints& of)
{
    constexpr std::size_t at_least = 250'000;
    return of.store() == nullptr ? at_least : std::max(at_least, of.budget() / sizeof(fingerprint));
}

// The repeated values, for the second scan: a file, since the plan of a scan is copied many times on its way.
json repeated_values(fingerprints& of)
{
    const auto prints = of.repeated(most_suspects(of));
    const auto bytes = std::as_bytes(std::span{prints});
    if (of.store() == nullptr) {
        return to_hex(bytes);
    }
    of.store()->append(bytes);
    const run written = of.store()->finish();
    return {written.file, written.bytes};
}

// How many values lie further from the mean than so many deviations.
std::uint64_t count_beyond(samples& from, field::kind kind, double least, double greatest)
{
    std::uint64_t count = 0;
    from.each([&](std::uint64_t key, std::uint64_t rows) {
        const double value = samples::real_of_key(key, kind);
        count += value <= least || value >= greatest ? rows : 0;
        return true;
    });
    return count;
}

} // namespace

void set_counts(outcome& to, std::uint64_t rows, std::uint64_t missing, std::uint64_t unexpected)
{
    const std::string_view name = to.what->type->name;
    const std::uint64_t values = rows - std::min(rows, missing);
    to.element_count = rows;
    if (!name.ends_with("_be_null")) {
        to.missing_count = missing;
    }
    to.unexpected_count = unexpected;
    to.success = true;
    if (values > 0) {
        const auto of = static_cast<double>(values);
        to.unexpected_percent = 100.0 * static_cast<double>(unexpected) / of;
        to.success = static_cast<double>(values - std::min(values, unexpected)) / of >= to.what->mostly;
    }
}

void judge_tested(const evidence& from, outcome& to)
{
    const failures& found = from.state->tested(from.rule_number);
    set_counts(to, from.state->rows() - found.passed_over, found.missing, found.unexpected);
    to.listed = found.listed();
    if (to.listed.size() < std::min<std::uint64_t>(found.unexpected, from.told.listed)) {
        note_partial_list(to, "the list of failing rows takes more memory than there is: it has the first " +
                                  std::to_string(to.listed.size()));
    }
}

void judge_repeated(const evidence& from, outcome& to)
{
    auto& prints = from.measured<fingerprints>();
    const auto found = prints.summarize();
    set_counts(to, prints.rows, prints.rows - prints.values, found.rows);
    if (found.rows > 0) {
        to.look_for = json::object();
        to.look_for["repeated"] = repeated_values(prints);
    }
    if (found.repeating > most_suspects(prints) && from.told.listed > 0) {
        note_partial_list(to, std::to_string(found.repeating) + " values repeat: the rows of " +
                                  std::to_string(most_suspects(prints)) + " of them, others in every run, are listed");
    }
}

void judge_z_scores(const evidence& from, outcome& to)
{
    const arguments given{from.what};
    auto& sums = from.measured<moments>();
    auto& values = from.measured<samples>();
    const double threshold = given.number("threshold");
    if (sums.values < 2) {
        set_counts(to, sums.rows, sums.rows - sums.values, 0);
        return;
    }
    const double mean = sums.mean();
    const double deviation = sums.deviation();
    if (!(deviation > 0)) {
        throw error(sqlstate::invalid_parameter_value,
                    from.what.label() + " has no z-scores: the standard deviation is 0 or not a number");
    }
    const double greatest = mean + threshold * deviation;
    const double least = given.flag("double_sided") ? mean - threshold * deviation : -HUGE_VAL;
    const field::kind kind = from.type().kind();
    const std::uint64_t beyond = count_beyond(values, kind, least, greatest);
    set_counts(to, sums.rows, sums.rows - sums.values, beyond);
    if (beyond > 0) {
        to.look_for = {{"greatest", greatest}};
        if (std::isfinite(least)) {
            to.look_for["least"] = least;
        }
    }
}

} // namespace etl::validate
