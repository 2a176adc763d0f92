// The rows that a function of a graph returns: a node's name first, then what is known of it.
#pragma once

#include "feature/graph_nodes.hpp"
#include "pg/result_set.hpp"
#include "pg/text_maker.hpp"

namespace etl::feature {

class node_rows {
  public:
    static constexpr std::size_t most_columns = 6;

    explicit node_rows(pg::result_set& to) : to_{to}, memory_{}, name_{&memory_} {}

    // A row for each node, in the order of their numbers. fill(node, values, nulls) sets the columns after the first.
    template <class Fill>
    void put_all(const graph_nodes& nodes, Fill&& fill)
    {
        poller stop{pg::poll};
        for (std::uint32_t node = 0; node < nodes.count(); ++node) {
            put(nodes.name(node, space_), [&](auto values, auto nulls) { fill(node, values, nulls); });
            stop.tick();
        }
    }

    template <class Fill>
    void put(std::string_view name, Fill&& fill)
    {
        Datum values[most_columns] = {name_.make(name)};
        bool nulls[most_columns] = {};
        fill(std::span<Datum>{values}, std::span<bool>{nulls});
        to_.put(values, nulls);
    }

  private:
    pg::result_set& to_;
    pg::context_resource memory_;
    pg::text_maker name_;
    graph_nodes::name_space space_;
};

} // namespace etl::feature
