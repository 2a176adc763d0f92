// The rows of a log, made of the rows of its source.
#pragma once

#include "pg/row_expression.hpp"
#include "rollup/capture_plan_pg.hpp"
#include "rollup/key_range_pg.hpp"

#include <optional>

namespace etl::rollup {

class log_row_maker {
  public:
    // Rows that are new may come without the generated columns of a partitioned table, which are computed then.
    log_row_maker(const capture_plan& plan, TupleDesc table, TupleDesc log, bool is_insert);

    Datum* values() const noexcept { return values_; }
    bool* nulls() const noexcept { return nulls_; }

    // What they make lives until the next row. May raise.
    void make(char op, TupleTableSlot* of);
    void make_everything(bool is_erased) noexcept { clear(is_erased ? 'A' : 'a'); }
    void make_range(const key_range& of, bool is_erased) noexcept;

  private:
    void generate(TupleTableSlot* of);
    void clear(char op) noexcept;
    void set(int attribute, Datum value, bool is_null = false) noexcept
    {
        values_[attribute] = value;
        nulls_[attribute] = is_null;
    }

    const capture_plan& plan_;
    int width_;
    int read_ = 0; // of the table's attributes, so many are read as they are
    Datum* values_;
    bool* nulls_;
    std::optional<pg::row_program> program_;
    std::optional<pg::row_program> generation_;
};

} // namespace etl::rollup
