// The unrestricted Damerau-Levenshtein distance in linear space: C. Zhao, S. Sahni, "String correction using the
// Damerau-Levenshtein distance", 2019. They show that a swap with edits in between is only worth considering where
// they stand on one side of it: where the last match in this row is in the column before, or the column's last match
// is in the row before. So three rows are enough where Lowrance and Wagner keep the matrix.
#include "dedupe/edit_distance_frame.hpp"

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

// Column 0 is before the first symbol, and stands at [1]: [0] is where a swap of the first two symbols would look.
template <class Symbol>
class swap_rows {
  public:
    explicit swap_rows(const symbol_pair<Symbol>& pair)
        : pair_{pair}, never_{static_cast<std::uint32_t>(pair.b.size() + pair.a.size())}, last_row_{pair, 0},
          rows_{3 * (pair.b.size() + 2)}, before_{rows_.data()}, current_{before_ + pair.b.size() + 2},
          at_match_{current_ + pair.b.size() + 2}
    {
        std::fill(rows_.all().begin(), rows_.all().end(), never_);
        for (std::size_t column = 0; column <= pair.b.size(); ++column) {
            current_[column + 1] = static_cast<std::uint32_t>(column);
        }
    }

    std::uint32_t distance(std::uint32_t at_most, poll_fn poll)
    {
        std::size_t cells = 0;
        for (std::uint32_t row = 1; row <= pair_.a.size(); ++row) {
            cells += pair_.b.size();
            if (cells >= cells_between_polls) {
                cells = 0;
                poll();
            }
            std::swap(before_, current_);
            if (walk(row) > at_most) {
                return at_most + 1;
            }
        }
        return std::min(current_[pair_.b.size() + 1], at_most + 1);
    }

  private:
    static constexpr std::size_t cells_between_polls = 1U << 18U;

    // Fills one row and returns its least distance: no way ends below that of any row.
    std::uint32_t walk(std::uint32_t row)
    {
        const Symbol symbol = pair_.a[row - 1];
        std::uint32_t match = 0;              // the last column whose symbol is this row's; 0: none so far
        std::uint32_t left_of_match = never_; // the cell two rows up and left of that match's column
        std::uint32_t two_up = current_[1];   // current_ still holds the row before the last
        std::uint32_t least = row;
        current_[1] = row;
        for (std::uint32_t column = 1; column <= pair_.b.size(); ++column) {
            const Symbol other = pair_.b[column - 1];
            std::uint32_t best = std::min(current_[column], before_[column + 1]) + 1;
            if (symbol == other) {
                best = std::min(best, before_[column]);
                match = column;
                at_match_[column + 1] = before_[column - 1];
                left_of_match = two_up;
            } else {
                best = std::min(best, before_[column] + 1);
                const std::uint32_t other_row = last_row_[other];
                if (match != 0 && other_row != 0) {
                    if (column - match == 1) {
                        best = std::min(best, at_match_[column + 1] + (row - other_row));
                    } else if (row - other_row == 1) {
                        best = std::min(best, left_of_match + (column - match));
                    }
                }
            }
            two_up = current_[column + 1];
            current_[column + 1] = best;
            least = std::min(least, best);
        }
        last_row_[symbol] = row;
        return least;
    }

    symbol_pair<Symbol> pair_;
    std::uint32_t never_;
    symbol_table<Symbol, std::uint32_t> last_row_;
    scratch<std::uint32_t, 256> rows_;
    std::uint32_t* before_;
    std::uint32_t* current_;
    std::uint32_t* at_match_;
};

} // namespace

std::uint32_t damerau_levenshtein(std::string_view a, std::string_view b, std::uint32_t at_most, poll_fn poll)
{
    return framed_distance(a, b, at_most, [poll](const auto& pair, std::uint32_t limit) {
        using symbol = typename std::remove_cvref_t<decltype(pair.a)>::value_type;
        return swap_rows<symbol>{pair}.distance(limit, poll);
    });
}

} // namespace etl::dedupe
