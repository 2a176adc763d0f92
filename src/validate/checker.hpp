// A suite compiled against columns: the tests and metrics that run for every row.
#pragma once

#include "validate/metrics.hpp"
#include "validate/plan.hpp"
#include "validate/row_tests.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace etl::validate {

// One expectation that a scan decides.
struct rule {
    const expectation* what = nullptr;
    std::size_t number = 0;         // in the suite, from 0
    int condition = -1;             // the column of its row_condition
    bool is_tested = false;         // row by row; otherwise by its metrics
    std::unique_ptr<row_test> test; // of a checker that is made to scan
    std::vector<std::size_t> metrics;
};

// A test as the loop over rows has it at hand.
struct row_step {
    const row_test* test;
    int condition;
};

class checker {
  public:
    // To scan: tests are compiled, too. Throws etl::error where the suite does not fit the columns. Plans may be a
    // stranger's, and long: poll is called for every column and expectation. A second scan finds in `runs` what the
    // first one has left there.
    static checker to_scan(plan from, const type_factory& make_type, const schema_lookup& schemas,
                           poll_fn poll = never_poll, run_store* runs = nullptr);

    // To merge and report what others have scanned.
    static checker to_read(plan from, const type_factory& make_type, poll_fn poll = never_poll);

    // Of row-level expectations only, without a plan: for single rows.
    checker(suite rules, std::vector<column> columns, const schema_lookup& schemas);

    const plan& made_from() const noexcept { return plan_; }
    const suite& rules_of() const noexcept { return suite_; }
    std::span<const rule> rules() const noexcept { return rules_; }
    std::span<const rule> tested() const noexcept { return {rules_.data(), tested_}; } // come first
    std::span<const row_step> steps() const noexcept { return steps_; }                // of those
    std::span<const metric_spec> metrics() const noexcept { return metrics_; }
    std::span<const column> columns() const noexcept { return columns_; }

    // Whether anything looks at more of a column than whether there is a value, and whether anything looks at all.
    bool needs_value(std::size_t column) const;

    // The failing row's values as its expectation lists them.
    std::string json_of(const rule& of, std::span<const field> row) const;

    struct breach {
        std::string label;
        std::string value; // JSON of the values at fault
    };
    // The row-level expectations that a row breaks, in the suite's order; conditions are looked at.
    std::vector<breach> breaches(std::span<const field> row) const;
    bool keeps(std::span<const field> row) const;

  private:
    // What a checker is made for: to scan with what a first scan has left, or only to read.
    struct purpose {
        bool scans;
        run_store* runs;
    };
    checker(plan from, std::vector<column> columns, const schema_lookup& schemas, purpose what_for, poll_fn poll);
    std::unique_ptr<row_test> compile(std::size_t number, const columns_view& columns) const;
    void add_rule(std::size_t number, const columns_view& columns, bool compiles_tests);
    bool is_tested(std::size_t number) const;
    std::size_t metric_number(const metric_spec& spec);

    plan plan_;
    suite suite_;
    std::vector<column> columns_;
    std::vector<rule> rules_;
    std::size_t tested_ = 0;
    std::vector<row_step> steps_;
    std::vector<metric_spec> metrics_;
};

// The metrics that an expectation is judged by; none for those that tests or facts decide.
std::vector<metric_spec> metrics_of(const expectation& what, const columns_view& columns);

// Whether it is about the number of rows that meet a condition, which a scan counts; that of all rows it knows anyway.
bool counts_some_rows(const expectation& what);

// Whether rows are tested one by one.
bool is_row_test(const expectation& what);

} // namespace etl::validate
