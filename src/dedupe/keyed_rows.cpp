#include "dedupe/keyed_rows.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

// What the rows of a part are likely to need, if they do not share keys.
std::size_t groups_for(std::uint64_t rows) noexcept
{
    constexpr std::uint64_t most_at_first = 65536;
    return std::bit_ceil(2 * std::clamp<std::uint64_t>(rows, 1, most_at_first / 2));
}

} // namespace

// Parts whose keys lie in the cache, and whose buffers take 4 MB at most.
part_layout layout_for(std::uint64_t expected) noexcept
{
    constexpr std::uint64_t rows_per_part = 16384;
    const auto parts = std::bit_ceil(std::clamp<std::uint64_t>(expected / rows_per_part, 2, 512));
    return {.parts = static_cast<std::uint32_t>(parts)};
}

losers::losers(std::pmr::memory_resource* memory, run_store& store, part_chunks chunks, poll_fn poll)
    : store_{store}, chunks_{std::move(chunks)}, poll_{poll}, groups_{memory}, rows_{memory}, found_{memory}
{
    sort_by_part(chunks_);
}

std::span<const loser> losers::next()
{
    found_.clear();
    while (found_.empty() && (at_ < part_end_ || next_part())) {
        for (const keyed_row& row : read(chunks_[at_])) {
            group& of = group_of(row.key);
            if (of.kept.place != row.place) {
                found_.push_back({++of.rows, row.place, of.kept.place});
            }
        }
        ++at_;
    }
    return found_;
}

// Finds which rows of the next part stay.
bool losers::next_part()
{
    at_ = part_end_;
    if (at_ == chunks_.size()) {
        return false;
    }
    const auto part = part_from(chunks_, at_, chunks_[at_].part);
    part_end_ += part.size();
    groups_.assign(groups_for(bytes_in(part) / sizeof(keyed_row)), group{});
    used_ = 0;
    for (const part_chunk& chunk : part) {
        for (const keyed_row& row : read(chunk)) {
            enter(row);
        }
    }
    return true;
}

std::span<const keyed_row> losers::read(const part_chunk& from)
{
    poll_();
    if (from.bytes > part_layout{}.chunk_bytes) { // the list is an SQL function's argument, and anybody's
        throw error(sqlstate::invalid_binary_representation,
                    "a chunk of rows claims " + std::to_string(from.bytes) + " bytes, more than any has");
    }
    rows_.resize(from.bytes / sizeof(keyed_row));
    store_.read(from.from, from.offset, std::as_writable_bytes(std::span{rows_}));
    return rows_;
}

// The group of a key, or an empty one to be its group. There is always an empty one.
losers::group& losers::group_of(const fingerprint& key) noexcept
{
    std::size_t at = key.low & (groups_.size() - 1);
    while (groups_[at].rows > 0 && groups_[at].kept.key != key) {
        at = (at + 1) & (groups_.size() - 1);
    }
    return groups_[at];
}

void losers::enter(const keyed_row& row)
{
    group& of = group_of(row.key);
    if (of.rows == 0) {
        of = {row, 1};
        if (++used_ > groups_.size() / 2) {
            grow();
        }
    } else if (row.is_before(of.kept)) {
        of.kept = row;
    }
}

void losers::grow()
{
    std::pmr::vector<group> old(groups_.size() * 2, group{}, groups_.get_allocator());
    std::swap(old, groups_);
    for (const group& held : old) {
        if (held.rows > 0) {
            group_of(held.kept.key) = held;
        }
    }
}

} // namespace etl::dedupe
