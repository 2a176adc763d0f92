#include "feature/sliding_distinct.hpp"

#include <algorithm>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

constexpr std::size_t least_slots = 16;

} // namespace

sliding_distinct::sliding_distinct(std::pmr::memory_resource* memory, std::size_t windows)
    : windows_{windows}, values_(least_slots, fingerprint{}, memory), rows_(least_slots * windows, memory),
      different_(windows, memory)
{
}

// The slot of a value, or the free one where it would stand. There is always a free one.
std::size_t sliding_distinct::find(const fingerprint& value) const noexcept
{
    std::size_t slot = home(value);
    while (!is_free(slot) && values_[slot] != value) {
        slot = (slot + 1) & (values_.size() - 1);
    }
    return slot;
}

void sliding_distinct::add(const fingerprint& value)
{
    std::size_t slot = find(value);
    if (is_free(slot)) {
        if (2 * (used_ + 1) > values_.size()) {
            grow();
            slot = find(value);
        }
        values_[slot] = value;
        ++used_;
    }
    std::uint32_t* rows = &rows_[slot * windows_];
    for (std::size_t i = 0; i < windows_; ++i) {
        different_[i] += rows[i]++ == 0 ? 1 : 0;
    }
}

void sliding_distinct::take(const fingerprint& value, std::size_t window)
{
    const std::size_t slot = find(value);
    std::uint32_t* rows = &rows_[slot * windows_];
    if (--rows[window] == 0) {
        --different_[window];
        if (std::all_of(rows, rows + windows_, [](std::uint32_t n) { return n == 0; })) {
            free(slot);
        }
    }
}

// Moves back what has been pushed past the slot (D. Knuth, "The Art of Computer Programming" 3, 6.4, algorithm R).
void sliding_distinct::free(std::size_t slot) noexcept
{
    const std::size_t mask = values_.size() - 1;
    for (std::size_t next = (slot + 1) & mask; !is_free(next); next = (next + 1) & mask) {
        if (((next - home(values_[next])) & mask) >= ((next - slot) & mask)) {
            values_[slot] = values_[next];
            std::copy_n(&rows_[next * windows_], windows_, &rows_[slot * windows_]);
            slot = next;
        }
    }
    values_[slot] = {};
    std::fill_n(&rows_[slot * windows_], windows_, 0U);
    --used_;
}

void sliding_distinct::grow()
{
    std::pmr::vector<fingerprint> values(2 * values_.size(), fingerprint{}, values_.get_allocator());
    std::pmr::vector<std::uint32_t> rows(2 * rows_.size(), rows_.get_allocator());
    std::swap(values, values_);
    std::swap(rows, rows_);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!values[i].is_zero()) {
            const std::size_t slot = find(values[i]);
            values_[slot] = values[i];
            std::copy_n(&rows[i * windows_], windows_, &rows_[slot * windows_]);
        }
    }
}

// A table that has become large for one key gets smaller from key to key, so that what it costs the next ones is no
// more than that key did.
void sliding_distinct::clear() noexcept
{
    if (used_ > 0) {
        const std::size_t slots = std::max(values_.size() / 2, least_slots);
        values_.resize(slots);
        rows_.resize(slots * windows_);
        std::ranges::fill(values_, fingerprint{});
        std::ranges::fill(rows_, 0U);
        used_ = 0;
    }
    std::ranges::fill(different_, 0);
}

} // namespace etl::feature
