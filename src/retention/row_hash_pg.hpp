// The hashes of rows that do not come through an aggregate: what a file holds.
#pragma once

#include "retention/row_image_pg.hpp"

namespace etl {

// Sums the hashes of rows of one type, as the aggregate etl.rows_hash does. Trivial: it may lie in a memory context and
// be forgotten. All of it may raise.
class row_hasher {
  public:
    // In the current memory context, which must outlive it.
    explicit row_hasher(TupleDesc row) : image_{make_row_image(row)}, total_{} {}

    // What is detoasted for it is left to the current memory context: a short-lived one.
    void add(const Datum* values, const bool* nulls)
    {
        writer_.start();
        write_columns(writer_, image_, values, nulls);
        total_.add(writer_.finish());
    }

    const rows_hash& total() const noexcept { return total_; }

  private:
    row_image image_;
    rows_hash total_;
    row_writer writer_;
};
static_assert(std::is_trivially_destructible_v<row_hasher>);

// A value of type etl.rows_hash in the current memory context, under any live object.
Datum rows_hash_datum(const rows_hash& of);

// Phase one.
rows_hash read_rows_hash(Datum value);

} // namespace etl
