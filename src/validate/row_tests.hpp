// The tests that decide an expectation row by row: compiled once against a table's columns, run for every row.
//
// The tests live by family: value_tests.cpp (one column), text_tests.cpp (what texts look like), record_tests.cpp
// (pairs and several columns).
#pragma once

#include "core/run_store.hpp"
#include "validate/arguments.hpp"
#include "validate/field.hpp"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace etl::validate {

enum class verdict : std::uint8_t {
    as_expected,
    missing, // NULL, or a row that ignore_row_if passes over: neither right nor wrong
    unexpected,
};

struct column {
    std::string name;
    std::unique_ptr<column_type> type;
};

// The text of a registered JSON schema by its URI.
using schema_lookup = std::function<std::optional<std::string>(const std::string& uri)>;

// The columns that a suite is compiled against, by name, and what else tests are compiled from.
class columns_view {
  public:
    explicit columns_view(std::span<const column> columns, const schema_lookup& schemas = no_schemas,
                          run_store* runs = nullptr)
        : columns_{columns}, schemas_{schemas}, runs_{runs}
    {
    }

    bool has(const std::string& name) const;

    // Throws undefined_column (42703) where there is none.
    std::size_t find(const std::string& name, const expectation& what) const;
    std::vector<std::size_t> find_all(std::span<const std::string> names, const expectation& what) const;

    column_type& type(std::size_t i) const { return *columns_[i].type; }
    const std::string& name(std::size_t i) const { return columns_[i].name; }
    std::size_t size() const { return columns_.size(); }
    const schema_lookup& schemas() const { return schemas_; }
    run_store* runs() const { return runs_; } // where a first scan has left what a second one looks for

  private:
    static const schema_lookup no_schemas;

    // Where a column is, or size(). The names are put in order with the first that is asked for.
    std::size_t position(const std::string& name) const;

    std::span<const column> columns_;
    const schema_lookup& schemas_;
    run_store* runs_;
    mutable std::unordered_map<std::string_view, std::size_t> by_name_; // of columns of one name the first
};

class row_test {
  public:
    virtual ~row_test() = default;

    virtual verdict test(std::span<const field> row) const = 0;

    // Whether it looks at more of its columns than whether there is a value.
    virtual bool reads_values() const { return true; }

    // What it speaks of: the columns whose values are listed where the row is unexpected.
    std::vector<std::size_t> subjects;
};

// How a failing row's values are listed: a scalar, a pair, or an object by column name.
enum class listing : std::uint8_t { scalar, pair, record };
listing listing_of(const expectation& what);

// Resolves columns by name, reads literals and compiles patterns; throws etl::error where the suite does not fit.
// nullptr where the expectation is no matter of single rows.
std::unique_ptr<row_test> compile_test(const expectation& what, const columns_view& columns);

// A family's factory: nullptr where the expectation is none of its own.
std::unique_ptr<row_test> compile_value_test(const expectation& what, const columns_view& columns);
std::unique_ptr<row_test> compile_text_test(const expectation& what, const columns_view& columns);
std::unique_ptr<row_test> compile_record_test(const expectation& what, const columns_view& columns);

// The test of a second scan, which lists the rows that a first one counted: those with a repeated value, or beyond
// bounds. `sought` is outcome::look_for.
std::unique_ptr<row_test> compile_search(const expectation& what, const json& sought, std::uint64_t seed,
                                         const columns_view& columns);

// The name of the column that holds the value before each row's, in a query that orders its rows.
std::string previous_name(const expectation& what);

// Throws datatype_mismatch (42804): "… needs <needed>, but "<column>" is of type …".
void require_type(bool truth, const expectation& what, const char* needed, const columns_view& columns, std::size_t i);

} // namespace etl::validate
