// What etl._rolling_plan makes of the arguments of etl.rolling and etl.create_rolling.
#pragma once

#include "feature/packed_values_pg.hpp"
#include "feature/rolling.hpp"

#include <span>

namespace etl::feature {

struct planned_call {
    rolling_function function;
    std::size_t slot;
    Oid source; // base type of what is aggregated
    Oid result;
};

struct planned_slot {
    slot_form form;
    packed_type type;
    Oid collation;
};

// Trivial: all of it lies in the memory of the SPI connection that it was made under.
struct rolling_plan {
    const char* scan;    // gives the chunks of etl._rolling_rows; $1 is the area
    const char* columns; // of the result: name type, …
    std::span<planned_slot> slots;
    std::span<planned_call> calls;
    std::span<std::int64_t> spans;
    std::span<packed_type> carried;

    std::size_t result_columns() const noexcept { return carried.size() + calls.size() * spans.size(); }
    Oid result_type(std::size_t column) const noexcept
    {
        return column < carried.size() ? carried[column].type : calls[(column - carried.size()) / spans.size()].result;
    }
};

// From the arguments from `first` on: target, keys, ts, windows, aggregates, columns. Needs an SPI connection. May
// raise.
rolling_plan make_rolling_plan(pg::arguments args, int first);

} // namespace etl::feature
