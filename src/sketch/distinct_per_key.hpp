// How many different values every key of a query has, for tables whose keys are too many to be kept in memory at once:
// values are set aside by key in one scan, which parallel workers share, and counted part by part.
//
// Two kinds of entries are set aside, both in 256 parts by the key's fingerprint (core/part_writer.hpp), so that all
// entries of a key meet:
//
//   a key's bytes    once for a process where it remembers the key, again where it has forgotten it meanwhile
//   a value          the key's fingerprint, which column it is of, and the value's fingerprint: 24 or 32 bytes
//
// Counting takes the memory of the different keys of one part and a budget for different values. Where they do not fit,
// the part's values are read again, share by share: the counts of disjoint sets of values add up.
#pragma once

#include "sketch/top_n_parts.hpp"

#include <array>
#include <optional>

namespace etl {

// Which keys were met lately. It forgets, but never remembers what it has not met.
class recent_keys {
  public:
    recent_keys(std::pmr::memory_resource* memory, std::size_t most_bytes);

    // To be called some time before met(), which then waits less for memory.
    void expect(const fingerprint& key) const noexcept { __builtin_prefetch(&pairs_[place(key)], 1); }

    // Whether it remembers the key; it does from now on.
    bool met(const fingerprint& key);

  private:
    struct pair {
        fingerprint newer;
        fingerprint older;
    };

    std::size_t place(const fingerprint& key) const noexcept { return key.low & (pairs_.size() - 1); }
    void enter(const fingerprint& key) noexcept;
    void grow();

    std::pmr::vector<pair> pairs_;
    std::size_t most_;
    std::size_t entered_ = 0;
};

// Sets keys aside, those that are remembered but once. A key waits for some others to come after it, while what tells
// whether it is remembered is on its way from memory.
class key_parts {
  public:
    // Whether equal keys have equal bytes; otherwise each look of a key is remembered for itself. The writer outlives
    // the object.
    key_parts(std::pmr::memory_resource* memory, part_writer& to, std::size_t remembered_bytes, bool look_alike);

    // Room for the words of a key, which are written, before add() tells whose they are.
    std::uint64_t* room(std::size_t words);
    void add(const fingerprint& key);

    // Adds the keys that still wait.
    void finish();

  private:
    static constexpr std::size_t most_waiting = 8;
    struct waiting_key {
        fingerprint key;
        fingerprint look;
        std::size_t words; // 0 where none waits
        std::uint64_t* at;
    };

    void let_in(waiting_key& from);

    part_writer& rows_;
    recent_keys recent_;
    bool look_alike_;
    std::array<waiting_key, most_waiting> waiting_{};
    std::size_t next_ = 0;
    std::pmr::vector<std::uint64_t> words_; // of the keys that wait, side by side
    std::pmr::vector<std::uint64_t> large_; // a key that does not wait
};

// Sets values aside.
class value_parts {
  public:
    static constexpr std::size_t most_columns = 255;
    static constexpr unsigned part_shift = 56; // of 256 parts
    static constexpr std::uint64_t key_bits = (std::uint64_t{1} << part_shift) - 1;

    // A value takes one word of its fingerprint where that tells all values apart, or two.
    value_parts(part_writer& to, std::size_t value_words) noexcept : to_{to}, entry_words_{2 + value_words} {}

    void add(const fingerprint& key, std::size_t column, const fingerprint& value)
    {
        const std::size_t part = key.high >> part_shift;
        auto* to = reinterpret_cast<std::uint64_t*>(to_.add(part, entry_words_ * sizeof(std::uint64_t)));
        to[0] = key.low;
        to[1] = (key.high & key_bits) | (column + 1) << part_shift; // the part is known without its bits
        to[2] = value.low;
        to[entry_words_ - 1] = entry_words_ > 3 ? value.high : value.low;
    }

  private:
    part_writer& to_;
    std::size_t entry_words_;
};

// What a scan has set aside.
struct parted_values {
    part_chunks keys;   // as key_parts adds them
    part_chunks values; // as value_parts does
    std::size_t value_words;
};

class distinct_counts {
  public:
    struct counted {
        const std::uint64_t* key; // the words that were set aside
        std::span<const std::uint64_t> counts;
    };

    // `budget` is in bytes, of the different values that are held at once; the store outlives the object.
    distinct_counts(std::pmr::memory_resource* memory, run_store& store, parted_values from, std::size_t columns,
                    std::size_t budget, poll_fn poll);

    // The next key, in no order. Good until the next call.
    std::optional<counted> next();

  private:
    struct group {
        fingerprint key;
        std::size_t at; // of its words, in key_words_
        std::size_t words;
    };
    struct share { // of a part's values: those whose hashes end in these bits
        unsigned bits;
        std::uint64_t which;
    };

    bool next_part();
    std::span<const std::uint64_t> read(const part_chunk& from);
    void read_keys(std::span<const part_chunk> part);
    void add_key(const parted_row& row);
    std::uint32_t* find_group(const fingerprint& key) noexcept;
    void grow_groups();
    void count_values(std::span<const part_chunk> part);
    void count_chunk(const part_chunk& from);
    std::uint64_t& count_of(const std::uint64_t* entry);
    bool is_in_share(std::uint64_t hash) const noexcept;
    std::uint32_t* find_value(const std::uint64_t* entry, std::uint64_t hash) noexcept;
    void clear_values(std::size_t expected);
    void grow_values();
    void split();

    run_store& store_;
    parted_values from_; // by part
    std::size_t columns_;
    std::size_t entry_words_;
    std::size_t most_values_;
    poller polls_;
    std::size_t key_at_ = 0; // of the chunks that are read next
    std::size_t value_at_ = 0;
    std::uint64_t part_ = 0;
    std::pmr::vector<std::uint64_t> block_;

    std::pmr::vector<std::uint64_t> key_words_;
    std::pmr::vector<group> groups_;
    std::pmr::vector<std::uint32_t> group_table_; // of groups, from 1; 0 is free
    std::pmr::vector<std::uint64_t> counts_;      // by group and column
    std::size_t group_ = 0;                       // that comes next

    std::pmr::vector<std::uint64_t> values_;      // different entries, side by side
    std::pmr::vector<std::uint32_t> value_table_; // of them, from 1; 0 is free
    share share_{};
    std::pmr::vector<share> shares_; // that are still to be counted
};

} // namespace etl
