// Ascending lists of keys in memory: those of one row as the key alone, those of several with their number of rows.
//
// Most columns that have many different values have most of them once, so a key takes its 8 or 16 bytes and no more.
#pragma once

#include "core/error.hpp"
#include "sketch/key_order.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl {

template <class Key>
struct key_rows {
    Key key;
    std::uint64_t rows;
};

// Each list is strictly ascending.
template <class Key>
struct key_lists {
    std::span<const Key> single;
    std::span<const key_rows<Key>> several;

    bool empty() const noexcept { return single.empty() && several.empty(); }
    std::size_t keys() const noexcept { return single.size() + several.size(); }
    std::size_t bytes() const noexcept { return single.size_bytes() + several.size_bytes(); }
};

// Sorts the keys and leaves those that are there once; the others are appended to `several` with their number.
template <class Key>
void sort_and_join(std::pmr::vector<Key>& keys, std::pmr::vector<key_rows<Key>>& several, poll_fn poll);

// The same for keys that come with their rows already: afterwards every key is there once.
template <class Key>
void sort_and_join(std::pmr::vector<key_rows<Key>>& several, poll_fn poll);

// Merges into two empty vectors, whose keys are disjoint then.
template <class Key>
void merge_lists(key_lists<Key> a, key_lists<Key> b, std::pmr::vector<Key>& single,
                 std::pmr::vector<key_rows<Key>>& several, poll_fn poll);

// Whether lists from a stranger are ascending and disjoint, with two rows and more where they are several.
template <class Key>
bool are_sound(const key_lists<Key>& lists, poll_fn poll);

} // namespace etl
