#include "dedupe/keyed_rows.hpp"

#include "core/bytes.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr char type[] = "keyed rows";
constexpr std::uint32_t magic = make_magic("EKRc");
constexpr std::uint32_t version = 1;

// What the rows of a part are likely to need, if they do not share keys.
std::size_t groups_for(std::uint64_t rows) noexcept
{
    constexpr std::uint64_t most_at_first = 65536;
    return std::bit_ceil(2 * std::clamp<std::uint64_t>(rows, 1, most_at_first / 2));
}

// Parts whose keys lie in the cache, and whose buffers take 4 MB at most.
std::uint64_t parts_for(std::uint64_t rows) noexcept
{
    constexpr std::uint64_t rows_per_part = 16384;
    return std::bit_ceil(std::clamp<std::uint64_t>(rows / rows_per_part, 2, 512));
}

} // namespace

std::size_t chunks_size(const row_chunks& chunks) noexcept
{
    return sizeof(state_header) + chunks.size() * sizeof(row_chunk);
}

void write_chunks(const row_chunks& chunks, std::byte* to) noexcept
{
    store(to, state_header{magic, version});
    if (!chunks.empty()) {
        std::memcpy(to + sizeof(state_header), chunks.data(), chunks.size() * sizeof(row_chunk));
    }
}

row_chunks read_chunks(std::pmr::memory_resource* memory, std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, type);
    const auto listed = bytes.subspan(sizeof(state_header));
    if (listed.size() % sizeof(row_chunk) != 0) {
        refuse_state(type, "Its length of " + std::to_string(bytes.size()) + " bytes is not that of a list of chunks.");
    }
    row_chunks made(listed.size() / sizeof(row_chunk), memory);
    if (!made.empty()) {
        std::memcpy(made.data(), listed.data(), listed.size());
    }
    for (const row_chunk& chunk : made) {
        if (chunk.rows > keyed_rows::chunk_rows) {
            refuse_state(type, "It claims a chunk of " + std::to_string(chunk.rows) + " rows.");
        }
    }
    return made;
}

keyed_rows::keyed_rows(std::pmr::memory_resource* memory, run_store& store, std::uint64_t expected)
    : store_{store}, shift_{64U - static_cast<unsigned>(std::countr_zero(parts_for(expected)))},
      rows_(parts_for(expected) * chunk_rows, memory), held_(parts_for(expected), memory), chunks_{memory}
{
}

// The run is named when it is finished.
void keyed_rows::write(std::uint64_t part)
{
    const std::uint32_t rows = std::exchange(held_[part], 0);
    const auto bytes = std::as_bytes(std::span{rows_}.subspan(part * chunk_rows, rows));
    store_.append(bytes);
    chunks_.push_back({{}, written_, static_cast<std::uint32_t>(part), rows});
    written_ += bytes.size();
}

const row_chunks& keyed_rows::finish()
{
    for (std::uint64_t part = 0; part < held_.size(); ++part) {
        if (held_[part] > 0) {
            write(part);
        }
    }
    if (!chunks_.empty()) {
        const run made = store_.finish();
        std::ranges::for_each(chunks_, [&made](row_chunk& chunk) { chunk.from = made; });
    }
    return chunks_;
}

losers::losers(std::pmr::memory_resource* memory, run_store& store, row_chunks chunks, poll_fn poll)
    : store_{store}, chunks_{std::move(chunks)}, poll_{poll}, groups_{memory}, rows_{memory}, found_{memory}
{
    std::ranges::sort(chunks_, {}, [](const row_chunk& chunk) { return std::pair{chunk.part, chunk.offset}; });
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
    std::uint64_t rows = 0;
    while (part_end_ < chunks_.size() && chunks_[part_end_].part == chunks_[at_].part) {
        rows += chunks_[part_end_++].rows;
    }
    groups_.assign(groups_for(rows), group{});
    used_ = 0;
    for (std::size_t i = at_; i < part_end_; ++i) {
        for (const keyed_row& row : read(chunks_[i])) {
            enter(row);
        }
    }
    return at_ < part_end_;
}

std::span<const keyed_row> losers::read(const row_chunk& from)
{
    poll_();
    rows_.resize(from.rows);
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
