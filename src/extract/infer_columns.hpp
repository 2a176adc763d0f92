// Columns for records of which only samples are known.
//
// A field becomes a column of the narrowest type that holds every sample exactly: bigint or numeric of numbers, boolean,
// uuid, date, timestamp or timestamptz of strings that are all of one such form, otherwise text; jsonb of arrays and
// objects. A number in a string is text: it may be an id with zeros in front. The fields of an object become columns
// of their own, one level down, unless it has very many.
#pragma once

#include "core/error.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

struct inferred_column {
    std::string name;
    std::string_view type; // as SQL has it
    std::string path;      // as a rule of a mapping has it; alternatives where two spellings of a name share the column
    bool nullable = false; // missing or null in a sample
    std::vector<std::string> examples;
};

struct inferred_columns {
    std::vector<inferred_column> columns;
    std::vector<std::string> remarks; // what a reader should look at
};

// More fields than these are no table.
inline constexpr std::size_t most_inferred_columns = 1600; // as PostgreSQL has it

// Throws 22023 where there is no sample, or one is no object, 54011 where the samples have fields for more columns than
// a table can have, and what record_reader::read() throws.
inferred_columns infer_columns(std::span<const std::string_view> records, poll_fn poll);

// A key or keys as a name that needs no quotes, but where it is a word of SQL: eventId is event_id.
std::string sql_name(std::span<const std::string> keys);

} // namespace etl
