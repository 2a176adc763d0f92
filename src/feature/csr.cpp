#include "feature/csr.hpp"

#include <algorithm>
#include <numeric>
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

// In parts, between which it polls.
template <class Value>
void sort(std::span<Value> values, edge_poller& stop)
{
    constexpr std::size_t most = 4 * edge_poller::interval;
    if (values.size() <= most) {
        std::sort(values.begin(), values.end());
        stop.done(values.size());
        return;
    }
    const auto middle = values.size() / 2;
    sort(values.first(middle), stop);
    sort(values.subspan(middle), stop);
    std::inplace_merge(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(middle), values.end());
}

} // namespace

// A counting sort deals the edges out to their nodes, and each list is sorted, so that parallel edges meet.
csr::csr(edge_list&& edges, std::uint32_t nodes, neighbours of, edge_poller& stop)
    : weighted_{edges.is_weighted()},
      begins_(nodes + std::size_t{1}, edges.memory()), ends_{edges.memory()}, weights_{edges.memory()}
{
    count(edges, of, stop);
    deal(std::move(edges), of, stop);
    merge_parallel(stop);
}

// Sets begins_ to the ends of the lists: they move to the begins as the lists are filled.
void csr::count(const edge_list& edges, neighbours of, edge_poller& stop)
{
    for (const auto& piece : edges.pieces()) {
        for (const auto& edge : piece.edges) {
            each_entry(edge, of, [&](std::uint32_t head, std::uint32_t) { ++begins_[head]; });
        }
        stop.done(piece.edges.size());
    }
    std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
}

void csr::deal(edge_list&& edges, neighbours of, edge_poller& stop)
{
    ends_.resize(begins_.back());
    weights_.resize(weighted_ ? begins_.back() : 0);
    for (auto& piece : edges.pieces()) {
        for (std::size_t i = 0; i < piece.edges.size(); ++i) {
            each_entry(piece.edges[i], of, [&](std::uint32_t head, std::uint32_t tail) {
                const auto at = --begins_[head];
                ends_[at] = tail;
                if (weighted_) {
                    weights_[at] = piece.weights[i];
                }
            });
        }
        stop.done(piece.edges.size());
        piece.edges = std::pmr::vector<edge>{memory()};
        piece.weights = std::pmr::vector<double>{memory()};
    }
    edges.pieces().clear();
}

// Sorts the lists, and moves them together where parallel edges have become one.
void csr::merge_parallel(edge_poller& stop)
{
    std::pmr::vector<weighted_end> list{memory()};
    std::uint64_t filled = 0;
    for (std::uint32_t node = 0; node < nodes(); ++node) {
        const auto from = std::exchange(begins_[node], filled);
        const auto length = begins_[node + 1] - from;
        if (weighted_) {
            list.clear();
            for (auto i = from; i < from + length; ++i) {
                list.push_back({ends_[i], weights_[i]});
            }
            filled = append_merged(std::span{list}, filled, stop);
        } else {
            filled = append_merged(std::span{ends_}.subspan(from, length), filled, stop);
        }
    }
    begins_.back() = filled;
}

std::uint64_t csr::append_merged(std::span<std::uint32_t> list, std::uint64_t to, edge_poller& stop)
{
    sort(list, stop);
    const auto last = std::unique(list.begin(), list.end());
    if (list.data() != ends_.data() + to) {
        std::copy(list.begin(), last, ends_.begin() + static_cast<std::ptrdiff_t>(to));
    }
    return to + static_cast<std::uint64_t>(last - list.begin());
}

// The weights are summed in their order, so that the sum does not depend on the order of the edges.
std::uint64_t csr::append_merged(std::span<weighted_end> list, std::uint64_t to, edge_poller& stop)
{
    sort(list, stop);
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (i > 0 && list[i].node == list[i - 1].node) {
            weights_[to - 1] += list[i].weight;
        } else {
            ends_[to] = list[i].node;
            weights_[to++] = list[i].weight;
        }
    }
    return to;
}

} // namespace etl::feature
