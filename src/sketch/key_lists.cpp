#include "sketch/key_lists.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

template <class Key>
using key_list = std::span<const Key>;
template <class Key>
using several_list = std::span<const key_rows<Key>>;

constexpr auto entry_comes_before = [](const auto& a, const auto& b) { return is_before(a.key, b.key); };

// How many of the sorted keys, from the first on, are the same.
template <class Key>
std::size_t same_as_first(key_list<Key> keys, poller& stop)
{
    std::size_t same = 1;
    while (same < keys.size() && keys[same] == keys.front()) {
        ++same;
        stop.tick();
    }
    return same;
}

template <class Key>
std::size_t count_repeated(key_list<Key> sorted, poll_fn poll)
{
    std::size_t repeated = 0;
    std::size_t same = 1; // how many of the keys before are the same
    const Key* last = nullptr;
    in_pieces(sorted, poll, [&](key_list<Key> piece) {
        for (const Key& key : piece) {
            same = last != nullptr && key == *last ? same + 1 : 1;
            repeated += same == 2;
            last = &key;
        }
    });
    return repeated;
}

// How many keys of the list come before `end`. Looks near the front first.
template <class Key>
std::size_t count_before(key_list<Key> list, const Key& end)
{
    std::size_t reach = 1;
    while (reach < list.size() && is_before(list[reach - 1], end)) {
        reach *= 2;
    }
    const auto near = list.first(std::min(reach, list.size()));
    const auto found =
        std::partition_point(near.begin(), near.end(), [&end](const Key& key) { return is_before(key, end); });
    return static_cast<std::size_t>(found - near.begin());
}

template <class Key>
class lists_merger {
  public:
    lists_merger(std::pmr::vector<Key>& single, std::pmr::vector<key_rows<Key>>& several, poll_fn poll)
        : single_{single}, several_{several}, poll_{poll}, stop_{poll}
    {
    }

    void merge(key_lists<Key> a, key_lists<Key> b)
    {
        single_.reserve(a.single.size() + b.single.size());
        several_.reserve(a.several.size() + b.several.size());
        while (!a.several.empty() || !b.several.empty()) {
            const Key key = lowest(a.several, b.several);
            merge_single(split(a.single, key), split(b.single, key));
            several_.push_back({key, take(a, key) + take(b, key)});
            stop_.tick();
        }
        merge_single(a.single, b.single);
    }

  private:
    static Key lowest(several_list<Key> a, several_list<Key> b)
    {
        if (a.empty() || b.empty()) {
            return a.empty() ? b.front().key : a.front().key;
        }
        return std::min(a.front(), b.front(), entry_comes_before).key;
    }

    // Takes off what comes before the key.
    static key_list<Key> split(key_list<Key>& list, const Key& key)
    {
        const std::size_t before = count_before(list, key);
        const auto front = list.first(before);
        list = list.subspan(before);
        return front;
    }

    // The rows of a key that comes first in the lists, or nowhere.
    static std::uint64_t take(key_lists<Key>& from, const Key& key)
    {
        std::uint64_t rows = 0;
        if (!from.single.empty() && from.single.front() == key) {
            from.single = from.single.subspan(1);
            rows = 1;
        }
        if (!from.several.empty() && from.several.front().key == key) {
            rows += from.several.front().rows;
            from.several = from.several.subspan(1);
        }
        return rows;
    }

    void merge_single(key_list<Key> a, key_list<Key> b)
    {
        auto x = a.begin();
        auto y = b.begin();
        while (x != a.end() && y != b.end()) {
            const auto rank_x = rank_of(*x);
            const auto rank_y = rank_of(*y);
            if (rank_x == rank_y) {
                several_.push_back({*x, 2});
            } else {
                single_.push_back(key_of_rank(std::min(rank_x, rank_y)));
            }
            x += rank_x <= rank_y;
            y += rank_y <= rank_x;
            stop_.tick();
        }
        append(a.subspan(static_cast<std::size_t>(x - a.begin())));
        append(b.subspan(static_cast<std::size_t>(y - b.begin())));
    }

    void append(key_list<Key> rest)
    {
        in_pieces(rest, poll_,
                  [this](key_list<Key> piece) { single_.insert(single_.end(), piece.begin(), piece.end()); });
    }

    std::pmr::vector<Key>& single_;
    std::pmr::vector<key_rows<Key>>& several_;
    poll_fn poll_;
    poller stop_;
};

} // namespace

template <class Key>
void sort_and_join(std::pmr::vector<Key>& keys, std::pmr::vector<key_rows<Key>>& several, poll_fn poll)
{
    if (!is_ascending(key_list<Key>{keys}, poll)) {
        sort_keys(std::span{keys}, poll);
    }
    const std::size_t repeated = count_repeated(key_list<Key>{keys}, poll);
    if (repeated == 0) {
        return;
    }
    several.reserve(several.size() + repeated);
    poller stop{poll};
    auto to = keys.begin();
    for (key_list<Key> rest{keys}; !rest.empty();) {
        const Key key = rest.front();
        const std::size_t rows = same_as_first(rest, stop);
        if (rows == 1) {
            *to++ = key;
        } else {
            several.push_back({key, rows});
        }
        rest = rest.subspan(rows);
        stop.tick();
    }
    keys.erase(to, keys.end());
}

template <class Key>
void sort_and_join(std::pmr::vector<key_rows<Key>>& several, poll_fn poll)
{
    if (several.empty()) {
        return;
    }
    poller stop{poll};
    const auto before = [&stop](const key_rows<Key>& a, const key_rows<Key>& b) {
        stop.tick();
        return is_before(a.key, b.key);
    };
    if (!std::is_sorted(several.begin(), several.end(), before)) {
        std::sort(several.begin(), several.end(), before);
    }
    auto to = several.begin();
    for (auto from = to + 1; from != several.end(); ++from) {
        if (from->key == to->key) {
            to->rows += from->rows;
        } else {
            *++to = *from;
        }
        stop.tick();
    }
    several.erase(to + 1, several.end());
}

template <class Key>
void merge_lists(key_lists<Key> a, key_lists<Key> b, std::pmr::vector<Key>& single,
                 std::pmr::vector<key_rows<Key>>& several, poll_fn poll)
{
    lists_merger<Key>{single, several, poll}.merge(a, b);
}

template <class Key>
bool are_sound(const key_lists<Key>& lists, poll_fn poll)
{
    poller stop{poll};
    auto single = lists.single;
    for (std::size_t i = 1; i < single.size(); ++i) {
        if (!is_before(single[i - 1], single[i])) {
            return false;
        }
        stop.tick();
    }
    const key_rows<Key>* last = nullptr;
    for (const auto& several : lists.several) {
        single = single.subspan(count_before(single, several.key));
        if (several.rows < 2 || (last != nullptr && !is_before(last->key, several.key)) ||
            (!single.empty() && single.front() == several.key)) {
            return false;
        }
        last = &several;
        stop.tick();
    }
    return true;
}

template void sort_and_join(std::pmr::vector<fingerprint>&, std::pmr::vector<key_rows<fingerprint>>&, poll_fn);
template void sort_and_join(std::pmr::vector<key_rows<fingerprint>>&, poll_fn);
template void merge_lists(key_lists<fingerprint>, key_lists<fingerprint>, std::pmr::vector<fingerprint>&,
                          std::pmr::vector<key_rows<fingerprint>>&, poll_fn);
template bool are_sound(const key_lists<fingerprint>&, poll_fn);

template void sort_and_join(std::pmr::vector<std::uint64_t>&, std::pmr::vector<key_rows<std::uint64_t>>&, poll_fn);
template void sort_and_join(std::pmr::vector<key_rows<std::uint64_t>>&, poll_fn);
template void merge_lists(key_lists<std::uint64_t>, key_lists<std::uint64_t>, std::pmr::vector<std::uint64_t>&,
                          std::pmr::vector<key_rows<std::uint64_t>>&, poll_fn);
template bool are_sound(const key_lists<std::uint64_t>&, poll_fn);

} // namespace etl
