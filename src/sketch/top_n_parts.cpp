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

const parted_row* row_at(const std::uint64_t* at) noexcept
{
    return reinterpret_cast<const parted_row*>(at);
}

} // namespace

// --- setting aside -------------------------------------------------------------------------------------------------

row_parts::row_parts(std::pmr::memory_resource* memory, run_store& store)
    : store_{store}, blocks_{memory}, held_(parts, block{}, memory), large_{memory}, chunks_{memory}
{
    blocks_.resize(parts * block_words);
}

void row_parts::write(std::size_t part, std::span<const std::uint64_t> words, std::uint32_t rows)
{
    store_.append(std::as_bytes(words));
    chunks_.push_back({{}, written_, words.size(), static_cast<std::uint32_t>(part), rows});
    written_ += words.size_bytes();
}

// Whole blocks, so that they lie in the file as it is read.
void row_parts::flush(std::size_t part)
{
    const auto words = std::span{blocks_}.subspan(part * block_words, block_words);
    std::ranges::fill(words.subspan(held_[part].words), 0);
    write(part, words, held_[part].rows);
    held_[part] = {};
}

void row_parts::write_large()
{
    if (!large_.empty()) {
        write(large_part_, large_, 1);
        large_.clear();
    }
}

std::uint64_t* row_parts::room(std::size_t part, std::size_t words)
{
    write_large();
    if (words > block_words) {
        large_.resize((words + block_words - 1) / block_words * block_words);
        large_part_ = part;
        return large_.data();
    }
    if (held_[part].words + words > block_words) {
        flush(part);
    }
    std::uint64_t* made = &blocks_[part * block_words + held_[part].words];
    held_[part].words += static_cast<std::uint32_t>(words);
    ++held_[part].rows;
    return made;
}

std::uint64_t* row_parts::add(const fingerprint& key, std::size_t words)
{
    std::uint64_t* made = room(key.high >> 56, header_words + words);
    new (made) parted_row{header_words + words, key};
    return made + header_words;
}

const part_chunks& row_parts::finish()
{
    write_large();
    for (std::size_t part = 0; part < parts; ++part) {
        if (held_[part].rows > 0) {
            flush(part);
        }
    }
    if (!chunks_.empty()) {
        const run made = store_.finish();
        for (part_chunk& chunk : chunks_) {
            chunk.from = made;
        }
    }
    return chunks_;
}

// --- selecting -----------------------------------------------------------------------------------------------------

key_groups::key_groups(std::pmr::memory_resource* memory, run_store& store, part_chunks chunks, std::uint32_t n,
                       const entry_order& order, std::size_t budget, poll_fn poll)
    : store_{store}, chunks_{std::move(chunks)}, n_{n}, order_{order}, budget_{budget}, polls_{poll}, words_{memory},
      rows_{memory}, group_of_row_{memory}, table_{memory}, firsts_{memory}, ends_{memory}, items_{memory}
{
    std::ranges::stable_sort(chunks_, {}, &part_chunk::part);
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
    const std::uint32_t part = chunks_[at_].part;
    reserve_part();
    std::size_t most = budget_;
    for (; at_ < chunks_.size() && chunks_[at_].part == part; ++at_) {
        if (bytes_with(chunks_[at_]) > most) {
            compact();
            most = std::max(most, 2 * bytes_with({})); // all that is left may be wanted
        }
        read(chunks_[at_]);
    }
    index();
    return true;
}

// Room for the words of the part that comes next, as far as its rows have any within the budget, and for the end of the
// block in which those lie that compact() leaves.
void key_groups::reserve_part()
{
    part_chunk all{};
    words_.clear();
    held_rows_ = 0;
    for (std::size_t i = at_; i < chunks_.size() && chunks_[i].part == chunks_[at_].part; ++i) {
        part_chunk more = all;
        more.words += chunks_[i].words;
        more.rows += chunks_[i].rows;
        if (bytes_with(more) > budget_) {
            break;
        }
        all = more;
    }
    words_.reserve(all.words + row_parts::block_words);
}

// Memory of all that is held and of one more chunk.
std::size_t key_groups::bytes_with(const part_chunk& next) const noexcept
{
    return (words_.size() + next.words) * sizeof(std::uint64_t) + (held_rows_ + next.rows) * row_bytes;
}

void key_groups::read(const part_chunk& from)
{
    const std::size_t held = words_.size();
    words_.resize(held + from.words);
    held_rows_ += from.rows;
    store_.read(from.from, from.offset, std::as_writable_bytes(std::span{words_}.subspan(held)));
    polls_.tick();
}

// Blocks end in zeros.
void key_groups::find_rows()
{
    rows_.clear();
    rows_.reserve(held_rows_);
    for (std::size_t at = 0; at < words_.size();) {
        const parted_row* row = row_at(&words_[at]);
        if (row->words == 0) {
            at = (at / row_parts::block_words + 1) * row_parts::block_words;
        } else {
            rows_.push_back(row);
            at += row->words;
        }
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
// none is written over before it is moved. What is read next begins a block again.
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
    words_.resize((at + row_parts::block_words - 1) / row_parts::block_words * row_parts::block_words);
    std::fill(words_.begin() + static_cast<std::ptrdiff_t>(at), words_.end(), 0);
    held_rows_ = kept.size();
}

} // namespace etl
