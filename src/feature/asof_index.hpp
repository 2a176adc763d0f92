// The labels of a point-in-time join, by key and then by moment, as one flat value that parallel workers share: given
// the key of a feature row, it tells which labels the row may be joined to.
//
// A label that is not later than another one of its key knows no more than that one. So the labels that a feature row
// may be joined to backward are all of its key from a place on: those that are not before the row's moment, nor before
// the one at which it became known. Forward they are those from the latter to the former.
//
// Its flat form, little-endian:
//
//   magic u32, version u32     state_header
//   seed u64                   of the keys' hash
//   flags u32                  asof_rules
//   labels u32, groups u32     how many, and of how many keys; both 0 where the labels are not in it
//   directory_bits u32         2 to this power are the places of the directory
//   filter_bits u32            a Bloom filter of 2 to this power of words of 64 bits
//   zero u32
//   u64[filter words]          two bits a key, in one word (B. H. Bloom, "Space/time trade-offs in hash coding with
//                              allowable errors", 1970; one word: F. Putze, P. Sanders, J. Singler, "Cache-, hash- and
//                              space-efficient Bloom filters", 2007)
//   label_group[groups]        the keys, ascending, and where their labels are
//   i64[labels]                the labels' moments, key by key, ascending
//   u32[places + 1]            by the upper bits of a key, how many keys come before all that have them
//
// Keys are hashes, so the directory leads to one or two keys. As it has their order, rows that are read part by part
// look at it from one end to the other.
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

struct asof_rules {
    bool backward = true;
    bool forward = false;
    bool exact = true;        // a row of the label's own moment may be joined
    bool has_known = false;   // rows have a moment at which they became known, and may not be joined before it
    bool has_created = false; // of rows of one moment that is joined which was created last

    // Whether all labels that a row may be joined to are its key's from a place on, or up to one.
    bool is_one_sided() const noexcept { return !(forward && has_known); }

    std::uint32_t flags() const noexcept
    {
        return (backward ? 1U : 0U) | (forward ? 2U : 0U) | (exact ? 4U : 0U) | (has_known ? 8U : 0U) |
               (has_created ? 16U : 0U);
    }
    static asof_rules from_flags(std::uint32_t flags) noexcept
    {
        return {(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, (flags & 8) != 0, (flags & 16) != 0};
    }
};

struct asof_label {
    fingerprint key;
    std::int64_t time;
    std::uint32_t row; // of the spine
};

// Labels from first to last, without last.
struct label_range {
    std::uint32_t first;
    std::uint32_t last;

    bool is_empty() const noexcept { return first >= last; }
};

// By the upper bits of a key.
constexpr std::size_t directory_place(const fingerprint& key, unsigned bits) noexcept
{
    return static_cast<std::size_t>(key.high >> 32 << bits >> 32);
}

struct label_group {
    fingerprint key;
    label_range labels;
};
static_assert(sizeof(label_group) == 24);

// A Bloom filter that is written.
class key_filter {
  public:
    // For so many keys, of 16 bits each, and no more than 4 MB.
    key_filter(std::pmr::memory_resource* memory, std::uint64_t keys);

    void add(const fingerprint& key) noexcept { words_[word_of(key, bits_)] |= mask_of(key); }
    unsigned bits() const noexcept { return bits_; }
    std::span<const std::uint64_t> words() const noexcept { return words_; }

    static std::size_t word_of(const fingerprint& key, unsigned bits) noexcept
    {
        return static_cast<std::size_t>(key.low >> 12) & ((std::size_t{1} << bits) - 1);
    }
    static std::uint64_t mask_of(const fingerprint& key) noexcept
    {
        return std::uint64_t{1} << (key.low & 63) | std::uint64_t{1} << (key.low >> 6 & 63);
    }

  private:
    unsigned bits_;
    std::pmr::vector<std::uint64_t> words_;
};

// Makes the flat form.
class asof_index_maker {
  public:
    // Sorts the labels.
    asof_index_maker(std::pmr::memory_resource* memory, std::span<asof_label> labels, poll_fn poll);

    std::size_t size() const noexcept;
    void write(std::byte* to, std::uint64_t seed, asof_rules rules) const;

    // The same without labels: which keys there may be.
    static std::size_t size(const key_filter& filter) noexcept;
    static void write(std::byte* to, std::uint64_t seed, asof_rules rules, const key_filter& filter) noexcept;

  private:
    std::span<const asof_label> labels_;
    std::uint32_t groups_ = 0;
    poll_fn poll_;
    std::pmr::memory_resource* memory_;
};

// Reads the flat form where it lies. Trivial.
class asof_index {
  public:
    // Checks bytes that are a stranger's. What is not checked here is read such that it does no harm.
    static asof_index read(std::span<const std::byte> bytes);

    std::uint64_t seed() const noexcept { return seed_; }
    asof_rules rules() const noexcept { return rules_; }
    bool has_labels() const noexcept { return labels_ > 0; }
    std::uint32_t labels() const noexcept { return labels_; }
    std::uint32_t groups() const noexcept { return groups_; }

    // Whether a key may be among the labels': true for every one that is, and for few others.
    bool may_have(const fingerprint& key) const noexcept
    {
        const auto word = load<std::uint64_t>(filter_ + key_filter::word_of(key, filter_bits_) * sizeof(std::uint64_t));
        return (word & key_filter::mask_of(key)) == key_filter::mask_of(key);
    }

    // Asks for what find() will look at, in the order in which it does: each when the one before has arrived.
    void approach_directory(const fingerprint& key) const noexcept
    {
        __builtin_prefetch(directory_ + place_of(key) * sizeof(std::uint32_t));
    }
    void approach_group(const fingerprint& key) const noexcept
    {
        const std::byte* first = stored_groups_ + place(place_of(key)) * sizeof(label_group);
        __builtin_prefetch(first);
        __builtin_prefetch(first + 2 * sizeof(label_group) - 1);
    }
    // And what backward() and forward() will look at first.
    void approach_labels(label_range of) const noexcept
    {
        __builtin_prefetch(times_ + (of.first + (of.last - of.first) / 2) * sizeof(std::int64_t));
    }

    // The labels of a key.
    label_range find(const fingerprint& key) const noexcept;

    // The labels of a group, by number, and its key.
    label_range group(std::uint32_t number) const noexcept;
    fingerprint key(std::uint32_t number) const noexcept { return load_group(number).key; }

    // The number of the group of a label.
    std::uint32_t group_of(std::uint32_t label) const noexcept;

    std::int64_t time(std::uint32_t label) const noexcept
    {
        return load<std::int64_t>(times_ + label * sizeof(std::int64_t));
    }

    // Of a key's labels those to which a row may be joined.
    label_range backward(label_range of, std::int64_t time, std::int64_t known) const noexcept;
    label_range forward(label_range of, std::int64_t time, std::int64_t known) const noexcept;

  private:
    label_group load_group(std::uint32_t number) const noexcept
    {
        return load<label_group>(stored_groups_ + number * sizeof(label_group));
    }
    std::size_t place_of(const fingerprint& key) const noexcept { return directory_place(key, directory_bits_); }
    std::uint32_t place(std::size_t number) const noexcept
    {
        return std::min(load<std::uint32_t>(directory_ + number * sizeof(std::uint32_t)), groups_);
    }

    std::uint64_t seed_;
    asof_rules rules_;
    std::uint32_t labels_;
    std::uint32_t groups_;
    unsigned directory_bits_;
    unsigned filter_bits_;
    const std::byte* filter_;
    const std::byte* stored_groups_; // the groups
    const std::byte* times_;
    const std::byte* directory_;
};

} // namespace etl::feature
