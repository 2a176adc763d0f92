// From a state to the answer: one outcome an expectation, with Great Expectations' counts and percentages.
#pragma once

#include "validate/suite.hpp"
#include "validate/validation_state.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

// What a state carries to be reported later without its suite: the columns it was made over, and the suite.
struct plan {
    std::vector<std::string> columns;
    std::string document;
};

std::string write_plan(const plan& from);
plan read_plan(std::string_view text);

struct outcome {
    expectation what;
    bool success;
    std::uint64_t element_count;
    std::optional<std::uint64_t> missing_count; // not for the check that NULL itself is the matter of
    std::uint64_t unexpected_count;
    std::optional<double> unexpected_percent; // 0 to 100, of the values that are not missing; none without values
    std::string partial_unexpected_list;      // a JSON array
};

std::vector<outcome> report(std::span<const std::byte> state, poll_fn poll);

// The first rows of values that occur more than once: per uniqueness check at most most_values, by position.
std::vector<state_reader::duplicate> duplicates(std::span<const std::byte> state, poll_fn poll);

} // namespace etl::validate
