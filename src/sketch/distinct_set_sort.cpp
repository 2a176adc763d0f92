#include "sketch/distinct_set_sort.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t few_unordered = 12;
constexpr std::size_t few = 24; // an insertion sort is the fastest for so many
constexpr int most_dealt_bits = 10;
constexpr int last_dealt_bits = 7;
constexpr int parted_bits = 8;

template <class Entry>
constexpr int bits_of = sizeof(Entry) * 8;

// The next bits of an entry, of which the last `left` have not been looked at.
class digit {
  public:
    digit(int left, int wanted) noexcept
        : in_first_{left > 64}, skipped_{64 - (in_first_ ? left - 64 : left)}, bits_{std::min(wanted, 64 - skipped_)}
    {
    }
    int bits() const noexcept { return bits_; }
    std::size_t of(std::uint64_t entry) const noexcept { return entry << skipped_ >> (64 - bits_); }
    std::size_t of(const fingerprint& entry) const noexcept { return of(in_first_ ? entry.low : entry.high); }

  private:
    bool in_first_;
    int skipped_;
    int bits_;
};

constexpr bool are_same(std::uint64_t left, std::uint64_t right)
{
    return left == right;
}

constexpr bool are_same(const fingerprint& left, const fingerprint& right)
{
    return ((left.low ^ right.low) | (left.high ^ right.high)) == 0;
}

template <class Entry>
void insertion_sort(Entry* first, std::size_t count)
{
    for (std::size_t i = 1; i < count; ++i) {
        const Entry moved = first[i];
        std::size_t to = i;
        for (; to > 0 && precedes(moved, first[to - 1]); --to) {
            first[to] = first[to - 1];
        }
        first[to] = moved;
    }
}

// In order, or just side by side where they are equal.
enum class wanted_order : bool { none, ascending };

template <class Entry>
void sort_bucket(Entry* first, std::size_t count)
{
    if (count <= few) {
        insertion_sort(first, count);
    } else {
        std::sort(first, first + count, [](const Entry& l, const Entry& r) { return precedes(l, r); });
    }
}

// Room for entries that nobody has written yet.
template <class Entry>
class scratch {
  public:
    scratch(std::size_t size, std::pmr::memory_resource& memory)
        : memory_{memory}, size_{size}, first_{
                                            static_cast<Entry*>(memory.allocate(size * sizeof(Entry), alignof(Entry)))}
    {
    }
    ~scratch() { memory_.deallocate(first_, size_ * sizeof(Entry), alignof(Entry)); }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    std::size_t size() const noexcept { return size_; }
    Entry* from(std::size_t i) const noexcept { return first_ + i; }

  private:
    std::pmr::memory_resource& memory_;
    std::size_t size_;
    Entry* first_;
};

// Goes through the entries in their order, part by part, and writes what differs from `to` on, which never overtakes.
template <class Entry, wanted_order order>
class sorter {
  public:
    sorter(std::span<Entry> entries, std::pmr::memory_resource& memory, poll_fn poll, std::size_t scratch_bytes)
        : to_{entries.data()}, scratch_{std::min(entries.size(), scratch_bytes / sizeof(Entry)), memory},
          ends_{&memory}, stop_{poll}
    {
    }

    Entry* sort(Entry* first, std::size_t count, int left)
    {
        if (count <= few) {
            finish(first, count);
        } else if (left == 0) { // all the same
            emit(first, 1);
        } else if (count <= scratch_.size()) {
            deal(first, count, left);
        } else {
            part(first, count, left);
        }
        return to_;
    }

  private:
    void emit(const Entry* first, std::size_t count)
    {
        if (count == 0) {
            return;
        }
        Entry last = *first;
        *to_++ = last;
        for (std::size_t i = 1; i < count; ++i) {
            const Entry next = first[i];
            *to_ = next;
            to_ += next != last;
            last = next;
        }
    }

    // In one pass or two, so that no pass writes to more places than the caches nearby have lines for.
    void deal(Entry* first, std::size_t count, int left)
    {
        const int wanted = static_cast<int>(std::bit_width(count)) - 3; // for buckets of four
        if (wanted <= most_dealt_bits) {
            deal_out(first, scratch_.from(0), count, {left, wanted}, ends_);
            each_bucket(ends_, [this](std::size_t begin, std::size_t size) { finish(scratch_.from(begin), size); });
            return;
        }
        const digit by{left, std::min(wanted - last_dealt_bits, most_dealt_bits)};
        deal_out(first, scratch_.from(0), count, by, outer_ends_);
        each_bucket(outer_ends_, [=, this](std::size_t begin, std::size_t size) {
            deal_back(scratch_.from(begin), first + begin, size, left - by.bits());
        });
    }

    void deal_back(Entry* first, Entry* to, std::size_t count, int left)
    {
        if (count <= few || left == 0) {
            finish(first, count);
            return;
        }
        const int wanted = static_cast<int>(std::bit_width(count)) - 3;
        deal_out(first, to, count, {left, std::min(wanted, most_dealt_bits)}, ends_);
        each_bucket(ends_, [=, this](std::size_t begin, std::size_t size) { finish(to + begin, size); });
    }

    // Copies the entries in the order of a digit, and tells where each bucket ends.
    static void deal_out(const Entry* from, Entry* to, std::size_t count, const digit& by,
                         std::pmr::vector<std::uint32_t>& ends)
    {
        ends.assign(std::size_t{1} << by.bits(), 0);
        for (std::size_t i = 0; i < count; ++i) {
            ++ends[by.of(from[i])];
        }
        std::uint32_t begin = 0;
        for (std::uint32_t& end : ends) {
            begin += std::exchange(end, begin);
        }
        for (std::size_t i = 0; i < count; ++i) {
            to[ends[by.of(from[i])]++] = from[i];
        }
    }

    template <class Use>
    void each_bucket(const std::pmr::vector<std::uint32_t>& ends, Use&& use)
    {
        std::uint32_t begin = 0;
        for (const std::uint32_t end : ends) {
            if (begin != end) {
                use(begin, end - begin);
            }
            begin = end;
            stop_.tick();
        }
    }

    void finish(Entry* first, std::size_t count)
    {
        if (order == wanted_order::none && count <= few_unordered) {
            emit_unordered(first, count);
            return;
        }
        sort_bucket(first, count);
        emit(first, count);
    }

    // Compares each with all that the bucket has left so far: without branches that nobody could predict.
    void emit_unordered(const Entry* first, std::size_t count)
    {
        const Entry* kept = to_;
        for (std::size_t i = 0; i < count; ++i) {
            const Entry next = first[i];
            bool is_new = true;
            for (const Entry* before = kept; before != to_; ++before) {
                is_new &= !are_same(*before, next);
            }
            *to_ = next;
            to_ += is_new;
        }
    }

    void part(Entry* first, std::size_t count, int left)
    {
        const digit by{left, parted_bits};
        std::array<std::size_t, (1 << parted_bits)> heads{};
        std::array<std::size_t, (1 << parted_bits)> ends{};
        for (std::size_t i = 0; i < count; ++i) {
            ++ends[by.of(first[i])];
            stop_.tick();
        }
        std::size_t begin = 0;
        for (std::size_t i = 0; i < ends.size(); ++i) {
            heads[i] = begin;
            begin += ends[i];
            ends[i] = begin;
        }
        for (std::size_t i = 0; i < ends.size(); ++i) {
            while (heads[i] < ends[i]) {
                settle(first, by, heads, i);
            }
        }
        begin = 0;
        for (const std::size_t end : ends) {
            sort(first + begin, end - begin, left - by.bits());
            begin = end;
        }
    }

    // Follows the entry at the head of a bucket to where it belongs, and what lay there, until one belongs here.
    void settle(Entry* first, const digit& by, std::array<std::size_t, (1 << parted_bits)>& heads, std::size_t here)
    {
        Entry held = first[heads[here]];
        for (std::size_t there = by.of(held); there != here; there = by.of(held)) {
            std::swap(held, first[heads[there]++]);
            stop_.tick();
        }
        first[heads[here]++] = held;
        stop_.tick();
    }

    Entry* to_;
    scratch<Entry> scratch_;
    std::pmr::vector<std::uint32_t> ends_;
    std::pmr::vector<std::uint32_t> outer_ends_;
    poller stop_;
};

template <wanted_order order, class Entry>
std::size_t keep_distinct(std::span<Entry> entries, std::pmr::memory_resource& memory, poll_fn poll,
                          std::size_t scratch_bytes)
{
    if (entries.size() <= few) { // without the preparations: most sets are small
        insertion_sort(entries.data(), entries.size());
        return static_cast<std::size_t>(std::unique(entries.begin(), entries.end()) - entries.begin());
    }
    sorter<Entry, order> all{entries, memory, poll, scratch_bytes};
    return static_cast<std::size_t>(all.sort(entries.data(), entries.size(), bits_of<Entry>) - entries.data());
}

} // namespace

std::size_t sort_distinct(std::span<std::uint64_t> entries, std::pmr::memory_resource& memory, poll_fn poll,
                          std::size_t scratch_bytes)
{
    return keep_distinct<wanted_order::ascending>(entries, memory, poll, scratch_bytes);
}

std::size_t sort_distinct(std::span<fingerprint> entries, std::pmr::memory_resource& memory, poll_fn poll,
                          std::size_t scratch_bytes)
{
    return keep_distinct<wanted_order::ascending>(entries, memory, poll, scratch_bytes);
}

std::size_t drop_repeated(std::span<std::uint64_t> entries, std::pmr::memory_resource& memory, poll_fn poll,
                          std::size_t scratch_bytes)
{
    return keep_distinct<wanted_order::none>(entries, memory, poll, scratch_bytes);
}

std::size_t drop_repeated(std::span<fingerprint> entries, std::pmr::memory_resource& memory, poll_fn poll,
                          std::size_t scratch_bytes)
{
    return keep_distinct<wanted_order::none>(entries, memory, poll, scratch_bytes);
}

} // namespace etl
