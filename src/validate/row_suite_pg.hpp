// Suites compiled for rows of one shape: what etl.violations and the triggers of etl.enforce judge a row with.
//
// Compiling takes far longer than judging a row, and many statements store one row only. So what was compiled is kept
// for the session and found again by all that it was compiled from: the document, the shape of the rows, and the
// settings that literals are read under. A row_judge makes it ready to run within one statement or expression.
#pragma once

#include "pg/memory.hpp"
#include "pg/row_expression.hpp"
#include "validate/column_pg.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

// The rows that a suite is to judge.
struct row_kind {
    TupleDesc shape;
    Oid relation = InvalidOid; // whose rows they are, by whose name conditions may qualify columns
    Relation table = nullptr;  // of rows on their way into it, whose generated columns are not computed yet
};

// What a suite is to be judged by, beside its document.
struct row_rules {
    std::string name;
    std::string document;
    std::string least_severity = "info"; // expectations of a lesser one are left out
    std::string schemas_of;              // the role whose registered JSON schemas count; empty: the current one

    friend bool operator==(const row_rules&, const row_rules&) = default;
};

// The document with its parameters bound: to the values of a JSON object (empty: none), or to its own defaults.
std::string with_parameters(std::string document, std::string_view values = {});

// One suite compiled for one shape. Never changes.
class row_suite {
  public:
    row_suite(row_rules rules, const row_kind& rows);

    // Whether compiling the same now would make the same.
    bool is_of(const row_rules& rules, const row_kind& rows) const;

    // Whether it may be used in another transaction.
    bool can_be_kept() const noexcept { return can_be_kept_; }

    const row_rules& rules() const noexcept { return rules_; }
    const checker& checks() const noexcept { return *checks_; }
    TupleDesc shape() const noexcept { return shape_; }

  private:
    friend class row_judge;

    // How literals of moments and of money are read.
    struct settings {
        const void* timezone;
        int date_style;
        int date_order;
        int interval_style;
        std::string monetary;

        static settings now();
        friend bool operator==(const settings&, const settings&) = default;
    };

    // Where a column of the checker comes from: an attribute of the row, or a condition.
    struct origin {
        bool is_condition;
        std::size_t number; // from 0
    };

    struct computed {
        int attribute;
        pg::row_expression by;
    };

    // What an expectation on a condition speaks of: the columns that the condition reads.
    struct spoken_of {
        std::string label;
        std::vector<int> attributes;
    };

    void add_columns(const suite& from, const row_kind& rows, std::vector<column>& to, std::vector<Oid>& types);
    void add_conditions(const suite& from, const row_kind& rows, std::vector<column>& to, std::vector<Oid>& types);
    void compute_generated(Relation table);
    std::vector<int> read_by(const pg::row_expression& condition) const;
    bool reads(int attribute) const;

    row_rules rules_;
    settings settings_;
    pg::scratch_context memory_; // of the shape and of literals
    TupleDesc shape_;
    bool is_stored_; // generated columns are there already
    bool can_be_kept_;
    std::vector<computed> generated_;
    std::vector<pg::row_expression> conditions_;
    std::vector<spoken_of> spoken_of_;
    std::vector<origin> origins_;
    std::unique_ptr<checker> checks_;
    std::vector<reading> readings_;
};

// Compiles, or finds what was compiled before. Throws etl::error where the suite does not fit the rows.
std::shared_ptr<const row_suite> row_suite_for(const row_rules& rules, const row_kind& rows);

// A suite at work on one row after the other. Conditions run as the current role.
class row_judge {
  public:
    // `memory` lives longer.
    row_judge(std::shared_ptr<const row_suite> rules, MemoryContext memory);

    const row_suite& rules() const noexcept { return *rules_; }

    // How many of a row's attributes it looks at: those up to this number.
    int attributes() const noexcept { return attributes_; }

    // The fields of a row from its first attributes(); valid until the next row, and as long as the row. May raise:
    // only trivial locals may be alive.
    std::span<const field> read(const Datum* values, const bool* nulls);

    // The values at fault in the last row read, as JSON.
    std::string values_at_fault(const checker::breach& found) const;

    // What a generated column of the last row read was judged by; NULL where nothing was.
    NullableDatum computed_value(int attribute) const noexcept;

  private:
    std::shared_ptr<const row_suite> rules_;
    std::optional<pg::row_program> program_; // where there is something to compute
    int attributes_ = 0;
    std::vector<field> fields_;
    const Datum* values_ = nullptr; // of the last row read
    const bool* nulls_ = nullptr;
};

} // namespace etl::validate
