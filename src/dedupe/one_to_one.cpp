#include "dedupe/one_to_one.hpp"

#include "sketch/key_ids.hpp"
#include "sketch/node_names.hpp"

#include <utility>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

using flags = std::pmr::vector<char>;

template <class Ids>
void order_ends(scored_pairs& pairs, const Ids& ids, poll_fn poll)
{
    poller stop{poll};
    for (scored_pair& pair : pairs) {
        if (ids.name(pair.b) < ids.name(pair.a)) {
            std::swap(pair.a, pair.b);
        }
        stop.tick();
    }
}

template <class Ids>
void sort_by_score(scored_pairs& pairs, const Ids& left, const Ids& right, poll_fn poll)
{
    sort_pairs(pairs, poll, [&](const scored_pair& x, const scored_pair& y) {
        if (x.score != y.score) {
            return x.score > y.score;
        }
        return x.a != y.a ? left.name(x.a) < left.name(y.a) : x.b != y.b && right.name(x.b) < right.name(y.b);
    });
}

void keep_free(scored_pairs& pairs, flags& taken_left, flags& taken_right, poll_fn poll)
{
    poller stop{poll};
    auto kept = pairs.begin();
    for (const scored_pair pair : pairs) {
        stop.tick();
        if (taken_left[pair.a] == 0 && taken_right[pair.b] == 0 && (&taken_left != &taken_right || pair.a != pair.b)) {
            taken_left[pair.a] = taken_right[pair.b] = 1;
            *kept++ = pair;
        }
    }
    pairs.erase(kept, pairs.end());
}

} // namespace

template <class Ids>
void one_to_one(scored_pairs& pairs, const Ids& left, const Ids& right, poll_fn poll)
{
    auto* memory = pairs.get_allocator().resource();
    flags taken_left(left.count(), 0, memory);
    if (&left == &right) {
        order_ends(pairs, left, poll);
        sort_by_score(pairs, left, right, poll);
        keep_free(pairs, taken_left, taken_left, poll);
    } else {
        flags taken_right(right.count(), 0, memory);
        sort_by_score(pairs, left, right, poll);
        keep_free(pairs, taken_left, taken_right, poll);
    }
}

template void one_to_one(scored_pairs&, const integer_ids&, const integer_ids&, poll_fn);
template void one_to_one(scored_pairs&, const node_names&, const node_names&, poll_fn);

} // namespace etl::dedupe
