// Expectation suites: Great Expectations' JSON documents, read into what the validator runs.
//
// Both generations are read: 0.x writes {"expectation_suite_name", "expectations": [{"expectation_type", "kwargs"}]},
// 1.x writes {"name", "expectations": [{"type", "kwargs"}]}. Nothing unknown is skipped in silence: an expectation or
// an argument that this release does not have is refused with the list of those it has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

enum class expectation_kind {
    not_be_null,
    be_unique,
    be_in_set,
    be_between,
    match_regex,
    lengths_to_equal,
    pair_a_greater_than_b,
};

// When a pair expectation passes a row over (Great Expectations' ignore_row_if).
enum class ignore_row { both_values_are_missing, either_value_is_missing, never };

// One expectation with its arguments checked. Literals stay text: the column's type reads them later.
struct expectation {
    expectation_kind kind{};
    std::string type{};   // the full name, expect_…
    std::string kwargs{}; // the arguments as JSON, as the suite has them
    std::string column{};
    std::string column_b{}; // of a pair
    double mostly = 1.0;    // the least part of the values that must be as expected

    std::vector<std::string> value_set{};
    std::optional<std::string> min_value{};
    std::optional<std::string> max_value{};
    bool strict_min = false;
    bool strict_max = false;
    std::string regex{};
    std::int64_t length = 0;
    bool or_equal = false;
    ignore_row ignored = ignore_row::both_values_are_missing;

    // Decidable from one row alone; uniqueness is not.
    bool is_row_level() const noexcept { return kind != expectation_kind::be_unique; }

    // How a broken expectation is named to users: expect_column_values_to_match_regex(wallet_address).
    std::string label() const;
};

struct suite {
    std::string name; // empty where the document has none
    std::vector<expectation> expectations;

    // The columns that the expectations read, each once, in the order of first use.
    std::vector<std::string> columns() const;
};

// Throws etl::error for what is no suite document.
suite parse_suite(std::string_view document);

// The document of a suite under another name, in the 1.x shape; what else the document holds (meta, notes) is kept.
std::string rename_suite(std::string_view document, std::string_view name);

} // namespace etl::validate
