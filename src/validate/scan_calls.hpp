// A scan as SQL: which calls of the aggregate etl._validation_scan decide a part of a suite, and with what plans.
//
// An aggregate takes 100 arguments. A part that reads more columns than that is divided into groups, which are calls of
// one query; each has a plan with its own expectations alone.
#pragma once

#include "validate/plan.hpp"

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace etl::validate {

// The rows that are read, as SQL knows them.
struct scan_source {
    std::string alias;
    std::vector<plan_column> columns;
    std::vector<std::string> keys; // that failing rows are named by, where rows have no place
    bool passes_places = false;    // whether tableoid and ctid are arguments
};

// Reads {"name": [type, collation], …}, as etl._columns_of writes it.
std::vector<plan_column> read_source_columns(std::string_view text);

// What is known of the suite before the scan; expectations are numbered as in the suite.
struct scan_told {
    plan common; // what every plan has: listed, seed, area
    std::set<std::size_t> proven_unique;
    std::map<std::size_t, json> facts;
    std::map<std::size_t, json> look_for;
    std::map<std::size_t, std::string> faults;
};

// Reads the object that etl._told_of makes.
scan_told read_told(std::string_view text);

struct scan_call {
    std::string plan;
    std::string sql;
};

// `part` are the expectations that rows decide, `others` those about the table and those with a fault, which go with
// the first call. There is always one call.
std::vector<scan_call> make_scan_calls(std::string_view document, std::span<const std::size_t> part,
                                       std::span<const std::size_t> others, const scan_told& told,
                                       const scan_source& from);

// The name that the value before a row's has in a query that orders its rows for the expectation of that number.
std::string previous_column(std::size_t number);

// The columns of a source by their names; the source must outlive it.
class source_columns {
  public:
    explicit source_columns(const scan_source& from);

    const scan_source& source() const noexcept { return from_; }
    const plan_column* find(const std::string& name) const; // nullptr: none

  private:
    const scan_source& from_;
    std::unordered_map<std::string_view, const plan_column*> by_name_;
};

// A column as an expectation reads it.
struct read_column {
    plan_column column;
    std::string sql;
};

// What an expectation reads of a row; columns that the source lacks are left out.
std::vector<read_column> columns_read_by(const expectation& what, std::size_t number, const source_columns& columns);

} // namespace etl::validate
