// The matrix of an edit distance, 64 rows at a time, one machine word for a column of them: G. Myers, "A fast
// bit-vector algorithm for approximate string matching based on dynamic programming", 1999, in the form of H. Hyyrö,
// "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003.
//
// The rows are the shorter text's symbols, the columns the longer one's. A strip of 64 rows runs over all columns
// before the next begins: what it hands down is three bits a column, so the memory is that of one text.
#pragma once

#include "dedupe/code_points.hpp"

#include <cstdint>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

inline constexpr std::size_t strip_rows = 64;

// What the last row of a strip says about one column to the strip below: whether the distance grows or falls from the
// column before it, and whether the row's symbol may be swapped with the one below.
struct strip_edge {
    static constexpr std::uint8_t grows = 1;
    static constexpr std::uint8_t falls = 2;
    static constexpr std::uint8_t swaps = 4;
};

// One column of a strip after the other. Bit i of a word is row i.
template <bool Swaps>
class strip_column {
  public:
    explicit strip_column(std::size_t rows) noexcept : last_{static_cast<unsigned>(rows - 1)} {}

    // matches: the rows whose symbol is the column's. Takes the edge above and returns the edge below.
    std::uint8_t step(std::uint64_t matches, std::uint8_t above) noexcept
    {
        const std::uint64_t falls_above = (above & strip_edge::falls) >> 1U;
        const std::uint64_t grows_above = above & strip_edge::grows;
        const std::uint64_t equal = matches | falls_above;
        std::uint64_t same = (((equal & up_) + up_) ^ up_) | equal | down_; // as great as the cell left above
        std::uint8_t below = 0;
        if constexpr (Swaps) {
            const std::uint64_t could = ~same_before_ & matches;
            same |= (could << 1U | (above & strip_edge::swaps) >> 2U) & matches_before_;
            below = static_cast<std::uint8_t>((could >> last_ & 1U) << 2U);
            same_before_ = same;
            matches_before_ = matches;
        }
        std::uint64_t grows = down_ | ~(same | up_);
        std::uint64_t falls = same & up_;
        below |= static_cast<std::uint8_t>((grows >> last_ & 1U) | (falls >> last_ & 1U) << 1U);
        grows = grows << 1U | grows_above;
        falls = falls << 1U | falls_above;
        up_ = falls | ~(same | grows);
        down_ = grows & same;
        return below;
    }

  private:
    unsigned last_;
    std::uint64_t up_ = ~std::uint64_t{0}; // one more than the cell above
    std::uint64_t down_ = 0;               // one less
    std::uint64_t same_before_ = ~std::uint64_t{0};
    std::uint64_t matches_before_ = 0;
};

// For each symbol of a pair the rows of one strip where it stands.
template <class Symbol>
class strip_matches {
  public:
    explicit strip_matches(const symbol_pair<Symbol>& pair) : rows_{pair, 0} {}

    void load(std::span<const Symbol> strip) noexcept
    {
        for (const Symbol s : loaded_) {
            rows_[s] = 0;
        }
        loaded_ = strip;
        std::uint64_t row = 1;
        for (const Symbol s : strip) {
            rows_[s] |= row;
            row <<= 1U;
        }
    }
    std::uint64_t operator[](Symbol s) const noexcept { return rows_[s]; }

  private:
    symbol_table<Symbol, std::uint64_t> rows_;
    std::span<const Symbol> loaded_;
};

} // namespace etl::dedupe
