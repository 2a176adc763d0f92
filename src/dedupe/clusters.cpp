#include "dedupe/clusters.hpp"

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

// The pairs within sets of more than `most` nodes, the highest score first; the others are united in `parts`.
scored_pairs weigh_pairs(union_find& whole, union_find& parts, const scored_pairs& pairs, std::uint32_t most,
                         poll_fn poll)
{
    scored_pairs large{whole.memory()};
    poller stop{poll};
    for (const scored_pair& pair : pairs) {
        if (whole.size(pair.a) > most) {
            large.push_back(pair);
        } else {
            parts.unite(pair.a, pair.b);
        }
        stop.tick();
    }
    sort_pairs(large, poll, [](const scored_pair& x, const scored_pair& y) { return x.score > y.score; });
    return large;
}

} // namespace

// As the threshold falls, `grown` holds the sets without a limit. The parts follow it for as long as a set is small
// enough, and then stand still.
union_find split_large(union_find& whole, const scored_pairs& pairs, std::uint32_t most, poll_fn poll)
{
    union_find parts{whole.memory()};
    union_find grown{whole.memory()};
    parts.grow(whole.count());
    grown.grow(whole.count());
    const scored_pairs large = weigh_pairs(whole, parts, pairs, most, poll);
    poller stop{poll};
    for (auto first = large.begin(); first != large.end();) {
        auto last = first;
        for (; last != large.end() && last->score == first->score; ++last) {
            grown.unite(last->a, last->b);
            stop.tick();
        }
        for (; first != last; ++first) {
            if (grown.size(first->a) <= most) {
                parts.unite(first->a, first->b);
            }
            stop.tick();
        }
    }
    return parts;
}

std::pmr::vector<large_cluster> large_clusters(union_find& whole, union_find& parts, std::uint32_t most, poll_fn poll)
{
    std::pmr::vector<std::uint32_t> counts(whole.count(), 0, whole.memory());
    std::pmr::vector<large_cluster> large{whole.memory()};
    poller stop{poll};
    for (std::uint32_t node = 0; node < whole.count(); ++node) {
        counts[whole.find(node)] += parts.find(node) == node ? 1 : 0;
        stop.tick();
    }
    for (std::uint32_t node = 0; node < whole.count(); ++node) {
        if (whole.find(node) == node && whole.size(node) > most) {
            large.push_back({node, whole.size(node), counts[node]});
        }
        stop.tick();
    }
    return large;
}

} // namespace etl::dedupe
