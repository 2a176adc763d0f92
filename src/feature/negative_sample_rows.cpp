#include "feature/negative_sample_rows.hpp"

#include "sketch/key_order.hpp"

#include <algorithm>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

using numbers = std::pmr::vector<std::uint32_t>;
using offsets = std::pmr::vector<std::uint64_t>;

// Where each of `count` values begins, when the rows are sorted by what `of` gives.
template <class Of>
offsets begins_by(std::span<const positive> rows, std::size_t count, Of&& of, poller& stop,
                  std::pmr::memory_resource* memory)
{
    offsets begins(count + 1, memory);
    for (const positive& row : rows) {
        ++begins[of(row) + 1];
        stop.tick();
    }
    for (std::size_t i = 0; i < count; ++i) {
        begins[i + 1] += begins[i];
        stop.tick();
    }
    return begins;
}

constexpr std::uint32_t upper_half(std::uint64_t hash) noexcept
{
    return static_cast<std::uint32_t>(hash >> 32);
}

numbers inverse(const numbers& order, poller& stop)
{
    numbers places(order.size(), order.get_allocator());
    for (std::uint32_t place = 0; place < order.size(); ++place) {
        places[order[place]] = place;
        stop.tick();
    }
    return places;
}

} // namespace

std::uint32_t value_numbers::number_of(const fingerprint& value)
{
    if ((prints_.size() + 1) * 3 > slots_.size() * 2) {
        grow();
    }
    const std::uint64_t hash = print_hash{}(value);
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (!slots_[at].is_free() && !(slots_[at].hash == upper_half(hash) && prints_[slots_[at].number()] == value)) {
        at = (at + 1) & mask;
    }
    if (slots_[at].is_free()) {
        prints_.push_back(value);
        slots_[at] = {count(), upper_half(hash)};
    }
    return slots_[at].number();
}

void value_numbers::grow()
{
    constexpr std::size_t most = std::size_t{1} << 31;
    if (prints_.size() >= most) {
        throw error(sqlstate::program_limit_exceeded, "a sample has too many different values",
                    "There are more than " + std::to_string(most) + " users or items.");
    }
    slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), {});
    const std::size_t mask = slots_.size() - 1;
    poller stop{poll_};
    for (std::uint32_t number = 0; number < count(); ++number) {
        const std::uint64_t hash = print_hash{}(prints_[number]);
        std::size_t at = hash & mask;
        while (!slots_[at].is_free()) {
            at = (at + 1) & mask;
        }
        slots_[at] = {number + 1, upper_half(hash)};
        stop.tick();
    }
}

// The number takes the place of the last 32 bits, so that it need not be looked up afterwards.
std::pmr::vector<std::uint32_t> value_numbers::sorted() const
{
    constexpr std::uint64_t number_bits = 0xffffffff;
    poller stop{poll_};
    std::pmr::vector<fingerprint> keys{prints_, prints_.get_allocator()};
    for (std::uint32_t number = 0; number < count(); ++number) {
        keys[number].high = (keys[number].high & ~number_bits) | number;
        stop.tick();
    }
    sort_keys(keys, poll_);
    numbers made{prints_.get_allocator().resource()};
    made.reserve(keys.size());
    for (const fingerprint& key : keys) {
        made.push_back(static_cast<std::uint32_t>(key.high & number_bits));
        stop.tick();
    }
    return made;
}

std::size_t value_numbers::memory_bytes() const noexcept
{
    constexpr std::size_t while_sorting = sizeof(fingerprint) + 2 * sizeof(std::uint32_t) + 3 * sizeof(std::uint64_t);
    return prints_.capacity() * sizeof(fingerprint) + slots_.capacity() * sizeof(slot) + prints_.size() * while_sorting;
}

void positive_rows::list(std::uint32_t item)
{
    if (item >= is_listed_.size()) {
        is_listed_.resize(std::max<std::size_t>(items.count(), is_listed_.size() * 2));
    }
    is_listed_[item] = 1;
}

std::size_t positive_rows::memory_bytes() const noexcept
{
    constexpr std::size_t while_sorting = sizeof(positive) + sizeof(std::uint32_t);
    return users.memory_bytes() + items.memory_bytes() + rows.capacity() * sizeof(positive) +
           rows.size() * while_sorting + is_listed_.capacity();
}

// Sorts by item, then by user: a counting sort keeps the order of rows that are equal in its own key.
positives::positives(positive_rows& from, bool is_listed, bool with_positives_only, poll_fn poll)
    : users_{from.users.sorted()}, items_{from.memory()}, begins_{from.memory()}, seen_{from.memory()}
{
    poller stop{poll};
    const numbers user_places = inverse(users_, stop);
    const numbers item_places = places_of_items(from, is_listed, with_positives_only, poll);
    offsets next = begins_by(
        from.rows, items_.size(), [&](const positive& row) { return item_places[row.item]; }, stop, from.memory());
    std::pmr::vector<positive> by_item(from.rows.size(), from.memory());
    for (const positive& row : from.rows) {
        const std::uint32_t item = item_places[row.item];
        by_item[next[item]++] = {user_places[row.user], item};
        stop.tick();
    }
    from.rows = std::pmr::vector<positive>{from.memory()};
    fill(by_item, poll);
}

// Sets items_: first those that may be drawn, each part in the order of the fingerprints.
numbers positives::places_of_items(const positive_rows& from, bool is_listed, bool with_positives_only, poll_fn poll)
{
    poller stop{poll};
    numbers has_positive(with_positives_only ? from.items.count() : 0, from.memory());
    for (const positive& row : std::span{from.rows}.first(with_positives_only ? from.rows.size() : 0)) {
        has_positive[row.item] = 1;
        stop.tick();
    }
    const numbers sorted = from.items.sorted();
    items_.reserve(sorted.size());
    for (const bool drawn : {true, false}) {
        for (const std::uint32_t item : sorted) {
            const bool may_be = (!is_listed || from.lists(item)) && (!with_positives_only || has_positive[item] != 0);
            if (may_be == drawn) {
                items_.push_back(item);
            }
            stop.tick();
        }
        drawable_ = drawn ? static_cast<std::uint32_t>(items_.size()) : drawable_;
    }
    return inverse(items_, stop);
}

// Deals rows that are sorted by item out to their users, where repetitions meet.
void positives::fill(std::span<const positive> by_item, poll_fn poll)
{
    poller stop{poll};
    offsets next = begins_by(
        by_item, users_.size(), [](const positive& row) { return row.user; }, stop, memory());
    begins_.assign(next.size(), 0);
    seen_.resize(by_item.size());
    offsets ends{next, memory()};
    for (const positive& row : by_item) {
        std::uint64_t& end = ends[row.user];
        if (end == next[row.user] || seen_[end - 1] != row.item) {
            seen_[end++] = row.item;
        }
        stop.tick();
    }
    std::uint64_t at = 0;
    for (std::size_t user = 0; user < users_.size(); ++user) {
        const auto from = seen_.begin() + static_cast<std::ptrdiff_t>(next[user]);
        const auto kept = static_cast<std::ptrdiff_t>(ends[user] - next[user]);
        std::copy(from, from + kept, seen_.begin() + static_cast<std::ptrdiff_t>(at));
        at += static_cast<std::uint64_t>(kept);
        begins_[user + 1] = at;
        stop.tick();
    }
    seen_.resize(at);
}

std::span<const std::uint32_t> positives::drawable_of(std::uint32_t user) const noexcept
{
    const auto all = items_of(user);
    return all.first(static_cast<std::size_t>(std::lower_bound(all.begin(), all.end(), drawable_) - all.begin()));
}

std::pmr::vector<std::uint32_t> positives::popularity(poll_fn poll) const
{
    poller stop{poll};
    numbers made(drawable_, memory());
    for (const std::uint32_t item : seen_) {
        if (item < drawable_) {
            ++made[item];
        }
        stop.tick();
    }
    return made;
}

} // namespace etl::feature
