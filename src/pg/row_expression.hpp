// SQL expressions over the columns of one row: no table is read and no query is planned for them. The conditions of a
// suite and the generated columns of a row that is not stored yet are evaluated so.
//
// Compiling and running are apart. A row_expression is compiled once and may be kept for the life of the session: it
// notices when a function or type that it uses has changed. A row_program makes some of them ready to run for as long
// as a statement lasts.
#pragma once

#include "pg/boundary.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" {
#include <access/tupdesc.h>
#include <executor/tuptable.h>
#include <nodes/execnodes.h>
#include <utils/plancache.h>
#include <utils/relcache.h>
}

namespace etl::pg {

// The tree of a text that is one expression, before any name in it is looked up (42601 where it is not one). May raise.
Node* parse_single_expression(const char* sql, const char* hint = "Write a boolean expression over the columns of the "
                                                                  "row, as it would stand after WHERE.");

class row_expression {
  public:
    // A boolean expression as a user has written it, over the columns of `row`. Columns may be qualified by the name of
    // `relation` (where it is one) or of a table that it is a partition of. Names resolve by the search path of the
    // moment. What PostgreSQL refuses in a CHECK constraint is refused here in its words: subqueries, aggregates and
    // the like; `purpose` then stands in the error's context: condition "a > b" of <purpose>.
    static row_expression condition(const std::string& sql, TupleDesc row, Oid relation, const std::string& purpose);

    // What computes a generated column of a table, by its attribute's number from 0.
    static row_expression generated_column(Relation table, int attribute);

    // An expression of any type over the columns of a table's rows as they are stored: columns that are computed
    // whenever they are read are computed here too. Read and refused as a condition is, in the context
    // expression "a + b" of <purpose>; and refused, before anything of it runs, where it calls a function that is not
    // among those that it may, by their names as pg::used_objects() gives them.
    static row_expression value(const std::string& sql, Relation table, const std::string& purpose,
                                const std::vector<std::string>& functions);

    // An expression over the columns of `row` whose value a column takes, of this type and name, as in an INSERT. Read and
    // refused as a condition is, in the context expression "a + b" of <purpose>.
    struct column_of {
        const char* name;
        Oid type;
        std::int32_t modifier;
    };
    static row_expression computed(const std::string& sql, TupleDesc row, const column_of& column,
                                   const std::string& purpose);

    row_expression(row_expression&& other) noexcept;
    row_expression& operator=(row_expression&& other) = delete;
    ~row_expression();

    // Whether everything that it was compiled with is still the same.
    bool is_current() const noexcept { return planned_->is_valid; }

    // Whether it looks at an attribute, by its number from 0.
    bool reads(int attribute) const;

    // Whether it may have another value each time.
    bool is_volatile() const;

    // The attribute, by its number from 0, whose value it is as it stands in the row; -1 where it computes something.
    int plain_attribute() const noexcept;

    Oid type() const;

  private:
    friend class row_program;
    row_expression(CachedExpression* planned, std::string context) : planned_{planned}, context_{std::move(context)} {}

    CachedExpression* planned_;
    std::string context_; // the line of errors
};

// Expressions ready to run on rows of one shape. The expressions and the memory must outlive it.
class row_program {
  public:
    row_program(TupleDesc shape, MemoryContext memory);

    // Its value goes into the row's attribute, for the expressions that follow.
    void add_column(const row_expression& what, int attribute);

    // Its value is the result of the number that is returned.
    std::size_t add_result(const row_expression& what);

    bool is_empty() const noexcept { return columns_.empty() && results_.empty(); }

    // Runs all of them on a row of the shape. What they have made lives until the next row. May raise: only trivial
    // locals may be alive.
    void run(const Datum* values, const bool* nulls);

    // The results alone, on a row that lies in a slot. The caller locks the role. May raise.
    void run(TupleTableSlot* row);

    // The row with its computed columns, and the results.
    const Datum* values() const noexcept { return slot_->tts_values; }
    const bool* nulls() const noexcept { return slot_->tts_isnull; }
    NullableDatum result(std::size_t i) const noexcept { return results_[i].value; }

  private:
    struct step {
        ExprState* state;
        const char* context;
        int attribute;
        NullableDatum value;
    };
    step prepare(const row_expression& what, int attribute);
    void evaluate(step& what);

    MemoryContext memory_;
    TupleTableSlot* slot_;
    ExprContext* context_;
    std::vector<step> columns_;
    std::vector<step> results_;
};

} // namespace etl::pg
