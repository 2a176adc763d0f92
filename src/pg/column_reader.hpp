// The values of a column that may have any type, as the core wants them: whole numbers, numbers, texts.
#pragma once

#include "pg/function.hpp"

extern "C" {
#include <access/tupdesc.h>
}

namespace etl::pg {

bool is_integer(Oid base_type) noexcept;                 // smallint, integer, bigint
bool is_number(Oid base_type) noexcept;                  // of any kind that a double stands for
std::int64_t integer_of(Datum value, Oid type) noexcept; // of an integer type
double number_of(Datum value, Oid type);                 // of a number type; may raise

// One column of a row type. Trivial, so that it may be made and used where PostgreSQL raises.
struct column_reader {
    Oid type; // what a domain is made of; invalid where there is no column
    bool is_text;
    FmgrInfo output;

    // May raise, as the others do.
    static column_reader of(TupleDesc row, int column);

    std::int64_t integer(Datum value) const noexcept { return integer_of(value, type); }
    double number(Datum value) const { return number_of(value, type); }

    // The same, but infinity for a numeric beyond the doubles, and 0 for one that is nearer to it than any other.
    double nearest_number(Datum value) const;

    // The text form, which lives as long as the value or the current memory context.
    std::string_view text(Datum value)
    {
        return is_text ? varlena_text(value) : std::string_view{OutputFunctionCall(&output, value)};
    }
};

} // namespace etl::pg
