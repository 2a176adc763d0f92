// A small hash table that counts the rows of keys which come again and again, before they are sorted at all.
//
// It takes every key that it has met, and new ones until it is half full: of a column of few values that is each of
// them, of a skewed one the frequent ones, for those are met first. Open addressing with linear probing.
#pragma once

#include "sketch/key_lists.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace etl {

template <class Key>
class hot_keys {
  public:
    using entry = key_rows<Key>;

    explicit hot_keys(std::pmr::memory_resource* memory) noexcept : slots_{memory} {}

    // Slots may take so many bytes in the end; the table starts small and doubles.
    void start(std::size_t most_bytes)
    {
        most_slots_ = std::bit_floor(std::max(most_bytes / sizeof(entry), first_slots));
        slots_.resize(first_slots);
        keys_ = 0;
    }
    void stop() { slots_ = std::pmr::vector<entry>{slots_.get_allocator()}; }

    bool is_on() const noexcept { return !slots_.empty(); }
    std::size_t bytes() const noexcept { return slots_.capacity() * sizeof(entry); }

    // Counts a row of the key. False when the table does not know it and is full.
    bool add(Key key)
    {
        entry* slot = &find(key);
        if (slot->rows == 0) {
            if (keys_ == slots_.size() / 2) {
                if (slots_.size() >= most_slots_) {
                    return false;
                }
                grow();
                slot = &find(key);
            }
            slot->key = key;
            ++keys_;
        }
        ++slot->rows;
        return true;
    }

    // Calls f(entry) for every key with rows, in no order.
    template <class F>
    void each(F&& f) const
    {
        for (const entry& slot : slots_) {
            if (slot.rows > 0) {
                f(slot);
            }
        }
    }

  private:
    static constexpr std::size_t first_slots = 512;

    // The key's slot, or the free one (rows = 0) where it would lie.
    entry& find(const Key& key) noexcept
    {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = static_cast<std::uint64_t>(rank_of(key) >> shift_of_hash) * 0x9e3779b97f4a7c15 >> 32 & mask;
        while (slots_[at].rows > 0 && slots_[at].key != key) {
            at = (at + 1) & mask;
        }
        return slots_[at];
    }

    void grow()
    {
        std::pmr::vector<entry> old{2 * slots_.size(), slots_.get_allocator()};
        old.swap(slots_);
        for (const entry& slot : old) {
            if (slot.rows > 0) {
                find(slot.key) = slot;
            }
        }
    }

    // 64 bits that spread best: the half of a fingerprint that comes first in its order.
    static constexpr unsigned shift_of_hash = (sizeof(Key) - sizeof(std::uint64_t)) * 8;

    std::pmr::vector<entry> slots_; // empty, or a power of two
    std::size_t keys_ = 0;
    std::size_t most_slots_ = 0;
};

} // namespace etl
