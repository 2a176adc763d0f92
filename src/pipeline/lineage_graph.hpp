// The way of data through columns of relations, as edges: what is upstream or downstream of one of them.
#pragma once

#include "core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::pipeline {

// A column of a relation; column 0 stands for its rows.
struct lineage_node {
    std::uint32_t relation;
    std::int32_t column;
    friend bool operator==(const lineage_node&, const lineage_node&) = default;
};

struct lineage_edge {
    lineage_node from;
    lineage_node to;
    bool direct; // a value comes through
};

struct lineage_search {
    lineage_node start;
    bool downstream;   // or upstream
    bool whole;        // relations only, whatever the columns
    std::int32_t most; // edges from the start
};

// An edge on a way from the start, with how far it is by the shortest one (1: it touches the start).
struct lineage_found {
    std::size_t edge;
    std::int32_t depth;
    bool value; // there is a way on which every edge is direct, this one too
};

// Each edge that is on a way once, the near ones first. Upstream of a column is also what decides the rows of its
// relation; downstream of a relation's rows is what comes of any of its columns. Ends in circles.
std::pmr::vector<lineage_found> find_lineage(std::span<const lineage_edge> edges, const lineage_search& search,
                                             std::pmr::memory_resource* memory, poll_fn poll);

} // namespace etl::pipeline
