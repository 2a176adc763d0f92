// Disjoint sets of numbered nodes: B. A. Galler and M. J. Fischer, "An improved equivalence algorithm" (1964), with
// union by size and path halving (R. E. Tarjan and J. van Leeuwen, "Worst-case analysis of set union algorithms",
// 1984), which make each step all but constant.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <numeric>
#include <utility>
#include <vector>

namespace etl {

class union_find {
  public:
    explicit union_find(std::pmr::memory_resource* memory) : parents_{memory}, sizes_{memory} {}

    std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(parents_.size()); }

    // Makes it `count` nodes or more. Each new one is a set of its own.
    void grow(std::uint32_t count)
    {
        const std::uint32_t before = this->count();
        if (count > before) {
            sizes_.resize(count, 1);
            parents_.resize(count);
            std::iota(parents_.begin() + before, parents_.end(), before);
        }
    }

    // The node that stands for the set of this one, until the set is united with another.
    std::uint32_t find(std::uint32_t node) noexcept
    {
        while (parents_[node] != node) {
            parents_[node] = parents_[parents_[node]];
            node = parents_[node];
        }
        return node;
    }

    // The node that stands for both sets from now on.
    std::uint32_t unite(std::uint32_t a, std::uint32_t b) noexcept
    {
        a = find(a);
        b = find(b);
        if (a == b) {
            return a;
        }
        if (sizes_[a] < sizes_[b]) {
            std::swap(a, b);
        }
        parents_[b] = a;
        sizes_[a] += sizes_[b];
        return a;
    }

    // How many nodes are in the set of this one.
    std::uint32_t size(std::uint32_t node) noexcept { return sizes_[find(node)]; }

    std::pmr::memory_resource* memory() const noexcept { return parents_.get_allocator().resource(); }

  private:
    std::pmr::vector<std::uint32_t> parents_;
    std::pmr::vector<std::uint32_t> sizes_; // of the nodes that stand for a set
};

} // namespace etl
