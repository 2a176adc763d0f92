// What the arguments of a capturing trigger are compiled to: the expressions that make a log row of a row of its table.
//
// It is kept for the session, for each role by itself (names and functions that one role may use another may not),
// until one of the two tables, or a function that an expression calls, changes.
#pragma once

#include "pg/row_expression.hpp"
#include "pg/transition_rows.hpp"
#include "rollup/capture_terms_pg.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace etl::rollup {

class capture_plan {
  public:
    // How a definition is met that does not fit the table or the log any more: writers must go on, while who defines a
    // rollup wants to know.
    enum class on_fault { keep_it, raise_it };

    capture_plan(std::shared_ptr<const capture_terms> terms, Relation table, Relation log, on_fault then);

    const std::shared_ptr<const capture_terms>& terms() const noexcept { return terms_; }
    log_kind kind() const noexcept { return terms_->kind; }

    // Why nothing can be told but that something has changed; empty where all is well.
    const std::string& fault() const noexcept { return fault_; }

    // Attributes of the log by their numbers from 0. "Up to" is there for keys only, and else -1.
    int op_attribute() const noexcept { return columns_[0]; }
    int at_attribute() const noexcept { return columns_[1]; }
    int to_attribute() const noexcept { return terms_->kind == log_kind::keys ? columns_[2] : -1; }
    std::span<const int> value_attributes() const noexcept;

    // For each of them what its value is. An expression that is a column needs not be run.
    const std::vector<pg::row_expression>& expressions() const noexcept { return expressions_; }
    const std::vector<int>& plain_attributes() const noexcept { return plain_; }

    // The attributes of the table, by their numbers from 0, of which one must change for an UPDATE to count.
    const std::vector<int>& used_attributes() const noexcept { return used_; }

    // What computes the stored generated columns in use, and their attributes, where the table is partitioned: the rows
    // that it routes to a partition with another order of columns are shown to triggers without them.
    const std::vector<pg::row_expression>& generated() const noexcept { return generated_; }
    const std::vector<int>& generated_attributes() const noexcept { return generated_attributes_; }

    // Whether compiling again would make the same, for this log.
    bool is_current(Relation log) const noexcept;
    bool is_stale() const noexcept { return is_stale_; }
    void forget_if_about(Oid relation) noexcept;

  private:
    void read_log(Relation log);
    std::string find_used(Relation table);
    void compile(Relation table);
    void compile_generated(Relation table);
    std::string try_compile(Relation table);
    std::string compare_types(Relation log) const;

    std::shared_ptr<const capture_terms> terms_;
    Oid table_;
    Oid log_;
    std::uint32_t made_in_; // the transaction: a fault is looked for again in the next one
    std::string fault_;
    std::vector<int> columns_; // of the log, dropped ones left out
    std::vector<pg::row_expression> expressions_;
    std::vector<int> plain_;
    std::vector<int> used_;
    std::vector<pg::row_expression> computed_; // used columns that are computed whenever they are read
    std::vector<pg::row_expression> generated_;
    std::vector<int> generated_attributes_;
    bool is_stale_ = false;
};

// The plan of the trigger that was called, and its log, open; of a log that is gone what the trigger was told, only.
struct capture {
    std::shared_ptr<const capture_terms> terms;
    std::shared_ptr<const capture_plan> plan;
    Relation log;
};
capture capture_for(const pg::statement_changes& call);

} // namespace etl::rollup
