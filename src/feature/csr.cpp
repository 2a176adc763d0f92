#include "feature/csr.hpp"

#include <algorithm>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

// Calls with the head and the tail of each entry that the edge makes: the head is the node whose list it stands in.
template <class Each>
void each_entry(const edge& of, neighbours wanted, Each&& each)
{
    if (wanted != neighbours::targets) {
        each(of.to, of.from);
    }
    if (wanted != neighbours::sources) {
        each(of.from, of.to);
    }
}

// What begins where, when there are so many of each; the last count is 0 and becomes the sum.
void counts_to_begins(std::pmr::vector<std::uint64_t>& counts)
{
    std::uint64_t sum = 0;
    for (auto& count : counts) {
        sum += std::exchange(count, sum);
    }
}

} // namespace

// Two counting sorts, by the tail and then by the head, leave each list ascending.
csr::csr(edge_list&& edges, std::uint32_t nodes, neighbours of, edge_poller& stop)
    : weighted_{edges.is_weighted()},
      begins_(nodes + std::size_t{1}, edges.memory()), ends_{edges.memory()}, weights_{edges.memory()}
{
    offsets next(begins_.size(), memory());
    for (const auto& piece : edges.pieces()) {
        for (const auto& edge : piece.edges) {
            each_entry(edge, of, [&](std::uint32_t head, std::uint32_t tail) {
                ++begins_[head];
                ++next[tail];
            });
        }
        stop.done(piece.edges.size());
    }
    counts_to_begins(begins_);
    counts_to_begins(next);
    const auto by_tail = sort_by_tail(std::move(edges), of, next, stop);
    deal(by_tail, next, stop);
}

// Moves what `next` points at from the begins of the tails' lists to their ends.
csr::sorted csr::sort_by_tail(edge_list&& edges, neighbours of, offsets& next, edge_poller& stop)
{
    sorted made{numbers(begins_.back(), memory()), doubles(weighted_ ? begins_.back() : 0, memory())};
    for (auto& piece : edges.pieces()) {
        for (std::size_t i = 0; i < piece.edges.size(); ++i) {
            each_entry(piece.edges[i], of, [&](std::uint32_t head, std::uint32_t tail) {
                const auto at = next[tail]++;
                made.heads[at] = head;
                if (weighted_) {
                    made.weights[at] = piece.weights[i];
                }
            });
        }
        stop.done(piece.edges.size());
        piece.edges = std::pmr::vector<edge>{memory()};
        piece.weights = doubles{memory()};
    }
    edges.pieces().clear();
    return made;
}

// Deals the entries out to their heads. They come by tail, so parallel ones meet in their list.
void csr::deal(const sorted& edges, const offsets& tail_ends, edge_poller& stop)
{
    ends_.resize(edges.heads.size());
    weights_.resize(edges.weights.size());
    offsets list_ends(begins_.begin(), begins_.end() - 1, memory());
    std::uint64_t at = 0;
    for (std::uint32_t tail = 0; tail < nodes(); ++tail) {
        stop.in_parts(tail_ends[tail] - at, [&](std::size_t begin, std::size_t end) {
            for (; begin < end; ++begin, ++at) {
                const auto head = edges.heads[at];
                append(list_ends[head], head, tail, weighted_ ? &edges.weights[at] : nullptr);
            }
        });
    }
    close_gaps(list_ends);
}

void csr::append(std::uint64_t& end, std::uint32_t head, std::uint32_t tail, const double* weight)
{
    if (end > begins_[head] && ends_[end - 1] == tail) {
        if (weight != nullptr) {
            weights_[end - 1] += *weight;
        }
        return;
    }
    if (weight != nullptr) {
        weights_[end] = *weight;
    }
    ends_[end++] = tail;
}

// Where parallel edges have met, the lists move together.
void csr::close_gaps(const offsets& list_ends)
{
    std::uint64_t filled = 0;
    for (std::uint32_t node = 0; node < nodes(); ++node) {
        const auto begin = std::exchange(begins_[node], filled);
        const auto length = list_ends[node] - begin;
        if (begin != filled) {
            std::copy_n(ends_.begin() + static_cast<std::ptrdiff_t>(begin), length,
                        ends_.begin() + static_cast<std::ptrdiff_t>(filled));
            if (weighted_) {
                std::copy_n(weights_.begin() + static_cast<std::ptrdiff_t>(begin), length,
                            weights_.begin() + static_cast<std::ptrdiff_t>(filled));
            }
        }
        filled += length;
    }
    begins_.back() = filled;
}

} // namespace etl::feature
