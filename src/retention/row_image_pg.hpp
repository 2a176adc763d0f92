// How the values of a row are written for its hash (row_hash.hpp): as what lies in the table, byte by byte, where that
// is the same for the same value. So 1.0 and 1.00 are two values, and 0.0 and -0.0; interval '1 month' and '30 days'. It
// does not matter how a value is stored (compressed, out of line, with a short header, as an object in memory).
//
// Where the bytes tell something else besides, the value is written by what it is made of, so that its hash is the same
// after it has been written to a file, dumped and restored:
//
//   real, double precision    one NaN (there are many, and nothing in SQL tells them apart)
//   enum                      its label: the bytes are a number of this database
//   arrays                    dimensions, lower bounds, elements; a bitmap of NULLs that has none does not count
//   composites and records    as rows: each column by its name, without those that are NULL
//   ranges, multiranges       their bounds
//   domains                   as what they are made of
//
// What the database numbers and names nowhere within the value (regclass and its kin) is written as the number.
#pragma once

#include "pg/function.hpp"
#include "retention/row_hash.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/tupdesc.h>
}

namespace etl {

// How values of one type are written. Trivial: it lives in the memory context in which it was made, to which it adds
// what it learns of the types inside.
struct value_image;

// May raise.
value_image* make_value_image(Oid type);

// Writes a value that is not NULL. May raise, and leaves to the current memory context what it has detoasted.
void write_image(row_writer& to, value_image& of, Datum value);

// How rows are written: their columns in the order of their names. Trivial, and all of it may raise.
struct row_image {
    struct column {
        std::uint64_t mark;
        value_image* image;
        int place; // among the values
    };
    int count;
    column* columns;
};

// Of columns with these names; in the current memory context, as are the names.
row_image make_row_image(const std::string_view* names, const Oid* types, int count);

// Of a row type, without the columns that were dropped. `names` instead of its own, where given.
row_image make_row_image(TupleDesc row, const std::string_view* names = nullptr);

// The columns of a record; one that was added to its type later is NULL.
void deform_record(HeapTupleHeader record, TupleDesc row, Datum* values, bool* nulls);

inline void write_columns(row_writer& to, const row_image& of, const Datum* values, const bool* nulls)
{
    for (const row_image::column* at = of.columns; at != of.columns + of.count; ++at) {
        if (!nulls[at->place]) {
            to.column(at->mark);
            write_image(to, *at->image, values[at->place]);
        }
    }
}

} // namespace etl
