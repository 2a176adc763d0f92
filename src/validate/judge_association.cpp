// Whether two columns go together: Cramér's phi of their cross table.
#include "core/error.hpp"
#include "validate/judge.hpp"
#include "validate/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

std::vector<double> numbers_of(const json& list)
{
    std::vector<double> made;
    for (const json& number : list) {
        made.push_back(number_in(number).value_or(std::nan("")));
    }
    return made;
}

using value_rows = std::map<json, std::uint64_t>;

// What one column's values are put into. Great Expectations divides numbers into equal bins, of other values it keeps
// the most frequent, and a suite may give bins of its own.
class binning {
  public:
    binning(const arguments& given, const char* bins, const char* count, const value_rows& values)
    {
        const std::size_t most = given.has(count) ? static_cast<std::size_t>(given.count(count)) : 10;
        const auto is_number = [](const auto& v) { return v.first.is_number() || v.first.is_null(); };
        if (std::ranges::all_of(values, is_number)) {
            divide_numbers(given, bins, most, values);
        } else if (given.has(bins)) {
            group_values(given.value(bins));
        } else {
            keep_most_frequent(most, values);
        }
    }

    std::string of(const json& value) const
    {
        if (value.is_null()) {
            return "(missing)";
        }
        if (edges_.size() > 1) {
            return std::to_string(bin_of(value.get<double>(), edges_));
        }
        const auto found = names_.find(value);
        return found == names_.end() ? value.dump() : found->second;
    }

  private:
    void divide_numbers(const arguments& given, const char* bins, std::size_t count, const value_rows& values)
    {
        double least = HUGE_VAL;
        double greatest = -HUGE_VAL;
        for (const auto& [value, rows] : values) {
            if (value.is_number()) {
                least = std::min(least, value.get<double>());
                greatest = std::max(greatest, value.get<double>());
            }
        }
        const bool has_edges = given.has(bins) && !given.value(bins).empty() && given.value(bins).front().is_number();
        if (least <= greatest) {
            edges_ = has_edges ? extended_bins(numbers_of(given.value(bins)), least, greatest)
                               : equal_bins(least, greatest, count);
        }
    }

    void group_values(const json& groups)
    {
        for (const json& group : groups) {
            for (const json& value : group) {
                names_[value] = group.dump();
            }
        }
    }

    void keep_most_frequent(std::size_t most, const value_rows& values)
    {
        std::vector<std::pair<json, std::uint64_t>> counted;
        std::ranges::copy_if(values, std::back_inserter(counted), [](const auto& v) { return !v.first.is_null(); });
        std::stable_sort(counted.begin(), counted.end(),
                         [](const auto& a, const auto& b) { return a.second > b.second; });
        for (std::size_t i = most; i < counted.size(); ++i) {
            names_[counted[i].first] = "(other)";
        }
    }

    std::vector<double> edges_;
    std::map<json, std::string> names_; // of values that are not their own
};

} // namespace

void judge_association(const evidence& from, outcome& to)
{
    const auto& found = from.measured<value_counts>();
    found.require_complete(from.what.label());
    const arguments given{from.what};
    value_rows left;
    value_rows right;
    std::map<json, std::uint64_t> pairs; // in one order, however the rows came
    found.each([&](const fingerprint&, const value_counts::counted& pair) {
        const json both = value_of(pair.json, from.what);
        left[both.at(0)] += pair.rows;
        right[both.at(1)] += pair.rows;
        pairs[both] += pair.rows;
    });
    const binning of_left{given, "bins_A", "n_bins_A", left};
    const binning of_right{given, "bins_B", "n_bins_B", right};
    std::map<std::string, std::size_t> columns;
    std::map<std::string, std::map<std::string, std::uint64_t>> cross;
    poller stop{found.poll()};
    for (const auto& [both, rows] : pairs) {
        columns.try_emplace(of_right.of(both.at(1)), 0);
        cross[of_left.of(both.at(0))][of_right.of(both.at(1))] += rows;
        stop.tick();
    }
    std::size_t next = 0;
    for (auto& [name, number] : columns) {
        number = next++;
    }
    std::vector<std::vector<std::uint64_t>> table;
    for (const auto& [name, counts] : cross) {
        auto& row = table.emplace_back(columns.size(), 0);
        for (const auto& [column, count] : counts) {
            row[columns.at(column)] = count;
        }
    }
    const double phi = cramers_phi(table);
    to.observed_value = std::isfinite(phi) ? json(phi) : json();
    to.details = {{"crosstab", table}};
    to.success = phi <= given.number_if("threshold").value_or(0.1);
}

} // namespace etl::validate
