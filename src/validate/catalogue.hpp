// The catalogue of expectations: every type that a suite may name, with its arguments and their meaning.
//
// Names, arguments and meanings are those of Great Expectations' core expectations, 0.18 and 1.x together; what is
// pg_etl's own says so. The tables are divided over catalogue_*.cpp by family. Suites are checked against them when
// they are loaded, and etl.expectation_types lists them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

// What an expectation speaks of: the values of a column, a column as a whole, pairs of values, records of several
// columns, the table, a row by any condition, the rows of a query.
enum class family { column_map, column_aggregate, column_pair, multicolumn, table, row, query };
const char* name_of(family of);

// What the value of an argument may be.
enum class kwarg_kind {
    text,         // a non-empty string
    pattern,      // a string, which may be empty
    column,       // the name of a column
    columns,      // a non-empty list of them
    column_names, // a list of them that need not exist and may be empty (what a table is compared with)
    order,        // the name of a column or a list of them
    flag,
    fraction,     // 0 to 1
    number,       // also "Infinity" and the like
    count,        // a whole number from 0
    whole,        // a whole number
    literal,      // a value of the column's type: string, number or boolean
    literals,     // a list of them; NULLs count for nothing
    texts,        // a non-empty list of non-empty strings
    pairs,        // a list of pairs of literals or NULLs
    bins,         // a list of numbers, the bounds of bins; or a list of lists of literals, one for each bin
    choice,       // one of `choices`
    condition,    // a row condition: text, or an object as 1.x writes it
    quantiles,    // {"quantiles": [numbers], "value_ranges": [[low, high]]}
    partition,    // {"bins" or "values": [], "weights": []}
    schema,       // a JSON Schema: object, boolean, or its text
    distribution, // the parameters of a distribution: object or list
    format,       // a result format: its name, or an object
    anything,
};

struct kwarg {
    const char* name;
    kwarg_kind kind;
    bool required;
    const char* meaning;
    const char* otherwise = nullptr; // the default, as JSON
    std::string_view choices = {};   // of a choice, divided by blanks
    std::string_view older = {};     // another spelling that is taken for it
    bool nullable = false;           // required, but null says something
    bool obsolete = false;           // old suites have it; it has no effect
};

// What can be said of an expectation besides its arguments.
struct expectation_type {
    const char* name; // snake_case
    family of;
    bool row_level; // one row alone decides it
    std::span<const kwarg> own;
    const char* meaning;
    bool needs_bound = false; // min_value or max_value or both must be there

    bool has_mostly() const;
    std::vector<const kwarg*> kwargs() const;       // all: the family's columns, its own, and the common ones
    const kwarg* find(std::string_view name) const; // also by an older spelling
};

// By its snake_case name or its class name (ExpectColumnValuesToBeInSet), in either case of letters; nullptr where
// there is none.
const expectation_type* find_type(std::string_view name);

// The same, but throws etl::error (22023) whose hint has the nearest known names.
const expectation_type& require_type(std::string_view name);

// All types, by family.
std::vector<const expectation_type*> all_types();

// ExpectColumnValuesToBeInSet
std::string class_name(const expectation_type& of);

// Throws etl::error (22023) where the type has no such argument; the hint has the nearest of its names.
const kwarg& require_kwarg(const expectation_type& of, std::string_view name);

} // namespace etl::validate
