// How many values lie between given edges, as one flat state.
//
// n + 1 edges make n bins: a bin has its lower edge, and not its upper one, which is the next bin's; only the last bin
// has both (numpy.histogram counts in the same way). What lies outside is counted apart, and so are NaN and NULL.
//
// Layout, little-endian:
//
//   magic u32, version u32                       state_header
//   below u64, above u64, nans u64, nulls u64    outside of all bins
//   edges u64                                    how many
//   f64[edges]                                   ascending, none twice; infinities may be among them, NaN not
//   rows u64[edges - 1]                          of each bin
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace etl {

class histogram {
  public:
    static constexpr char type_name[] = "etl.histogram";
    static constexpr std::size_t most_edges = 100'001;

    // Takes the state in the buffer; an empty buffer becomes the state of no values. Throws invalid_parameter_value for
    // edges that are fewer than two, too many, not ascending or NaN, and for others than the state's.
    histogram(flat_buffer& buffer, std::span<const double> edges);

    void add(double value);
    void add_null();

    // Adds the counts of another state to a state, which is not empty. Throws invalid_parameter_value for other edges,
    // and program_limit_exceeded past 2^62 values.
    static void merge(flat_buffer& buffer, std::span<const std::byte> other);

    // Proves that bytes from outside are a state with every property named above, or throws.
    static void check(std::span<const std::byte> bytes);

    struct contents {
        std::uint64_t below;
        std::uint64_t above;
        std::uint64_t nans;
        std::uint64_t nulls;
        std::vector<double> edges;
        std::vector<std::uint64_t> rows;

        std::uint64_t count() const noexcept; // all but NULL
    };
    static contents read(std::span<const std::byte> state);

  private:
    flat_buffer& buffer_;
    std::size_t edges_;
};

} // namespace etl
