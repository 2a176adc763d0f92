// What the scan that sets rows aside for etl.top_n_per_key tells the process that selects among them.
#pragma once

#include "pg/postgres.hpp"

#include <cstddef>
#include <cstdint>

namespace etl {

// The types of a scan, as they go from the workers to the leader, before the chunks of rows. Only processes of one
// query read them.
struct scanned_types {
    Oid value;
    Oid order;
    Oid collation;
    std::uint32_t ascending;
    std::uint32_t keys; // so many types follow
};
static_assert(sizeof(scanned_types) == 20);

} // namespace etl
