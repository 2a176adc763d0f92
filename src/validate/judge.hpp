// From what a scan has found to the verdict on each expectation, as Great Expectations words it.
//
// judge_rows.cpp judges what is counted in rows, judge_aggregate.cpp columns as a whole, judge_distribution.cpp
// and judge_association.cpp distributions, judge_table.cpp the table itself.
#pragma once

#include "validate/extremes.hpp"
#include "validate/validation_state.hpp"
#include "validate/value_counts.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace etl::validate {

struct outcome { // NOLINT(bugprone-exception-escape): a json that is moved throws nothing
    const expectation* what = nullptr;
    std::size_t number = 0; // in the suite, from 0
    bool success = false;

    // Of expectations that speak of rows; nothing elsewhere.
    std::optional<std::uint64_t> element_count;
    std::optional<std::uint64_t> missing_count; // not where NULL itself is the matter
    std::optional<std::uint64_t> unexpected_count;
    std::optional<double> unexpected_percent; // 0 to 100, of the values that are not missing; none without values
    std::vector<failures::failure> listed;    // the first failing rows
    json look_for; // what a second scan tests rows with to list those that fail; null where nothing is left to list

    json observed_value; // null where there is none
    json details;
    std::string details_text; // instead of details, as JSON, where they are long
    std::string fault;        // why nothing is decided
};

// What is known of one expectation: by whom it was scanned, if by anybody.
struct evidence {
    const expectation& what;
    std::size_t number;
    const plan& told;        // by any of the scans
    std::uint64_t rows;      // of the table
    const checker* rules;    // of the scan that decided it; nullptr where none did
    validation_state* state; // of that scan
    const rule* decided = nullptr;
    std::size_t rule_number = 0; // among the tested ones

    // The metric of a kind that the expectation asked for.
    template <class M>
    M& measured() const
    {
        for (const std::size_t i : decided->metrics) {
            if (auto* found = dynamic_cast<M*>(&state->measured(i))) {
                return *found;
            }
        }
        throw error(sqlstate::internal_error, "a metric of " + what.label() + " is missing");
    }
    const column_type& type() const { return *rules->columns()[rules->metrics()[decided->metrics[0]].columns[0]].type; }
};

struct scanned {
    const checker* rules;
    validation_state* state;
};

// One outcome an expectation of the suite, in its order. The scans are of one suite and the same rows.
std::vector<outcome> judge(std::span<const scanned> scans);

// Judges one expectation by its family; throws etl::error where it cannot be decided.
void judge_tested(const evidence& from, outcome& to);
void judge_repeated(const evidence& from, outcome& to);
void judge_z_scores(const evidence& from, outcome& to);
void judge_aggregate(const evidence& from, outcome& to);
void judge_distribution(const evidence& from, outcome& to);
void judge_association(const evidence& from, outcome& to);
void judge_table(const evidence& from, outcome& to);

// Fills in counts, percent and success of an expectation on rows.
void set_counts(outcome& to, std::uint64_t rows, std::uint64_t missing, std::uint64_t unexpected);

// A value that a metric has as JSON. A number that no double holds is its text. Throws feature_not_supported where it is
// not UTF-8, as texts of other encodings are not.
json value_of(std::string_view text, const expectation& what);

// Throws feature_not_supported where reading the expectation's literals would run somebody's code (is_storable()).
void require_storable(const column_type& type, const expectation& what);

// Says in the details that not all failing rows are listed, and why.
void note_partial_list(outcome& to, const std::string& why);

// Whether a number lies within min_value and max_value (and strict_min, strict_max) of the expectation.
bool is_within(const expectation& what, double value);

} // namespace etl::validate
