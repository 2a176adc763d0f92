// Draws from items by their weights, all of them greater than 0.
//
// The alias method draws one in constant time (A. J. Walker 1977; the table is built as M. D. Vose does, "A linear
// algorithm for generating random numbers with a given distribution", 1991), but cannot leave items out. The weight
// tree can: the items are its leaves, a node holds the sum of those below it, and a draw walks down from the root. It
// takes the logarithm of their number for each draw and each change. A sum is made anew from the two below it, never
// by subtraction, so what is left keeps its weight to the last bit, however much was taken out.
#pragma once

#include "core/error.hpp"
#include "feature/negative_sample_random.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

class alias_table {
  public:
    alias_table(std::span<const double> weights, poll_fn poll, std::pmr::memory_resource* memory);

    std::uint32_t draw(random_numbers& random) const noexcept
    {
        const auto item = static_cast<std::uint32_t>(random.below(columns_.size()));
        return random.fraction() < columns_[item].own ? item : columns_[item].alias;
    }

  private:
    struct column {
        double own; // probability that the item of this column is drawn from it
        std::uint32_t alias;
    };

    std::pmr::vector<column> columns_;
};

class weight_tree {
  public:
    weight_tree(std::span<const double> weights, poll_fn poll, std::pmr::memory_resource* memory);

    // 0 takes an item out. As many weights as may be 0, as long as there is an item to draw.
    void set(std::uint32_t item, double weight) noexcept;
    std::uint32_t draw(random_numbers& random) const noexcept;

  private:
    std::size_t leaves_;               // a power of two
    std::pmr::vector<double> weights_; // of node 1, the root, of its two nodes 2 and 3, and so on
};

} // namespace etl::feature
