// Which keys may occur more than once, in a fixed number of bits: the first of the two scans that find duplicates.
//
// A key is a hash of 64 bits. It owns some slots, all in one cache line, and a slot has two bits: "seen" and "seen
// again". Adding a key moves each of its slots on by one step. A key that was added twice has all its slots at "seen
// again"; one that was added once has so only where other keys have touched every one of them. So the answer errs to
// one side: no repeated key is missed, and of the others only few are named beside them, which the second scan tells
// apart by comparing. That is a counting Bloom filter that counts to two (B. H. Bloom, "Space/time trade-offs in hash
// coding with allowable errors", 1970), with the slots of a key in one block (F. Putze, P. Sanders, J. Singler,
// "Cache-, hash- and space-efficient Bloom filters", 2007).
//
// Parts that were counted apart are merged slot by slot, so parallel workers come to the same bits as one process.
//
// What remains for the second scan is one bit per slot. Most of them are clear, and the second scan looks at them in no
// order, so neighbouring blocks are laid over each other as long as few more keys are named for it: what lies in the
// cache is found faster. Its flat form, little-endian:
//
//   magic u32, version u32     state_header
//   seed u64                   of the hash, kept for whoever hashes keys to ask for them
//   flags u32                  the caller's own, kept likewise
//   probes u32                 slots of a key, 1 to most_probes
//   blocks u32                 at least one
//   folds u32                  2 to this power of blocks are laid over each other
//   u32[blocks >> folds][8]    256 bits a block, rounded up: slots "seen again"
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::dedupe {

inline constexpr std::uint32_t most_probes = 3;

// How many blocks, and how many of a block's slots a key owns.
struct key_layout {
    static constexpr std::uint32_t slots_per_block = 256;
    static constexpr std::size_t bytes_per_block = slots_per_block / 4;

    std::uint32_t blocks;
    std::uint32_t probes;

    // For so many keys, and no more memory than that. With 16 slots for a key, one in 100 is named wrongly; where the
    // budget allows for a few only, one slot a key serves best.
    static key_layout for_keys(std::uint64_t keys, std::size_t budget) noexcept;

    friend bool operator==(const key_layout&, const key_layout&) noexcept = default;
};

// Where a key's slots are: the block from the upper half of the hash, the rest from the lower one. Each slot lies in a
// word of its own, so that none is counted twice.
inline std::size_t block_of(std::uint64_t hash, std::uint32_t blocks) noexcept
{
    return static_cast<std::size_t>((hash >> 32) * blocks >> 32);
}

class repeated_keys {
  public:
    repeated_keys(std::pmr::memory_resource* memory, key_layout layout, std::uint64_t seed, std::uint32_t flags);

    // Counts a key. Only some keys later, when its memory has arrived in the cache.
    void add(std::uint64_t hash) noexcept
    {
        __builtin_prefetch(&words_[block_of(hash, layout_.blocks) * words_per_block], 1);
        std::uint64_t& place = waiting_[added_ % waiting_.size()];
        if (added_ >= waiting_.size()) {
            count(place);
        }
        place = hash;
        ++added_;
    }

    // Adds what another one of the same layout, seed and flags has counted, which it gives up.
    void merge(repeated_keys&& other, poll_fn poll);

    key_layout layout() const noexcept { return layout_; }
    std::uint64_t seed() const noexcept { return seed_; }

    // The flat form with both bits of each slot, for the way to another process, and back. It is a stranger's.
    std::size_t state_size() const noexcept;
    void write_state(std::byte* to);
    static repeated_keys read_state(std::pmr::memory_resource* memory, std::span<const std::byte> bytes);

    // The flat form named above, with so many folds, and how many serve best.
    std::uint32_t best_folds(poll_fn poll);
    std::size_t answer_size(std::uint32_t folds) const noexcept;
    void write_answer(std::byte* to, std::uint32_t folds, poll_fn poll);

  private:
    // Slots 0 to 31 of a word are pairs of bits: 2i is "seen", 2i + 1 "seen again".
    static constexpr std::size_t words_per_block = key_layout::slots_per_block / 32;

    void count(std::uint64_t hash) noexcept
    {
        std::uint64_t* block = &words_[block_of(hash, layout_.blocks) * words_per_block];
        for (std::uint32_t probe = 0; probe < layout_.probes; ++probe) {
            std::uint64_t& word = block[(hash + probe) % words_per_block];
            const auto bit = (hash >> (3 + 5 * probe)) % 32 * 2;
            word |= (1 + (word >> bit & 1)) << bit;
        }
    }
    void settle() noexcept;

    std::pmr::vector<std::uint64_t> words_;
    key_layout layout_;
    std::uint64_t seed_;
    std::uint32_t flags_;
    std::uint64_t added_ = 0;
    std::array<std::uint64_t, 16> waiting_{};
};

// The answer, read where it lies. Trivial, so that it may be kept between rows.
class repeated_keys_view {
  public:
    // Checks bytes that are a stranger's.
    static repeated_keys_view read(std::span<const std::byte> bytes);

    std::uint64_t seed() const noexcept { return seed_; }
    std::uint32_t flags() const noexcept { return flags_; }

    // Whether the key may have been added more than once.
    bool has(std::uint64_t hash) const noexcept
    {
        const std::size_t at = block_of(hash, layout_.blocks) >> folds_;
        const std::byte* block = words_ + at * (key_layout::bytes_per_block / 2);
        for (std::uint32_t probe = 0; probe < layout_.probes; ++probe) {
            const auto half = load<std::uint32_t>(block + (hash + probe) % 8 * sizeof(std::uint32_t));
            if ((half >> (hash >> (3 + 5 * probe)) % 32 & 1) == 0) {
                return false;
            }
        }
        return true;
    }

  private:
    std::uint64_t seed_;
    std::uint32_t flags_;
    std::uint32_t folds_;
    key_layout layout_;
    const std::byte* words_;
};

} // namespace etl::dedupe
