// What all edit distances share: limits, the common beginning and end that cost nothing, and the similarity that
// follows from a distance.
#pragma once

#include "dedupe/code_points.hpp"
#include "dedupe/edit_distance.hpp"

#include <algorithm>
#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Takes the common beginning and the common end off both texts and returns how many symbols that were.
template <class Symbol>
std::size_t trim_common(symbol_pair<Symbol>& pair) noexcept
{
    const std::size_t before = pair.a.size();
    const auto start = std::mismatch(pair.a.begin(), pair.a.end(), pair.b.begin(), pair.b.end()).first - pair.a.begin();
    pair.a = pair.a.subspan(static_cast<std::size_t>(start));
    pair.b = pair.b.subspan(static_cast<std::size_t>(start));
    const auto end =
        std::mismatch(pair.a.rbegin(), pair.a.rend(), pair.b.rbegin(), pair.b.rend()).first - pair.a.rbegin();
    pair.a = pair.a.first(pair.a.size() - static_cast<std::size_t>(end));
    pair.b = pair.b.first(pair.b.size() - static_cast<std::size_t>(end));
    return before - pair.a.size();
}

// Calls distance(pair, at_most) with what has to be compared: no common ends, neither text empty, a not longer than b,
// and at_most not above the longest distance there is.
template <class Distance>
std::uint32_t framed_distance(std::string_view a, std::string_view b, std::uint32_t at_most, Distance distance)
{
    require_length(a);
    require_length(b);
    return with_symbols(a, b, [&](auto pair) -> std::uint32_t {
        if (pair.a.size() > pair.b.size()) {
            std::swap(pair.a, pair.b);
        }
        if (pair.b.size() - pair.a.size() > at_most) {
            return at_most + 1;
        }
        trim_common(pair);
        const auto longest = static_cast<std::uint32_t>(pair.b.size());
        if (pair.a.empty()) {
            return longest;
        }
        return distance(pair, std::min(at_most, longest));
    });
}

// 1 - distance / longer length. The cutoff becomes the distance that just keeps it.
template <class Distance>
double similarity_of(Distance distance, std::string_view a, std::string_view b, double cutoff, poll_fn poll)
{
    require_length(a);
    require_length(b);
    const auto longer = static_cast<double>(std::max(code_point_count(a), code_point_count(b)));
    if (longer == 0) {
        return 1;
    }
    const auto at_most = static_cast<std::uint32_t>(std::ceil((1 - cutoff) * longer));
    const double similarity = std::max(0.0, 1 - distance(a, b, at_most, poll) / longer);
    return similarity < cutoff ? 0 : similarity;
}

} // namespace etl::dedupe
