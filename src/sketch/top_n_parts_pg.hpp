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
    std::uint32_t keys; // so many types follow, and zeros up to a multiple of eight bytes
    std::uint32_t zero;
};
static_assert(sizeof(scanned_types) == 24);

// A row's keys: of each its size in a word, then its bytes.
constexpr std::uint64_t null_key = ~std::uint64_t{0};

} // namespace etl
