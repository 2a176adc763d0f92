#include "core/part_writer.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {

void write_chunks(byte_writer& to, const part_chunks& chunks)
{
    to.count(chunks.size());
    to.values(std::span<const part_chunk>{chunks});
}

void read_chunks(byte_reader& from, part_chunks& to)
{
    const std::size_t held = to.size();
    from.values(to, from.count(sizeof(part_chunk)));
    for (const part_chunk& chunk : std::span{to}.subspan(held)) {
        if (chunk.offset > chunk.from.bytes || chunk.bytes > chunk.from.bytes - chunk.offset) {
            from.refuse("It claims a chunk past the end of its file.");
        }
    }
}

void read_chunks(std::span<const std::byte> bytes, part_chunks& to)
{
    byte_reader from{bytes, "rows set aside"};
    read_chunks(from, to);
    from.expect_end();
}

void sort_by_part(part_chunks& chunks)
{
    std::ranges::sort(chunks, {}, [](const part_chunk& c) { return std::tuple{c.part, c.from.file, c.offset}; });
}

std::span<const part_chunk> part_from(std::span<const part_chunk> sorted, std::size_t at, std::uint64_t part) noexcept
{
    const auto rest = sorted.subspan(at);
    const auto end = std::ranges::find_if(rest, [part](const part_chunk& chunk) { return chunk.part != part; });
    return {rest.begin(), end};
}

std::uint64_t bytes_in(std::span<const part_chunk> chunks) noexcept
{
    return std::accumulate(chunks.begin(), chunks.end(), std::uint64_t{0},
                           [](std::uint64_t bytes, const part_chunk& chunk) { return bytes + chunk.bytes; });
}

part_writer::part_writer(std::pmr::memory_resource* memory, run_store& store, const part_layout& layout)
    : store_{store}, chunk_bytes_{layout.chunk_bytes}, may_keep_{layout.kept_bytes},
      buffers_{nullptr, {memory, layout.parts * layout.chunk_bytes}},
      held_(layout.parts, buffer{}, memory), large_{memory}, kept_{memory}, chunks_{memory}
{
    const std::size_t bytes = buffers_.get_deleter().bytes;
    buffers_.reset(static_cast<std::byte*>(memory->allocate(bytes, alignof(std::uint64_t))));
}

// Where a buffer has no room for it.
std::byte* part_writer::add_to_next(std::size_t part, std::size_t bytes)
{
    flush(part);
    if (bytes <= chunk_bytes_) {
        return add(part, bytes);
    }
    large_.resize(std::max(large_.size(), bytes / sizeof(std::uint64_t)));
    large_part_ = part;
    large_bytes_ = bytes;
    return reinterpret_cast<std::byte*>(large_.data());
}

// A run is named when it is finished.
void part_writer::write(std::size_t part, std::span<const std::byte> bytes, std::uint32_t rows)
{
    part_chunk made{{}, written_, bytes.size(), static_cast<std::uint32_t>(part), rows};
    if (bytes.size() <= may_keep_) {
        may_keep_ -= bytes.size();
        made.offset = kept_.size();
        kept_.emplace_back(bytes.begin(), bytes.end());
    } else {
        may_keep_ = 0;
        store_.append(bytes);
        written_ += bytes.size();
    }
    chunks_.push_back(made);
}

// A large row came before what its part's buffer holds now.
void part_writer::flush(std::size_t part)
{
    if (large_bytes_ > 0) {
        write(large_part_, std::as_bytes(std::span{large_}).first(std::exchange(large_bytes_, 0)), 1);
    }
    const buffer of = std::exchange(held_[part], {});
    if (of.rows > 0) {
        write(part, {&buffers_[part * chunk_bytes_], of.bytes}, of.rows);
    }
}

const part_chunks& part_writer::finish()
{
    for (std::size_t part = 0; part < held_.size(); ++part) {
        flush(part);
    }
    buffers_.reset();
    std::pmr::vector<std::uint64_t>{large_.get_allocator()}.swap(large_);
    if (std::exchange(written_, 0) > 0) {
        const run made = store_.finish();
        for (part_chunk& chunk : std::span{chunks_}.subspan(kept_.size())) {
            chunk.from = made;
        }
    }
    return chunks_;
}

std::span<const std::byte> part_writer::kept(const part_chunk& chunk) const noexcept
{
    return chunk.from == run{} ? std::span<const std::byte>{kept_[chunk.offset]} : std::span<const std::byte>{};
}

} // namespace etl
