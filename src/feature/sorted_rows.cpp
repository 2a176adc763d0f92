#include "feature/sorted_rows.hpp"

#include "core/bytes.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <tuple>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

constexpr std::size_t block_bytes = 65536;
constexpr std::size_t least_block_bytes = 8192;
constexpr std::size_t merge_bytes = std::size_t{16} << 20; // for the blocks of all pieces, as far as it goes

[[noreturn]] void refuse_file()
{
    throw error(sqlstate::internal_error, "a temporary file of this query does not hold what was written to it");
}

// What the head of a row says of its length.
std::uint32_t row_bytes(const std::byte* row, std::size_t left)
{
    const auto bytes = left < sizeof(row_head) ? 0 : load<row_head>(row).bytes;
    if (bytes < sizeof(row_head) || bytes % row_alignment != 0) {
        refuse_file();
    }
    return bytes;
}

auto order_of(const sorted_row& row)
{
    return std::tuple{row.key.low, row.key.high, row.at};
}

std::span<const std::byte> bytes_of(const sorted_row& row)
{
    return {reinterpret_cast<const std::byte*>(row.row), row.row->bytes};
}

} // namespace

row_reader::row_reader(sorted_rows& of) : row_reader{of, of.merged_, block_bytes} {}

row_reader::row_reader(sorted_rows& of, const run& from, std::size_t block)
    : of_{&of}, from_{from}, block_bytes_{block}, block_{of.memory_}, rows_{of.memory_}, at_{of.rows_.data()}
{
    if (from_.bytes > 0) {
        refill();
    }
}

// Of the rows in memory there are no more; of a run, the next block of whole rows.
void row_reader::refill()
{
    if (from_.bytes == 0) {
        return;
    }
    of_->poll_();
    rows_.clear();
    std::size_t wanted = block_bytes_;
    for (bool more = offset_ < from_.bytes; more; more = rows_.empty()) {
        block_.resize(std::min<std::uint64_t>(wanted, from_.bytes - offset_));
        of_->store_.read(from_, offset_, block_);
        std::size_t at = 0;
        while (at + sizeof(row_head) <= block_.size()) {
            wanted = row_bytes(block_.data() + at, block_.size() - at);
            if (wanted > block_.size() - at) {
                break;
            }
            const auto* row = reinterpret_cast<const row_head*>(block_.data() + at);
            rows_.push_back({row->key, row->at, row});
            at += wanted;
        }
        if (rows_.empty() && offset_ + block_.size() == from_.bytes) {
            refuse_file();
        }
        offset_ += at;
    }
    rows_.resize(rows_.size() + rows_ahead + 1);
    at_ = rows_.data();
}

sorted_rows::sorted_rows(std::pmr::memory_resource* memory, run_store& store, part_chunks chunks, std::size_t budget,
                         poll_fn poll)
    : memory_{memory}, store_{store}, chunks_{std::move(chunks)}, budget_{budget}, poll_{poll}, bytes_{memory},
      rows_{memory}
{
    sort_by_part(chunks_);
}

bool sorted_rows::next_part()
{
    if (merged_.bytes > 0) {
        store_.close();
        store_.remove(std::exchange(merged_, {}));
    }
    if (at_ == chunks_.size()) {
        return false;
    }
    const std::size_t end = at_ + part_from(chunks_, at_, chunks_[at_].part).size();
    load_piece(end);
    if (at_ < end) {
        std::pmr::vector<run> pieces{memory_};
        pieces.push_back(write_piece());
        while (at_ < end) {
            load_piece(end);
            pieces.push_back(write_piece());
        }
        merged_ = merge(pieces);
    }
    return true;
}

// As many chunks as the budget has room for, one at least, sorted.
void sorted_rows::load_piece(std::size_t end)
{
    constexpr std::size_t extra = sizeof(sorted_row);
    held_ = 0;
    count_ = 0;
    const auto fits = [this](std::size_t more) {
        return held_ + more + extra * (count_ + more / sizeof(row_head)) <= budget_;
    };
    do {
        count_ += read_chunk(chunks_[at_]);
    } while (++at_ < end && fits(chunks_[at_].bytes));
    sort_piece();
}

// Returns the number of its rows.
std::size_t sorted_rows::read_chunk(const part_chunk& from)
{
    poll_();
    if (bytes_.size() < held_ + from.bytes) {
        bytes_.resize(std::max(held_ + from.bytes, std::min(2 * bytes_.size(), budget_)));
    }
    store_.read(from.from, from.offset, std::span{bytes_}.subspan(held_, from.bytes));
    std::size_t rows = 0;
    for (const std::size_t end = held_ + from.bytes; held_ < end; ++rows) {
        const std::uint32_t bytes = row_bytes(bytes_.data() + held_, end - held_);
        if (bytes > end - held_) {
            refuse_file();
        }
        held_ += bytes;
    }
    return rows;
}

// By the upper bits of the keys first: what is left to sort are a few rows, mostly of one key.
void sorted_rows::sort_piece()
{
    constexpr std::size_t rows_per_bucket = 16;
    constexpr std::size_t most_buckets = 8192;
    const std::size_t buckets = std::bit_ceil(std::clamp<std::size_t>(count_ / rows_per_bucket, 2, most_buckets));
    const auto shift = 64U - static_cast<unsigned>(std::countr_zero(buckets));
    const auto each_row = [this, shift](auto&& f) {
        poller stop{poll_};
        for (std::size_t at = 0; at < held_;) {
            const auto* row = reinterpret_cast<const row_head*>(bytes_.data() + at);
            f(row, row->key.low >> shift);
            at += row->bytes;
            stop.tick();
        }
    };
    std::pmr::vector<std::size_t> starts(buckets + 1, memory_);
    each_row([&starts](const row_head*, std::size_t bucket) { ++starts[bucket + 1]; });
    for (std::size_t i = 1; i <= buckets; ++i) {
        starts[i] += starts[i - 1];
    }
    rows_.clear();
    rows_.resize(count_ + row_reader::rows_ahead + 1);
    each_row([this, &starts](const row_head* row, std::size_t bucket) {
        rows_[starts[bucket]++] = {row->key, row->at, row};
    });
    std::size_t from = 0;
    for (std::size_t i = 0; i < buckets; ++i) { // a start has moved on to its end
        sort_bucket(std::span{rows_}.subspan(from, starts[i] - from));
        from = starts[i];
    }
}

// std::sort gives way to no cancel but through its comparisons.
void sorted_rows::sort_bucket(std::span<sorted_row> bucket)
{
    poller stop{poll_};
    std::ranges::sort(bucket, [&stop](const sorted_row& a, const sorted_row& b) {
        stop.tick();
        if (a.key.low != b.key.low) {
            return a.key.low < b.key.low;
        }
        return a.key.high != b.key.high ? a.key.high < b.key.high : a.at < b.at;
    });
}

run sorted_rows::write_piece()
{
    poller stop{poll_};
    for (std::size_t i = 0; i < count_; ++i) {
        store_.append(bytes_of(rows_[i]));
        stop.tick();
    }
    return store_.finish();
}

run sorted_rows::merge(const std::pmr::vector<run>& pieces)
{
    const std::size_t block = std::clamp(merge_bytes / pieces.size(), least_block_bytes, block_bytes);
    std::pmr::vector<row_reader> readers{memory_};
    readers.reserve(pieces.size());
    for (const run& piece : pieces) {
        readers.push_back(row_reader{*this, piece, block});
    }
    std::pmr::vector<std::size_t> heap{memory_};
    const auto comes_later = [&readers](std::size_t a, std::size_t b) {
        return order_of(*readers[a]) > order_of(*readers[b]);
    };
    for (std::size_t i = 0; i < readers.size(); ++i) {
        heap.push_back(i);
    }
    std::ranges::make_heap(heap, comes_later);
    poller stop{poll_};
    while (!heap.empty()) {
        std::ranges::pop_heap(heap, comes_later);
        row_reader& first = readers[heap.back()];
        store_.append(bytes_of(*first));
        first.next();
        if (first->row == nullptr) {
            heap.pop_back();
        } else {
            std::ranges::push_heap(heap, comes_later);
        }
        stop.tick();
    }
    const run made = store_.finish();
    store_.close();
    std::ranges::for_each(pieces, [this](const run& piece) { store_.remove(piece); });
    return made;
}

} // namespace etl::feature
