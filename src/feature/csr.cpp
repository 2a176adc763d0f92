#include "feature/csr.hpp"

#include "sketch/key_order.hpp"

#include <bit>
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
        stop.in_parts(piece.edges.size(), [&](std::size_t begin, std::size_t end) {
            for (auto i = begin; i < end; ++i) {
                each_entry(piece.edges[i], of, [&](std::uint32_t head, std::uint32_t) { ++begins_[head]; });
            }
        });
    }
    std::uint64_t sum = 0;
    stop.in_parts(begins_.size(), [&](std::size_t begin, std::size_t end) {
        for (auto i = begin; i < end; ++i) {
            begins_[i] = sum += begins_[i];
        }
    });
}

void csr::deal(edge_list&& edges, neighbours of, edge_poller& stop)
{
    ends_.resize(begins_.back());
    weights_.resize(weighted_ ? begins_.back() : 0);
    for (auto& piece : edges.pieces()) {
        stop.in_parts(piece.edges.size(), [&](std::size_t begin, std::size_t end) {
            for (auto i = begin; i < end; ++i) {
                each_entry(piece.edges[i], of, [&](std::uint32_t head, std::uint32_t tail) {
                    const auto at = --begins_[head];
                    ends_[at] = tail;
                    if (weighted_) {
                        weights_[at] = piece.weights[i];
                    }
                });
            }
        });
        piece.edges = std::pmr::vector<edge>{memory()};
        piece.weights = std::pmr::vector<double>{memory()};
    }
    edges.pieces().clear();
}

// Sorts the lists, and moves them together where parallel edges have become one.
void csr::merge_parallel(edge_poller& stop)
{
    std::pmr::vector<fingerprint> list{memory()};
    std::uint64_t filled = 0;
    for (std::uint32_t node = 0; node < nodes(); ++node) {
        const auto from = std::exchange(begins_[node], filled);
        const auto length = begins_[node + 1] - from;
        filled = weighted_ ? append_weighted(from, length, filled, list, stop)
                           : append_merged(std::span{ends_}.subspan(from, length), filled, stop);
    }
    begins_.back() = filled;
}

std::uint64_t csr::append_merged(std::span<std::uint32_t> list, std::uint64_t to, edge_poller& stop)
{
    sort_keys(list, stop.poll());
    const auto first = to;
    stop.in_parts(list.size(), [&](std::size_t begin, std::size_t end) {
        for (const auto node : list.subspan(begin, end - begin)) {
            if (to == first || ends_[to - 1] != node) {
                ends_[to++] = node;
            }
        }
    });
    return to;
}

// Sorted as keys of 128 bits: the node, which is the low half and comes first, and its weight, whose bits have the
// order of numbers that are not negative. The weights are summed in their order, so that the sum does not depend on the
// order of the edges.
std::uint64_t csr::append_weighted(std::uint64_t from, std::uint64_t length, std::uint64_t to,
                                   std::pmr::vector<fingerprint>& list, edge_poller& stop)
{
    list.clear();
    stop.in_parts(length, [&](std::size_t begin, std::size_t end) {
        for (auto i = from + begin; i < from + end; ++i) {
            list.push_back({ends_[i], std::bit_cast<std::uint64_t>(weights_[i])});
        }
    });
    sort_keys(list, stop.poll());
    const auto first = to;
    stop.in_parts(length, [&](std::size_t begin, std::size_t end) {
        for (auto i = begin; i < end; ++i) {
            const auto node = static_cast<std::uint32_t>(list[i].low);
            const auto weight = std::bit_cast<double>(list[i].high);
            if (to > first && ends_[to - 1] == node) {
                weights_[to - 1] += weight;
            } else {
                ends_[to] = node;
                weights_[to++] = weight;
            }
        }
    });
    return to;
}

} // namespace etl::feature
