// Rows for a table, out of what a mapping finds in records: every value in its column's type, or the reason why the row
// is none.
#pragma once

#include "extract/column_input_pg.hpp"
#include "extract/mapping.hpp"
#include "pg/row_expression.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
#include <nodes/execnodes.h>
#include <utils/relcache.h>
}

namespace etl {

// Why a row is bad.
struct row_fault {
    std::string column; // empty where it is no single one
    std::string reason;
    std::string sqlstate;
};

// A message of an error with its detail, which may be empty: message (detail).
std::string in_one_line(std::string message, std::string_view detail);

// The columns of a table that a mapping may fill, by their names and in their order.
std::vector<std::string> mappable_columns(Relation table);

// Reads a mapping for a table; without a document each column takes the field of its name. Throws what
// mapping::parse() throws, and 428C9 for a rule of a column that is generated.
mapping mapping_for(Relation table, const std::optional<std::string_view>& document);

class row_input {
  public:
    // The mapping must outlive it, and so must the current memory context. The expressions of the mapping are read by
    // the search path of the moment. Throws and raises what is wrong with formats and expressions.
    row_input(Relation table, const mapping& rules);
    row_input(const row_input&) = delete;
    row_input& operator=(const row_input&) = delete;

    // Columns in the order of the mapping's rules: their numbers from 0 among the table's.
    std::span<const int> attributes() const noexcept { return attributes_; }

    // Makes a row of the values that a record_mapper has found, in the current memory context; what it made lives
    // until the next call. nullopt where it is good. `record` is the whole record as JSON, for expressions.
    std::optional<row_fault> read(std::span<const column_text> given, std::string_view record, pg::soft_batch& batch);

    std::span<Datum> values() noexcept { return values_; }
    bool* nulls() noexcept { return nulls_.get(); }

  private:
    // What one column needs beyond its input.
    struct column {
        std::string name;
        std::string type;
        std::string from; // for messages
        bool not_null;
        bool required;
        ExprState* table_default = nullptr;
        std::unique_ptr<pg::row_expression> computed;
        std::unique_ptr<pg::row_program> program; // of what is computed
    };

    void add_column(Relation table, const column_rule& rule);
    void make_shape(Relation table);
    void add_computed(const FormData_pg_attribute& of, const std::string& sql, column& into);
    std::optional<row_fault> read_column(std::size_t number, const column_text& given, pg::soft_batch& batch);
    std::optional<row_fault> read_record(std::string_view record, pg::soft_batch& batch);
    std::optional<row_fault> compute(std::size_t number, pg::soft_batch& batch);
    std::optional<row_fault> complete(std::size_t number, pg::soft_batch& batch);
    void see(std::size_t number);

    std::vector<column_input> inputs_;
    std::vector<column> columns_;
    std::vector<int> attributes_;
    std::vector<Datum> values_;
    std::unique_ptr<bool[]> nulls_;
    // What expressions see: the record, and then the columns.
    TupleDesc shape_ = nullptr;
    std::vector<Datum> seen_values_;
    std::unique_ptr<bool[]> seen_nulls_;
    bool reads_record_ = false;
    ExprContext* defaults_ = nullptr;
};

} // namespace etl
