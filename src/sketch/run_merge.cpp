#include "sketch/run_merge.hpp"

#include <algorithm>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t single_per_block = 256;
constexpr std::size_t several_per_block = 128;
constexpr std::size_t batch_entries = 512;
constexpr std::size_t largest_piece = 64 * 1024;

struct block_head {
    std::uint32_t single;
    std::uint32_t several;
};

template <class Key>
constexpr std::size_t bytes_of(block_head head)
{
    return sizeof head + head.single * sizeof(Key) + head.several * sizeof(key_rows<Key>);
}

template <class Key>
constexpr std::size_t largest_block = bytes_of<Key>({single_per_block, several_per_block});

static_assert(alignof(fingerprint) == 8 && alignof(key_rows<fingerprint>) == 8 && sizeof(block_head) == 8,
              "every block begins and ends at a multiple of eight bytes");

[[noreturn]] void refuse_run()
{
    throw error(sqlstate::internal_error, "a temporary file of pg_etl is damaged");
}

} // namespace

template <class Key>
run_writer<Key>::run_writer(std::pmr::memory_resource* memory, run_store& store)
    : store_{store}, single_{memory}, several_{memory}
{
    single_.reserve(single_per_block);
    several_.reserve(several_per_block);
}

template <class Key>
void run_writer<Key>::write(std::span<const entry> entries)
{
    for (const entry& next : entries) {
        if (next.rows == 1) {
            single_.push_back(next.key);
        } else {
            several_.push_back(next);
        }
        if (single_.size() == single_per_block || several_.size() == several_per_block) {
            write_block();
        }
    }
}

template <class Key>
void run_writer<Key>::write_block()
{
    const block_head head{static_cast<std::uint32_t>(single_.size()), static_cast<std::uint32_t>(several_.size())};
    store_.append(std::as_bytes(std::span{&head, 1}));
    store_.append(std::as_bytes(std::span{single_}));
    store_.append(std::as_bytes(std::span{several_}));
    single_.clear();
    several_.clear();
}

template <class Key>
run run_writer<Key>::finish()
{
    if (!single_.empty() || !several_.empty()) {
        write_block();
    }
    return store_.finish();
}

template <class Key>
run_merge<Key>::run_merge(std::pmr::memory_resource* memory, std::span<const key_lists<Key>> lists, run_store* store,
                          std::span<const run> runs, std::size_t read_bytes, poll_fn poll)
    : store_{store}, sources_{memory}, heads_{memory}, tree_{memory}, pieces_{memory}, batch_{memory}, stop_{poll}
{
    piece_bytes_ = read_bytes / std::max<std::size_t>(runs.size(), 1) / 4096 * 4096;
    piece_bytes_ = std::clamp(piece_bytes_, largest_block<Key>, largest_piece);
    pieces_.resize(piece_bytes_ / sizeof(std::uint64_t) * runs.size());
    auto* piece = reinterpret_cast<std::byte*>(pieces_.data());
    batch_.resize(batch_entries);
    for (const auto& list : lists) {
        sources_.push_back({.lists = list});
    }
    for (const run& from : runs) {
        sources_.push_back({.from = from, .piece = piece});
        piece += piece_bytes_;
    }
    heads_.resize(sources_.size());
    for (std::size_t i = sources_.size(); i-- > 0;) {
        if (!advance(i)) {
            drop(i);
        }
    }
    rebuild();
}

template <class Key>
run_merge<Key>::~run_merge()
{
    if (store_ != nullptr) {
        store_->close();
    }
}

// Takes the source's next key into heads_. False at its end.
template <class Key>
bool run_merge<Key>::advance(std::size_t at)
{
    source& from = sources_[at];
    key_lists<Key>& lists = from.lists;
    if (lists.single.empty() && lists.several.empty() && !read_block(from)) {
        return false;
    }
    if (lists.several.empty() ||
        (!lists.single.empty() && is_before(lists.single.front(), lists.several.front().key))) {
        heads_[at] = lists.single.front();
        from.rows = 1;
        lists.single = lists.single.subspan(1);
    } else {
        heads_[at] = lists.several.front().key;
        from.rows = lists.several.front().rows;
        lists.several = lists.several.subspan(1);
    }
    return true;
}

template <class Key>
bool run_merge<Key>::read_block(source& from)
{
    block_head head;
    if (!read_piece(from, sizeof head)) {
        return false;
    }
    std::memcpy(&head, from.piece + from.piece_at, sizeof head);
    if (head.single > single_per_block || head.several > several_per_block || head.single + head.several == 0 ||
        !read_piece(from, bytes_of<Key>(head))) {
        refuse_run();
    }
    const std::byte* single = from.piece + from.piece_at + sizeof head;
    const std::byte* several = single + head.single * sizeof(Key);
    from.lists = {{reinterpret_cast<const Key*>(single), head.single},
                  {reinterpret_cast<const entry*>(several), head.several}};
    from.piece_at += bytes_of<Key>(head);
    return true;
}

// Makes so many bytes of the run lie in the piece, from piece_at on. False when the run has ended before them.
template <class Key>
bool run_merge<Key>::read_piece(source& from, std::size_t wanted)
{
    const std::size_t held = from.piece_end - from.piece_at;
    if (held >= wanted) {
        return true;
    }
    if (from.piece == nullptr || held + (from.from.bytes - from.offset) < wanted) {
        return false;
    }
    std::memmove(from.piece, from.piece + from.piece_at, held);
    const auto more = std::min<std::uint64_t>(piece_bytes_ - held, from.from.bytes - from.offset);
    store_->read(from.from, from.offset, {from.piece + held, static_cast<std::size_t>(more)});
    from.offset += more;
    from.piece_at = 0;
    from.piece_end = held + static_cast<std::size_t>(more);
    return true;
}

template <class Key>
void run_merge<Key>::drop(std::size_t at)
{
    sources_[at] = sources_.back();
    heads_[at] = heads_.back();
    sources_.pop_back();
    heads_.pop_back();
}

// Plays the tournament of all sources (a loser tree: Knuth, The Art of Computer Programming, volume 3, 5.4.1). Source i
// enters at place size + i, a match is played at each place from size - 1 down to 1.
template <class Key>
void run_merge<Key>::rebuild()
{
    const std::size_t size = sources_.size();
    tree_.resize(std::max<std::size_t>(size, 1));
    std::pmr::vector<std::uint32_t> winners{2 * size, tree_.get_allocator()};
    for (std::size_t i = 0; i < size; ++i) {
        winners[size + i] = static_cast<std::uint32_t>(i);
    }
    for (std::size_t place = size; place-- > 1;) {
        const auto a = winners[2 * place];
        const auto b = winners[2 * place + 1];
        const bool b_wins = is_before(heads_[b], heads_[a]);
        winners[place] = b_wins ? b : a;
        tree_[place] = b_wins ? a : b;
    }
    tree_[0] = size > 0 ? winners[1] : 0;
}

// The last winner has a new key: plays its matches again.
template <class Key>
void run_merge<Key>::replay(std::size_t at)
{
    auto winner = static_cast<std::uint32_t>(at);
    auto best = rank_of(heads_[at]);
    for (std::size_t place = (sources_.size() + at) / 2; place > 0; place /= 2) {
        const auto other = tree_[place];
        const auto others = rank_of(heads_[other]);
        const bool other_wins = others < best;
        tree_[place] = other_wins ? winner : other;
        winner = other_wins ? other : winner;
        best = other_wins ? others : best;
    }
    tree_[0] = winner;
}

template <class Key>
std::span<const key_rows<Key>> run_merge<Key>::next()
{
    std::size_t taken = 0;
    while (!sources_.empty()) {
        const std::size_t winner = tree_[0];
        const Key head = heads_[winner];
        if (taken > 0 && head == batch_[taken - 1].key) {
            batch_[taken - 1].rows += sources_[winner].rows;
        } else if (taken < batch_.size()) {
            batch_[taken++] = {head, sources_[winner].rows};
        } else {
            break;
        }
        if (advance(winner)) {
            replay(winner);
        } else {
            drop(winner);
            rebuild();
        }
        stop_.tick();
    }
    return std::span{batch_}.first(taken);
}

template class run_writer<fingerprint>;
template class run_writer<std::uint64_t>;
template class run_merge<fingerprint>;
template class run_merge<std::uint64_t>;

} // namespace etl
