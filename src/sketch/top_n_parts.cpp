#include "sketch/top_n_parts.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t least_table = 1024;

// What a row takes beside its words while its part is selected, if its key is its alone: of rows, of firsts and of what
// is kept a pointer each, an item, its group and where that ends, slots of the table.
constexpr std::size_t row_bytes = 3 * sizeof(void*) + sizeof(key_groups::item) + sizeof(std::uint32_t) +
                                  sizeof(std::size_t) + 4 * sizeof(std::uint32_t);

} // namespace

key_groups::key_groups(std::pmr::memory_resource* memory, run_store& store, part_chunks chunks, std::uint32_t n,
                       const entry_order& order, std::size_t budget, poll_fn poll)
    : store_{store}, chunks_{std::move(chunks)}, n_{n}, order_{order}, budget_{budget}, polls_{poll}, words_{memory},
      rows_{memory}, group_of_row_{memory}, table_{memory}, firsts_{memory}, ends_{memory}, items_{memory}
{
    sort_by_part(chunks_);
}

std::span<const key_groups::item> key_groups::next()
{
    while (group_ == firsts_.size()) {
        if (!next_part()) {
            return {};
        }
    }
    return select(group_++);
}

bool key_groups::next_part()
{
    if (at_ == chunks_.size()) {
        return false;
    }
    const auto part = part_from(chunks_, at_, chunks_[at_].part);
    reserve(part);
    std::size_t most = budget_;
    for (const part_chunk& chunk : part) {
        if (bytes_with(chunk) > most) {
            compact();
            most = std::max(most, 2 * bytes_with({})); // all that is left may be wanted
        }
        read(chunk);
    }
    at_ += part.size();
    index();
    return true;
}

// Room for the words of a part, as far as its rows have any within the budget, and for one more chunk: what compact()
// leaves fills no whole ones.
void key_groups::reserve(std::span<const part_chunk> part)
{
    part_chunk all{};
    words_.clear();
    held_rows_ = 0;
    for (const part_chunk& chunk : part) {
        part_chunk more = all;
        more.bytes += chunk.bytes;
        more.rows += chunk.rows;
        if (bytes_with(more) > budget_) {
            break;
        }
        all = more;
    }
    words_.reserve((all.bytes + part_layout{}.chunk_bytes) / sizeof(std::uint64_t));
}

// Memory of all that is held and of one more chunk.
std::size_t key_groups::bytes_with(const part_chunk& next) const noexcept
{
    return words_.size() * sizeof(std::uint64_t) + next.bytes + (held_rows_ + next.rows) * row_bytes;
}

void key_groups::read(const part_chunk& from)
{
    const std::size_t held = words_.size();
    words_.resize(held + from.bytes / sizeof(std::uint64_t));
    held_rows_ += from.rows;
    store_.read(from.from, from.offset, std::as_writable_bytes(std::span{words_}.subspan(held)));
    polls_.tick();
}

void key_groups::find_rows()
{
    rows_.clear();
    rows_.reserve(held_rows_);
    for (std::size_t at = 0; at < words_.size(); at += rows_.back()->words) {
        rows_.push_back(reinterpret_cast<const parted_row*>(&words_[at]));
        polls_.tick();
    }
}

std::uint32_t key_groups::group_of(const parted_row& row)
{
    const std::size_t mask = table_.size() - 1;
    for (std::size_t slot = row.key.low & mask;; slot = (slot + 1) & mask) {
        if (table_[slot] == 0) {
            firsts_.push_back(&row);
            table_[slot] = static_cast<std::uint32_t>(firsts_.size());
            return table_[slot] - 1;
        }
        if (firsts_[table_[slot] - 1]->key == row.key) {
            return table_[slot] - 1;
        }
    }
}

void key_groups::grow_table()
{
    table_.assign(table_.size() * 2, 0);
    const std::size_t mask = table_.size() - 1;
    for (std::uint32_t group = 0; group < firsts_.size(); ++group) {
        std::size_t slot = firsts_[group]->key.low & mask;
        while (table_[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        table_[slot] = group + 1;
    }
}

// Rows by group: their numbers are counted, then each row goes to its place.
void key_groups::index()
{
    find_rows();
    firsts_.clear();
    ends_.clear();
    group_of_row_.clear();
    group_of_row_.reserve(rows_.size());
    group_ = 0;
    table_.assign(least_table, 0);
    for (const parted_row* row : rows_) {
        const std::uint32_t group = group_of(*row);
        group_of_row_.push_back(group);
        ends_.resize(firsts_.size());
        ++ends_[group];
        if (firsts_.size() * 2 > table_.size()) {
            grow_table();
        }
        polls_.tick();
    }
    std::size_t begin = 0;
    for (std::size_t& end : ends_) {
        begin += std::exchange(end, begin);
    }
    items_.resize(rows_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        items_[ends_[group_of_row_[i]]++] = {rows_[i]->entry().code, rows_[i]};
    }
}

std::span<key_groups::item> key_groups::select(std::size_t group)
{
    const std::size_t begin = group == 0 ? 0 : ends_[group - 1];
    auto items = std::span{items_}.subspan(begin, ends_[group] - begin);
    const auto is_before = [this](const item& a, const item& b) {
        polls_.tick();
        return a.code != b.code ? a.code < b.code : order_.compare(a.row->entry(), b.row->entry()) < 0;
    };
    if (items.size() > n_) {
        std::nth_element(items.begin(), items.begin() + n_, items.end(), is_before);
        items = items.first(n_);
    }
    std::sort(items.begin(), items.end(), is_before);
    return items;
}

// Leaves of each key the rows that may be wanted. Rows are moved towards the front, in the order in which they lie:
// none is written over before it is moved.
void key_groups::compact()
{
    index();
    std::pmr::vector<const parted_row*> kept{words_.get_allocator()};
    kept.reserve(rows_.size());
    for (std::size_t group = 0; group < firsts_.size(); ++group) {
        for (const item& found : select(group)) {
            kept.push_back(found.row);
        }
    }
    std::ranges::sort(kept);
    std::size_t at = 0;
    for (const parted_row* row : kept) {
        const std::size_t words = row->words;
        std::copy_n(reinterpret_cast<const std::uint64_t*>(row), words, words_.data() + at);
        at += words;
    }
    words_.resize(at);
    held_rows_ = kept.size();
}

} // namespace etl
