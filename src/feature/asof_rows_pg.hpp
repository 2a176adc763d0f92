// Rows of a point-in-time join as PostgreSQL has them: composite values, whose bytes the core carries.
#pragma once

#include "feature/asof_best.hpp"
#include "pg/function.hpp"

#include <cstdint>
#include <span>

extern "C" {
#include <access/htup_details.h>
#include <access/tupdesc.h>
}

namespace etl::feature {

// What one process may use for a join, in bytes.
std::size_t asof_budget();

// The bytes of a composite value. May raise.
std::span<const std::byte> composite_bytes(Datum value);

// The columns of a row whose bytes these are. Raises nothing.
void read_columns(std::span<const std::byte> row, TupleDesc columns, Datum* values, bool* nulls);

// Moments and whole numbers as numbers of the same order, the ends of time at the ends of the numbers; and back.
bool is_moment(Oid type) noexcept;
std::int64_t read_moment(Oid type, Datum value) noexcept;
Datum moment_datum(Oid type, std::int64_t value) noexcept;

// Of two rows the one whose first different column is greater in the order of its type; NULL is less than any value.
// Where a type has no order, that of the values' bytes. These also tell rows apart that are equal in all columns and
// yet look different, as 1.0 and 1.00 do.
class column_ranking final : public row_ranking {
  public:
    // What it learns of the types lies in `memory`.
    explicit column_ranking(MemoryContext memory) noexcept : memory_{memory} {}

    int compare(std::span<const std::byte> a, std::span<const std::byte> b) override;

  private:
    int compare_rows(std::span<const std::byte> a, std::span<const std::byte> b);
    void learn(std::span<const std::byte> row);
    int compare_values(int column, Datum a, Datum b) const;

    MemoryContext memory_;
    MemoryContext work_ = nullptr; // what a comparison leaves
    TupleDesc columns_ = nullptr;
    std::int32_t modifier_ = -1;
    FmgrInfo* orders_ = nullptr;
    Datum* values_ = nullptr; // of both rows
    bool* nulls_ = nullptr;
};

} // namespace etl::feature
