// Levenshtein, optimal string alignment and the longest common subsequence by strips of bits.
#include "dedupe/edit_distance.hpp"

#include "dedupe/bit_strips.hpp"
#include "dedupe/edit_distance_frame.hpp"

#include <bit>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

std::uint32_t moved(std::uint32_t distance, std::uint8_t edge) noexcept
{
    return distance + (edge & strip_edge::grows) - ((edge & strip_edge::falls) >> 1U);
}

// Up to 64 rows: nothing is handed down. Each column left can lower the distance by one at most.
template <bool Swaps, class Symbol>
std::uint32_t one_strip(const symbol_pair<Symbol>& pair, std::uint32_t at_most)
{
    strip_matches<Symbol> matches{pair};
    matches.load(pair.a);
    strip_column<Swaps> column{pair.a.size()};
    auto distance = static_cast<std::uint32_t>(pair.a.size());
    auto left = static_cast<std::uint32_t>(pair.b.size());
    for (const Symbol s : pair.b) {
        distance = moved(distance, column.step(matches[s], strip_edge::grows));
        --left;
        if (distance > at_most && distance - at_most > left) {
            return at_most + 1;
        }
    }
    return distance;
}

// Any number of strips. Cells further than at_most from the diagonal cannot lie on a way of at most at_most edits
// (E. Ukkonen, "Algorithms for approximate string matching", 1985): each strip starts and ends there, and what it does
// not see it takes for its greatest possible value. The two columns more are those that a swap reaches back.
template <bool Swaps, class Symbol>
class strip_walk {
  public:
    strip_walk(const symbol_pair<Symbol>& pair, std::uint32_t at_most)
        : pair_{pair}, at_most_{at_most}, band_{std::size_t{at_most} + 2}, matches_{pair}, edges_{pair.b.size()}
    {
        std::fill(edges_.all().begin(), edges_.all().end(), strip_edge::grows);
    }

    std::uint32_t distance(poll_fn poll)
    {
        for (std::size_t row = 0; row < pair_.a.size(); row += strip_rows) {
            poll();
            walk(row, std::min(strip_rows, pair_.a.size() - row));
            if (least_ > at_most_) {
                return at_most_ + 1;
            }
        }
        return std::min(last_, at_most_ + 1);
    }

  private:
    std::size_t first_column(std::size_t row) const noexcept { return row > band_ ? row - band_ : 0; }

    // The least distance that a way through this cell can end with: it must still get to the last cell's diagonal.
    std::uint32_t bound(std::size_t row, std::size_t column, std::uint32_t distance) const noexcept
    {
        const std::size_t rows = pair_.a.size() - row;
        const std::size_t columns = pair_.b.size() - column;
        return distance + static_cast<std::uint32_t>(std::max(rows, columns) - std::min(rows, columns));
    }

    void walk(std::size_t row, std::size_t rows)
    {
        matches_.load(pair_.a.subspan(row, rows));
        strip_column<Swaps> column{rows};
        const std::size_t below = row + rows;
        const std::size_t end = std::min(pair_.b.size(), below + band_);
        const std::size_t next = first_column(below);
        std::size_t at = first_column(row);
        auto distance = corner_ + static_cast<std::uint32_t>(rows);
        corner_ = distance;
        least_ = bound(below, at, distance);
        while (at < end) {
            edges_[at] = column.step(matches_[pair_.b[at]], edges_[at]);
            distance = moved(distance, edges_[at]);
            ++at;
            least_ = std::min(least_, bound(below, at, distance));
            if (at == next) {
                corner_ = distance;
            }
        }
        last_ = distance;
    }

    symbol_pair<Symbol> pair_;
    std::uint32_t at_most_;
    std::size_t band_;
    strip_matches<Symbol> matches_;
    scratch<std::uint8_t, 256> edges_;
    std::uint32_t corner_ = 0; // the distance where the next strip starts, in the row above it
    std::uint32_t least_ = 0;
    std::uint32_t last_ = 0;
};

template <bool Swaps>
std::uint32_t distance_by_strips(std::string_view a, std::string_view b, std::uint32_t at_most, poll_fn poll)
{
    return framed_distance(a, b, at_most, [poll](const auto& pair, std::uint32_t limit) {
        using symbol = typename std::remove_cvref_t<decltype(pair.a)>::value_type;
        return pair.a.size() <= strip_rows ? one_strip<Swaps, symbol>(pair, limit)
                                           : strip_walk<Swaps, symbol>{pair, limit}.distance(poll);
    });
}

// The zeros of a column mark the rows where the subsequence grows: H. Hyyrö, "Bit-parallel LCS-length computation
// revisited", 2004. A strip hands the carry of its addition down.
template <class Symbol>
std::uint32_t subsequence_length(const symbol_pair<Symbol>& pair, poll_fn poll)
{
    strip_matches<Symbol> matches{pair};
    scratch<std::uint8_t, 256> carries{pair.b.size()};
    std::fill(carries.all().begin(), carries.all().end(), std::uint8_t{0});
    std::uint32_t length = 0;
    for (std::size_t row = 0; row < pair.a.size(); row += strip_rows) {
        poll();
        const auto strip = pair.a.subspan(row, std::min(strip_rows, pair.a.size() - row));
        matches.load(strip);
        std::uint64_t column = ~std::uint64_t{0};
        for (std::size_t at = 0; at < pair.b.size(); ++at) {
            const std::uint64_t matching = column & matches[pair.b[at]];
            std::uint64_t sum = 0;
            const bool carry = __builtin_add_overflow(column, matching, &sum);
            const bool more = __builtin_add_overflow(sum, std::uint64_t{carries[at]}, &sum);
            carries[at] = static_cast<std::uint8_t>(carry || more);
            column = sum | (column - matching);
        }
        length += static_cast<std::uint32_t>(std::popcount(~column));
    }
    return length;
}

} // namespace

std::uint32_t levenshtein(std::string_view a, std::string_view b, std::uint32_t at_most, poll_fn poll)
{
    return distance_by_strips<false>(a, b, at_most, poll);
}

std::uint32_t osa_distance(std::string_view a, std::string_view b, std::uint32_t at_most, poll_fn poll)
{
    return distance_by_strips<true>(a, b, at_most, poll);
}

std::uint32_t longest_common_subsequence(std::string_view a, std::string_view b, poll_fn poll)
{
    require_length(a);
    require_length(b);
    return with_symbols(a, b, [poll](auto pair) {
        const auto shared = static_cast<std::uint32_t>(trim_common(pair));
        return shared + (pair.a.size() <= pair.b.size() ? subsequence_length(pair, poll)
                                                        : subsequence_length(pair.swapped(), poll));
    });
}

double levenshtein_similarity(std::string_view a, std::string_view b, double cutoff, poll_fn poll)
{
    return similarity_of(levenshtein, a, b, cutoff, poll);
}

double osa_similarity(std::string_view a, std::string_view b, double cutoff, poll_fn poll)
{
    return similarity_of(osa_distance, a, b, cutoff, poll);
}

double damerau_levenshtein_similarity(std::string_view a, std::string_view b, double cutoff, poll_fn poll)
{
    return similarity_of(damerau_levenshtein, a, b, cutoff, poll);
}

double longest_common_subsequence_similarity(std::string_view a, std::string_view b, double cutoff, poll_fn poll)
{
    require_length(a);
    require_length(b);
    const auto size_a = static_cast<double>(code_point_count(a));
    const auto size_b = static_cast<double>(code_point_count(b));
    if (size_a + size_b == 0) {
        return 1;
    }
    const auto share = [sum = size_a + size_b](double length) { return 2 * length / sum; };
    if (share(std::min(size_a, size_b)) < cutoff) {
        return 0;
    }
    const double similarity = share(longest_common_subsequence(a, b, poll));
    return similarity < cutoff ? 0 : similarity;
}

} // namespace etl::dedupe
