// Lineage as rows: which columns of which relations a statement, or a view, reads and writes.
#pragma once

#include "pg/result_set.hpp"
#include "pipeline/statement_pg.hpp"

#include <string>

namespace etl::pipeline {

// What a row of etl._statement_lineage is about.
enum class item { statement, write, edge, read, call, opaque, error };

class lineage_rows {
  public:
    explicit lineage_rows(pg::arguments args) : rows_{args} {}

    // All of an analysed statement.
    void put(int number, const statement& found);
    // What could not be analysed, and why.
    void put_error(int number, const std::string& message);
    Datum finish() const noexcept { return rows_.finish(); }

  private:
    // The relation that is written, by its number or, where it does not exist yet, by its name.
    struct target {
        Oid relation;
        const char* name;
    };

    void put_query(const Query* query, const statement& found);
    void put_writes(const Query* query, const Query* around, const List* calls);
    void put_targets(const Query* query, const Query* around, const List* targets, const target& to, const List* calls);
    void put_base(Oid view, bool values);
    void put_reads(const Query* query, const List* calls);
    void put_filled(const target& to, const Query* query, const List* column_names, const List* calls);
    void put_utility(const Query* command, const List* calls);
    void put_copy(const Query* command, const List* calls);
    void put_removed(const List* relations, bool names);
    void put_call(const FuncExpr* call);
    void put_opaque(const char* what);

    void put_write(const target& to);
    void put_sources(item what, const target& to, const char* column, const List* sources);
    void put_row_sources(const target& to, const List* sources, Oid changed);

    pg::result_set rows_;
    int number_ = 0;
    const char* command_ = nullptr;
};

// A view's or materialized view's columns, as rows of etl._view_lineage.
void put_view(pg::result_set& rows, Oid view);

} // namespace etl::pipeline
