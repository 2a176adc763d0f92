#include "dedupe/match_blocks.hpp"

#include "sketch/fingerprint.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string>
#include <tuple>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

bool is_sampled(std::uint64_t key, double share, std::uint64_t seed) noexcept
{
    constexpr double range = 18446744073709551616.0; // 2^64
    return static_cast<double>(etl::detail::mix64(key ^ etl::detail::mix64(seed))) <= share * range;
}

match_blocks::match_blocks(std::uint32_t window, std::pmr::memory_resource* memory)
    : window_{window}, entries_{memory}, keys_{memory}, begins_{memory}, members_{memory}, row_ends_{memory},
      row_blocks_{memory}, places_{memory}
{
}

void match_blocks::reserve(std::size_t rows)
{
    if (window_ != 0) {
        places_.reserve(rows);
    } else {
        entries_.reserve(rows);
    }
}

void match_blocks::add_place(row_number row, std::int64_t place)
{
    if (place < 1 || place > std::numeric_limits<std::uint32_t>::max()) {
        throw error(sqlstate::invalid_parameter_value, "a row cannot stand at place " + std::to_string(place));
    }
    places_.resize(row + std::size_t{1});
    places_[row] = static_cast<std::uint32_t>(place);
}

void match_blocks::close(const match_rows& rows, std::uint64_t max_block, poll_fn poll)
{
    poller stop{poll};
    if (window_ != 0) {
        close_sorted(rows.size());
    } else {
        close_blocks(rows, max_block, stop);
    }
    poll();
}

void match_blocks::close_sorted(row_number rows)
{
    places_.resize(rows);
    const auto placed = static_cast<std::size_t>(std::ranges::count_if(places_, [](auto p) { return p != 0; }));
    members_.resize(placed);
    keys_.resize(placed);
    for (row_number row = 0; row < rows; ++row) {
        const std::uint32_t place = places_[row];
        if (place > placed || (place != 0 && keys_[place - 1] != 0)) {
            throw error(sqlstate::invalid_parameter_value, "the places of sorted rows are not 1, 2, 3 and so on");
        }
        if (place != 0) {
            members_[place - 1] = row;
            keys_[place - 1] = place;
        }
    }
}

void match_blocks::close_blocks(const match_rows& rows, std::uint64_t max_block, poller& stop)
{
    std::sort(entries_.begin(), entries_.end(), [&stop](const entry& x, const entry& y) {
        stop.tick();
        return std::tie(x.key, x.row) < std::tie(y.key, y.row);
    });
    const std::span<const entry> all{entries_};
    begins_.push_back(0);
    for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
        while (end < all.size() && all[end].key == all[begin].key) {
            ++end;
        }
        count(all.subspan(begin, end - begin), rows, max_block);
    }
    entries_ = std::pmr::vector<entry>{entries_.get_allocator()};
    assign(rows.size());
}

// A block that makes pairs and is not too large becomes one.
void match_blocks::count(std::span<const entry> block, const match_rows& rows, std::uint64_t max_block)
{
    const auto size = static_cast<double>(block.size());
    const auto second = static_cast<double>(
        std::ranges::count_if(block, [&rows](const entry& one) { return rows.is_second(one.row); }));
    const double pairs = rows.links() ? second * (size - second) : size * (size - 1) / 2;
    counts_.largest = std::max<std::uint64_t>(counts_.largest, block.size());
    if (block.size() > max_block) {
        ++counts_.cut_blocks;
        counts_.cut_pairs += pairs;
    } else if (pairs > 0) {
        counts_.pairs += pairs;
        keys_.push_back(block.front().key);
        std::ranges::transform(block, std::back_inserter(members_), &entry::row);
        begins_.push_back(members_.size());
    }
}

// The blocks of each row, in ascending order: counted, then placed.
void match_blocks::assign(row_number rows)
{
    row_ends_.resize(rows);
    for (const row_number row : members_) {
        ++row_ends_[row];
    }
    std::size_t end = 0;
    for (std::size_t& one : row_ends_) {
        several_ = several_ || one > 1;
        end += one;
        one = end - one; // where its blocks begin; each one placed moves it towards their end
    }
    row_blocks_.resize(members_.size());
    for (block_number block = 0; block < keys_.size(); ++block) {
        for (const row_number row : members(block)) {
            row_blocks_[row_ends_[row]++] = block;
        }
    }
}

std::span<const match_blocks::block_number> match_blocks::blocks_of(row_number row) const noexcept
{
    const std::size_t begin = row == 0 ? 0 : row_ends_[row - 1];
    return {row_blocks_.data() + begin, row_ends_[row] - begin};
}

bool match_blocks::is_first_common(block_number block, row_number one, row_number other) const noexcept
{
    const auto other_blocks = blocks_of(other);
    for (const block_number own : blocks_of(one)) {
        if (std::ranges::binary_search(other_blocks, own)) {
            return own == block;
        }
    }
    return false;
}

bool match_blocks::finds(row_number one, row_number other) const noexcept
{
    if (window_ != 0) {
        const std::int64_t distance = std::int64_t{places_[one]} - places_[other];
        return places_[one] != 0 && places_[other] != 0 && std::abs(distance) < window_;
    }
    const auto other_blocks = blocks_of(other);
    return std::ranges::any_of(
        blocks_of(one), [other_blocks](block_number own) { return std::ranges::binary_search(other_blocks, own); });
}

std::size_t match_blocks::memory_bytes() const noexcept
{
    return entries_.capacity() * sizeof(entry) + keys_.capacity() * sizeof(std::uint64_t) +
           (begins_.capacity() + row_ends_.capacity()) * sizeof(std::size_t) +
           members_.capacity() * sizeof(row_number) + row_blocks_.capacity() * sizeof(block_number) +
           places_.capacity() * sizeof(std::uint32_t);
}

} // namespace etl::dedupe
