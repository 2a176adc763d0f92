// Where new rows belong among clusters that are there already, and which of these clusters the new rows join together.
//
// A cluster is made of parts. A part never changes but by new rows that join it; a cluster is the parts that merges
// hold together, and its number is the smallest of theirs. So a merge can be taken back: without it the parts fall into
// two clusters again, and each row stays in the part where its own best pair has put it.
//
// The pairs are taken by falling probability, as in J. B. Kruskal's "On the shortest spanning subtree of a graph"
// (1956). A new row that has no part yet has that of the row with which its pair is; rows without any become a cluster
// together when no pair is left. A pair between two clusters merges them. A pair that would bring together what is to
// be kept apart is refused, for the sake of the better ones before it.
#pragma once

#include "core/error.hpp"
#include "dedupe/pairs.hpp"
#include "sketch/key_ids.hpp"
#include "sketch/node_names.hpp"
#include "sketch/union_find.hpp"

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace etl::dedupe {

// Where a row is. Parts and clusters are numbered from 1.
struct place {
    std::int64_t part = 0; // 0 where the row is new
    std::int64_t cluster = 0;
};

class resolution {
  public:
    explicit resolution(std::pmr::memory_resource* memory);

    struct row {
        std::string_view id;
        place at;
    };

    // A row that is new, whether it has pairs or not. Throws when there is another one of the same id.
    void add_row(std::string_view id);

    // A pair. One of two rows that are in clusters already tells nothing new.
    void add_pair(row a, row b, double probability);

    // Two that must not come into one cluster, each a cluster or, without one, a new row; a row that is neither is no
    // matter. Called after the last pair.
    void keep_apart(const row& a, const row& b);

    void resolve(poll_fn poll);

    // All rows by number, the members of clusters that were in pairs among them.
    std::uint32_t count() const noexcept { return ids_.count(); }
    std::string_view id(std::uint32_t row) const noexcept { return ids_.name(row); }
    bool is_new(std::uint32_t row) const noexcept { return is_new_[row] != 0; }

    // Of a new row after resolve(): its part, and the cluster of that part before any merge. Rows of a new cluster have
    // a negative part in common, -1 for the first such cluster, and no cluster.
    place place_of(std::uint32_t row) const noexcept { return places_[row]; }

    // A pair between two clusters: a is in the one with the smaller number, which stays the number of both.
    struct merge {
        std::uint32_t a;
        std::uint32_t b;
        double probability;
        std::int64_t kept;
        std::int64_t merged;
    };
    const std::pmr::vector<merge>& merges() const noexcept { return merges_; }
    const scored_pairs& refused() const noexcept { return refused_; }

  private:
    struct unit { // a cluster, or a row that has none yet; holds for the whole set where it stands for one
        std::int64_t cluster;
        std::uint32_t some_row; // of a set without a cluster
    };
    using rule_list = std::pmr::vector<std::uint32_t>;
    struct rule {
        std::uint32_t a;
        std::uint32_t b;
    };

    std::uint32_t number_of(const row& of);
    std::uint32_t new_unit(unit made);
    std::uint32_t unit_of_cluster(std::int64_t cluster);
    std::optional<std::uint32_t> find_unit(const row& of);
    bool are_apart(std::uint32_t a, std::uint32_t b);
    void follow(const scored_pair& pair);
    void join(std::uint32_t some_row, std::uint32_t model);
    void unite(std::uint32_t a, std::uint32_t b);
    void number_new_clusters();

    node_names ids_;
    std::pmr::vector<char> is_new_;    // by row
    std::pmr::vector<char> is_listed_; // by row: add_row() was called
    std::pmr::vector<place> places_;   // by row
    std::pmr::vector<std::uint32_t> units_of_rows_;
    std::pmr::vector<std::uint32_t> next_; // by row: a ring of the rows of a set without a cluster
    integer_ids clusters_;
    std::pmr::vector<std::uint32_t> units_of_clusters_;
    std::pmr::vector<unit> units_;
    union_find sets_; // of units
    std::pmr::vector<rule> rules_;
    std::pmr::unordered_map<std::uint32_t, rule_list> rules_of_; // by the unit that stands for the set
    scored_pairs pairs_;
    scored_pairs refused_;
    std::pmr::vector<merge> merges_;
    poll_fn poll_ = never_poll;
};

} // namespace etl::dedupe
