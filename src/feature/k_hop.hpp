// How many nodes lie within so many steps of a node.
//
// Breadth-first searches from 64 nodes run together, a bit for each in one word a node, so that an edge which several
// of them go along is looked at once (M. Then et al., "The more the merrier: efficient multi-source graph traversal",
// PVLDB 8(4), 2014).
#pragma once

#include "feature/csr.hpp"

namespace etl::feature {

class k_hop {
  public:
    static constexpr std::size_t most_starts = 64;

    explicit k_hop(const csr& graph);

    // For each start the number of other nodes at the end of a path of 1 to `hops` edges.
    void count(std::span<const std::uint32_t> starts, std::int32_t hops, std::span<std::uint64_t> counts,
               edge_poller& stop);

  private:
    // Which searches have been at a node, which go on from it now, and which come to it: side by side, for they are
    // needed together.
    struct mark {
        std::uint64_t seen = 0;
        std::uint64_t here = 0;
        std::uint64_t next = 0;
    };
    using nodes = std::pmr::vector<std::uint32_t>;

    void begin(std::span<const std::uint32_t> starts, edge_poller& stop);
    void go_along(std::uint32_t node, edge_poller& stop);
    void arrive(edge_poller& stop);

    // How often each bit has come: number 64 as the bits of 64 sums, so that adding a word takes few steps.
    class bit_sums {
      public:
        void add(std::uint64_t word) noexcept
        {
            for (std::size_t i = 0; word != 0; ++i) {
                const auto carry = digits_[i] & word;
                digits_[i] ^= word;
                word = carry;
            }
        }
        std::uint64_t of(unsigned bit) const noexcept
        {
            std::uint64_t sum = 0;
            for (std::size_t i = 0; i < digits_.size(); ++i) {
                sum |= (digits_[i] >> bit & 1) << i;
            }
            return sum;
        }

      private:
        std::array<std::uint64_t, 33> digits_ = {}; // a node is reached once, and there are fewer than 2^32
    };

    const csr& graph_;
    std::pmr::vector<mark> marks_; // by node
    nodes frontier_;               // where searches are
    nodes reached_;                // where they come to
    nodes visited_;                // where they have been
    bit_sums sums_;
};

} // namespace etl::feature
