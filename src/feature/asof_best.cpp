#include "feature/asof_best.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <new>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

constexpr std::uint32_t polled = 65536;
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

// As far as two moments can be apart; what is infinite is that far from all else.
std::uint64_t distance(std::int64_t from, std::int64_t to) noexcept
{
    const bool is_infinite = from == lowest || from == highest || to == lowest || to == highest;
    return from != to && is_infinite ? std::numeric_limits<std::uint64_t>::max()
                                     : static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
}

} // namespace

asof_best::asof_best(std::pmr::memory_resource* memory, const asof_index& index, label_range labels,
                     row_ranking& ranking)
    : memory_{memory}, index_{index}, labels_{labels}, ranking_{ranking}, has_tree_{!index.rules().is_one_sided()},
      backward_{memory}, forward_{memory}
{
    const std::size_t count = labels.last - labels.first;
    if (index.rules().backward) {
        backward_.resize(count);
    }
    if (index.rules().forward) {
        forward_.resize(has_tree_ ? 2 * count : count);
    }
}

// Where the labels of this object lie among those that a row serves.
label_range asof_best::within(label_range of) const noexcept
{
    of.first = std::max(of.first, labels_.first);
    of.last = std::min(of.last, labels_.last);
    return of.is_empty() ? label_range{0, 0} : label_range{of.first - labels_.first, of.last - labels_.first};
}

asof_places asof_best::places_of(const asof_record& row, label_range of_key) const noexcept
{
    asof_places made{};
    if (!backward_.empty() && !of_key.is_empty()) {
        made.backward = within(index_.backward(of_key, row.time, row.first));
    }
    if (!forward_.empty() && !of_key.is_empty()) {
        made.forward = within(index_.forward(of_key, row.time, row.first));
    }
    return made;
}

void asof_best::approach_places(const asof_places& of) const noexcept
{
    if (!of.backward.is_empty()) {
        __builtin_prefetch(&backward_[of.backward.first]);
    }
    if (!of.forward.is_empty()) {
        __builtin_prefetch(&forward_[of.forward.last - 1]);
    }
}

void asof_best::approach_rows(const asof_places& of) const noexcept
{
    if (!of.backward.is_empty()) {
        __builtin_prefetch(backward_[of.backward.first], 1);
    }
    if (!of.forward.is_empty()) {
        __builtin_prefetch(forward_[of.forward.last - 1], 1);
    }
}

void asof_best::offer(const asof_record& row, std::span<const std::byte> bytes, const asof_places& at)
{
    noted_row* made = nullptr;
    if (!at.backward.is_empty()) {
        note(direction::backward, backward_[at.backward.first], row, bytes, made);
    }
    if (has_tree_) {
        note_in_tree(at.forward, row, bytes, made);
    } else if (!at.forward.is_empty()) {
        note(direction::forward, forward_[at.forward.last - 1], row, bytes, made);
    }
}

bool asof_best::is_better(direction in, const asof_record& a, std::span<const std::byte> bytes, const noted_row& b)
{
    if (a.time != b.time) {
        return (a.time > b.time) == (in == direction::backward);
    }
    return a.last != b.created ? a.last > b.created : ranking_.compare(bytes, b.row()) > 0;
}

bool asof_best::is_better(direction in, const noted_row& a, const noted_row& b)
{
    return is_better(in, asof_record{{}, a.time, a.known, a.created, 1, a.bytes}, a.row(), b);
}

void asof_best::note(direction in, noted_row*& place, const asof_record& row, std::span<const std::byte> bytes,
                     noted_row*& made)
{
    if (place != nullptr && !is_better(in, row, bytes, *place)) {
        return;
    }
    if (made == nullptr && place != nullptr && place->places == 1 && place->room >= bytes.size()) {
        fill(*place, row, bytes);
        made = place;
        return;
    }
    if (made == nullptr) {
        made = make(row, bytes);
    }
    ++made->places;
    drop(place);
    place = made;
}

// The stretch as few nodes of the tree.
void asof_best::note_in_tree(label_range of, const asof_record& row, std::span<const std::byte> bytes, noted_row*& made)
{
    const std::size_t leaves = forward_.size() / 2;
    for (std::size_t l = of.first + leaves, r = of.last + leaves; l < r; l /= 2, r /= 2) {
        if (l % 2 == 1) {
            note(direction::forward, forward_[l++], row, bytes, made);
        }
        if (r % 2 == 1) {
            note(direction::forward, forward_[--r], row, bytes, made);
        }
    }
}

// Rooms are of few sizes, so that what is dropped is used again.
noted_row* asof_best::make(const asof_record& row, std::span<const std::byte> bytes)
{
    const std::size_t size = std::bit_ceil(sizeof(noted_row) + bytes.size());
    auto* made = new (memory_->allocate(size, alignof(noted_row))) noted_row{};
    made->room = static_cast<std::uint32_t>(size - sizeof(noted_row));
    row_bytes_ += size;
    fill(*made, row, bytes);
    return made;
}

void asof_best::fill(noted_row& to, const asof_record& row, std::span<const std::byte> bytes)
{
    to.time = row.time;
    to.known = row.first;
    to.created = row.last;
    to.bytes = static_cast<std::uint32_t>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(&to + 1));
}

void asof_best::drop(noted_row*& place) noexcept
{
    if (place != nullptr && --place->places == 0) {
        const std::size_t size = sizeof(noted_row) + place->room;
        row_bytes_ -= size;
        memory_->deallocate(place, size, alignof(noted_row));
    }
    place = nullptr;
}

void asof_best::clear() noexcept
{
    std::ranges::for_each(backward_, [this](noted_row*& place) { drop(place); });
    std::ranges::for_each(forward_, [this](noted_row*& place) { drop(place); });
}

void asof_best::take_better(direction in, noted_row*& place, noted_row* other)
{
    if (other != nullptr && other != place && (place == nullptr || is_better(in, *other, *place))) {
        ++other->places;
        drop(place);
        place = other;
    }
}

void asof_best::settle(poll_fn poll)
{
    for (std::uint32_t number = 0; number < index_.groups() && !(backward_.empty() && forward_.empty()); ++number) {
        if (number % polled == 0) {
            poll();
        }
        const label_range of = within(index_.group(number));
        for (std::uint32_t i = of.first + 1; i < of.last && !backward_.empty(); ++i) {
            take_better(direction::backward, backward_[i], backward_[i - 1]);
        }
        for (std::uint32_t i = of.last; i > of.first + 1 && !forward_.empty() && !has_tree_; --i) {
            take_better(direction::forward, forward_[i - 2], forward_[i - 1]);
        }
    }
    for (std::size_t i = 1; has_tree_ && 2 * i < forward_.size(); ++i) {
        if (i % polled == 0) {
            poll();
        }
        take_better(direction::forward, forward_[2 * i], forward_[i]);
        take_better(direction::forward, forward_[2 * i + 1], forward_[i]);
    }
}

void asof_best::approach(std::uint32_t later, std::uint32_t next) const noexcept
{
    for (const auto* places : {&backward_, &forward_}) {
        const std::size_t offset = places == &forward_ && has_tree_ ? forward_.size() / 2 : 0;
        if (later - labels_.first < places->size() - offset) {
            __builtin_prefetch(&(*places)[offset + later - labels_.first]);
        }
        if (next - labels_.first < places->size() - offset) {
            __builtin_prefetch((*places)[offset + next - labels_.first]);
        }
    }
}

const noted_row* asof_best::answer(std::uint32_t label, std::int64_t first, std::int64_t last) const noexcept
{
    const std::uint32_t at = label - labels_.first;
    const noted_row* before = backward_.empty() ? nullptr : backward_[at];
    const noted_row* after = forward_.empty() ? nullptr : forward_[has_tree_ ? forward_.size() / 2 + at : at];
    if (before != nullptr && before->time < first) {
        before = nullptr;
    }
    if (after != nullptr && after->time > last) {
        after = nullptr;
    }
    if (before == nullptr || after == nullptr) {
        return before != nullptr ? before : after;
    }
    const std::int64_t time = index_.time(label);
    return distance(before->time, time) <= distance(time, after->time) ? before : after;
}

} // namespace etl::feature
