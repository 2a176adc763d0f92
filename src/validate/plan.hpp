// What a scan is told to do, as text: it travels to parallel workers as a constant of the query, and stands in every
// state, so that a state can be merged and reported later without its suite or its table.
#pragma once

#include "validate/row_tests.hpp"
#include "validate/suite.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

struct plan_column {
    std::string name;
    std::string type;      // as PostgreSQL writes it with its schema; empty where rows are not read
    std::string collation; // likewise; empty: none
};

struct plan {
    std::string document;             // of the suite, parameters bound
    std::vector<std::size_t> numbers; // of a document that is a part of a suite: which of its expectations; else empty
    std::vector<plan_column> columns;
    std::vector<std::size_t> part; // the expectations that this scan decides, by their numbers from 0, ascending
    std::uint32_t listed = 20;     // failing rows that are kept of each expectation
    std::uint64_t seed = 0;        // of fingerprints; states of one seed can be merged

    std::set<std::size_t> proven_unique;       // expectations of which an index proves that no value repeats
    std::map<std::size_t, json> facts;         // what was found outside of the scan, by expectation
    std::map<std::size_t, json> look_for;      // of a second scan: what it lists the rows of (outcome::look_for)
    std::map<std::size_t, std::string> faults; // why expectations cannot be decided
    std::map<std::size_t, json> profiled;      // what is told of columns that are profiled (profile.hpp), by column
    json table = json::object();               // {"columns": [[name, type], …]} of the target, where there is one
    std::string area;                          // where runs lie (pg/spill.hpp), of a state that is being made

    bool is_proven(std::size_t number) const { return proven_unique.contains(number); }

    // The number that an expectation of the document has in the whole suite.
    std::size_t number_in_suite(std::size_t number) const noexcept;
};

std::string write_plan(const plan& from);

// Throws invalid_binary_representation for what write_plan() did not write.
plan read_plan(std::string_view text);

using type_factory = std::function<std::unique_ptr<column_type>(const plan_column&)>;

} // namespace etl::validate
