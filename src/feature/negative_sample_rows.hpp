// The positives of a sample: which users have seen which items.
//
// Rows come in any order, some of them twice, and what is drawn must not depend on that: users and items are sorted by
// their fingerprints, and what a user has seen by item. A value is a number while rows come, in the order of first
// appearance, and a place in the sorted order afterwards.
#pragma once

#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

// Numbers for values, from 0, by their fingerprints.
class value_numbers {
  public:
    value_numbers(std::pmr::memory_resource* memory, poll_fn poll) : prints_{memory}, slots_{memory}, poll_{poll} {}

    // The number of a value, which is count() - 1 when it is new.
    std::uint32_t number_of(const fingerprint& value);

    std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(prints_.size()); }
    const fingerprint& print(std::uint32_t number) const noexcept { return prints_[number]; }

    // All numbers in the order of the fingerprints, by their first 96 bits: no two values will ever share these.
    std::pmr::vector<std::uint32_t> sorted() const;

    // With what sorting takes.
    std::size_t memory_bytes() const noexcept;

  private:
    // Of a hash table. A part of the hash beside the number keeps most searches away from other values' fingerprints.
    struct slot {
        std::uint32_t next; // number + 1, or 0 where free
        std::uint32_t hash;

        bool is_free() const noexcept { return next == 0; }
        std::uint32_t number() const noexcept { return next - 1; }
    };

    void grow();

    std::pmr::vector<fingerprint> prints_;
    std::pmr::vector<slot> slots_;
    poll_fn poll_;
};

struct positive {
    std::uint32_t user;
    std::uint32_t item;
};

// Rows as they come, by numbers.
class positive_rows {
  public:
    positive_rows(std::pmr::memory_resource* memory, poll_fn poll)
        : users{memory, poll}, items{memory, poll}, rows{memory}, is_listed_{memory}
    {
    }

    value_numbers users;
    value_numbers items; // also those that are only listed
    std::pmr::vector<positive> rows;

    // The item may be drawn.
    void list(std::uint32_t item);
    bool lists(std::uint32_t item) const noexcept { return item < is_listed_.size() && is_listed_[item] != 0; }

    std::pmr::memory_resource* memory() const noexcept { return rows.get_allocator().resource(); }
    // With what sorting the rows will take.
    std::size_t memory_bytes() const noexcept;

  private:
    std::pmr::vector<std::uint8_t> is_listed_; // by number
};

// The same rows, sorted and without repetitions, by places. The first items are those that may be drawn.
class positives {
  public:
    // Takes what it needs of the rows and frees it. Drawn are items that are listed, or all where none was; only
    // those with a positive, where such are wanted alone.
    positives(positive_rows& from, bool is_listed, bool with_positives_only, poll_fn poll);

    std::uint32_t user_count() const noexcept { return static_cast<std::uint32_t>(users_.size()); }
    std::uint32_t drawable_count() const noexcept { return drawable_; }

    std::uint32_t user_number(std::uint32_t user) const noexcept { return users_[user]; }
    std::uint32_t item_number(std::uint32_t item) const noexcept { return items_[item]; }

    // All items of a user, ascending, and those of them that could be drawn for others.
    std::span<const std::uint32_t> items_of(std::uint32_t user) const noexcept
    {
        return {seen_.data() + begins_[user], seen_.data() + begins_[user + 1]};
    }
    std::span<const std::uint32_t> drawable_of(std::uint32_t user) const noexcept;

    // How many users have each item that may be drawn.
    std::pmr::vector<std::uint32_t> popularity(poll_fn poll) const;

    std::pmr::memory_resource* memory() const noexcept { return seen_.get_allocator().resource(); }

  private:
    using numbers = std::pmr::vector<std::uint32_t>;

    numbers places_of_items(const positive_rows& from, bool is_listed, bool with_positives_only, poll_fn poll);
    void fill(std::span<const positive> by_item, poll_fn poll);

    numbers users_; // numbers, by place
    numbers items_;
    std::uint32_t drawable_ = 0;
    std::pmr::vector<std::uint64_t> begins_; // by user
    numbers seen_;
};

} // namespace etl::feature
