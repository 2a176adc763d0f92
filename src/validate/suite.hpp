// Expectation suites: Great Expectations' JSON documents, read into what the validator runs.
//
// Both generations are read: 0.x writes {"expectation_suite_name", "expectations": [{"expectation_type", "kwargs"}]},
// 1.x writes {"name", "expectations": [{"type", "kwargs"}]}. Nothing unknown is skipped in silence: an expectation or
// an argument that the catalogue does not have is refused with the nearest one that it has.
//
// Values may be parameters, {"$PARAMETER": "x"}. A suite with such values loads (they are checked when they are bound)
// but does not run: bind_parameters() comes first.
#pragma once

#include "core/json.hpp"
#include "validate/catalogue.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

// One expectation whose arguments suit its type. Read them with `arguments`.
struct expectation {
    const expectation_type* type = nullptr;
    json kwargs = json::object();      // as the suite has them, older spellings replaced
    std::vector<std::string> columns;  // the table's columns it reads: its own, then those of order_by
    std::size_t ordered_by = 0;        // how many at the end of `columns` are order_by's
    double mostly = 1.0;               // the least part of the values that must be as expected
    std::string condition;             // SQL of row_condition; empty = all rows
    std::string severity = "critical"; // critical | warning | info

    // Decidable from one row alone; uniqueness, for one, is not.
    bool is_row_level() const { return type->row_level; }

    // How a broken expectation is named to users: expect_column_values_to_match_regex(wallet_address).
    std::string label() const;
};

struct suite {
    std::string name; // empty where the document has none
    std::vector<expectation> expectations;

    // The columns that the expectations read, each once, in the order of first use.
    std::vector<std::string> columns() const;

    // The SQL conditions that rows are tested with (of row_condition and expect_row_condition), each once.
    std::vector<std::string> conditions() const;
};

// Throws etl::error for what is no suite document.
suite parse_suite(std::string_view document);

// Whether a value is one of the severities.
bool is_severity(const json& value);

// One member of "expectations", its number counted from 1.
expectation parse_expectation(const json& from, std::size_t number);

} // namespace etl::validate
