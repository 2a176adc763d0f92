// The hash table behind names that are numbered in the order of their first appearance: it holds their numbers, and
// whoever keeps the names compares them.
//
// A slot is one word: the number, and 32 bits of the name's hash, so that most wrong names are told without a look at
// them, and growing needs no name at all. Open addressing with linear probing, at most half full.
#pragma once

#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <cstdint>
#include <limits>
#include <memory_resource>
#include <optional>
#include <vector>

namespace etl {

class number_slots {
  public:
    explicit number_slots(std::pmr::memory_resource* memory) : slots_(first_slots, memory) {}

    std::uint32_t count() const noexcept { return count_; }

    // Brings the slot of a hash near, some time before it is looked at.
    void prefetch(std::uint32_t hash) const noexcept { __builtin_prefetch(&slots_[hash & mask()]); }

    // The number in the first slot that the hash leads to: most often the right one.
    std::optional<std::uint32_t> guess(std::uint32_t hash) const noexcept { return number_in(hash & mask()); }

    // The number of a name; is_it(number) tells whether that number is the name's.
    template <class Is>
    std::optional<std::uint32_t> known(std::uint32_t hash, Is&& is_it) const
    {
        return number_in(find(hash, is_it));
    }

    // The same, for a name that is given the next number when it is new; keep() stores the name.
    template <class Is, class Keep>
    std::uint32_t number_of(std::uint32_t hash, Is&& is_it, Keep&& keep)
    {
        std::size_t slot = find(hash, is_it);
        if (const auto number = number_in(slot)) {
            return *number;
        }
        if (count_ == most) {
            throw error(sqlstate::program_limit_exceeded, "a graph cannot have more than 4294967294 nodes");
        }
        if (count_ >= slots_.size() / 2 && slots_.size() < most_slots) {
            grow();
            slot = free_slot(slots_, hash);
        }
        keep();
        slots_[slot] = std::uint64_t{hash} << 32 | ++count_;
        return count_ - 1;
    }

  private:
    using table = std::pmr::vector<std::uint64_t>; // 0 where free; else the hash and, below, the number + 1

    static constexpr std::size_t first_slots = 64;
    static constexpr std::size_t most_slots = std::size_t{1} << 32; // as many as a hash tells apart
    static constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max() - 1;

    std::size_t mask() const noexcept { return slots_.size() - 1; }

    std::optional<std::uint32_t> number_in(std::size_t slot) const noexcept
    {
        const auto number = static_cast<std::uint32_t>(slots_[slot]);
        return number != 0 ? std::optional{number - 1} : std::nullopt;
    }

    // The slot of the name or, when it is unknown, the free slot where it belongs.
    template <class Is>
    std::size_t find(std::uint32_t hash, Is&& is_it) const
    {
        std::size_t slot = hash & mask();
        while (slots_[slot] != 0 &&
               (slots_[slot] >> 32 != hash || !is_it(static_cast<std::uint32_t>(slots_[slot]) - 1))) {
            slot = (slot + 1) & mask();
        }
        return slot;
    }

    static std::size_t free_slot(const table& slots, std::uint32_t hash) noexcept
    {
        std::size_t slot = hash & (slots.size() - 1);
        while (slots[slot] != 0) {
            slot = (slot + 1) & (slots.size() - 1);
        }
        return slot;
    }

    void grow()
    {
        table grown(slots_.size() * 2, slots_.get_allocator());
        for (const std::uint64_t used : slots_) {
            if (used != 0) {
                grown[free_slot(grown, static_cast<std::uint32_t>(used >> 32))] = used;
            }
        }
        slots_.swap(grown);
    }

    table slots_;
    std::uint32_t count_ = 0;
};

namespace detail {

// Seeds the hashes of names, which may be a stranger's, with what he does not know.
inline std::uint64_t names_seed() noexcept
{
    return fingerprint_seed ^ reinterpret_cast<std::uintptr_t>(&somewhere);
}

} // namespace detail

} // namespace etl
