// Rows set aside in parts while a query is read, to be looked at part by part when it has ended.
//
// Who sets rows aside chooses their parts, by the upper bits of their keys for one, so that all rows of a key meet.
// Each part has a buffer of one chunk; full chunks stay in memory up to a limit, and go to a run_store beyond it. So
// memory is the same for any number of rows, and what a worker hands to its leader is the list of its chunks. The list
// travels as one value of 40 bytes for a chunk, so one scan sets at most about 200 GB aside.
//
// That is the partitioning of a Grace hash join (M. Kitsuregawa, H. Tanaka, T. Moto-oka, "Application of hash to data
// base machine and its architecture", 1983).
#pragma once

#include "core/byte_io.hpp"
#include "core/run_store.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl {

// Whole rows of one part, side by side in a run.
struct part_chunk {
    run from;
    std::uint64_t offset;
    std::uint64_t bytes;
    std::uint32_t part;
    std::uint32_t rows;
};
static_assert(sizeof(part_chunk) == 40);

using part_chunks = std::pmr::vector<part_chunk>;

// A list as bytes: its length, then the chunks. Reading appends, and refuses a chunk that its run has no room for.
void write_chunks(byte_writer& to, const part_chunks& chunks);
void read_chunks(byte_reader& from, part_chunks& to);

// Of bytes that are a list and nothing else.
void read_chunks(std::span<const std::byte> bytes, part_chunks& to);

// Brings the chunks of a part side by side, in the order in which they lie in their files.
void sort_by_part(part_chunks& chunks);

// Of a sorted list, the chunks of a part that begin at a place; none where there is another part, or the end.
std::span<const part_chunk> part_from(std::span<const part_chunk> sorted, std::size_t at, std::uint64_t part) noexcept;

std::uint64_t bytes_in(std::span<const part_chunk> chunks) noexcept;

struct part_layout {
    std::uint32_t parts = 256;      // a power of two
    std::size_t chunk_bytes = 8160; // as a file is read well; at powers of two, buffers would share places of the cache
    std::size_t kept_bytes = 0;     // of chunks that stay in memory, at most
};

class part_writer {
  public:
    // The store outlives the object.
    part_writer(std::pmr::memory_resource* memory, run_store& store, const part_layout& layout = {});

    std::uint32_t parts() const noexcept { return static_cast<std::uint32_t>(held_.size()); }

    // Room for a row, whose length is a multiple of eight; to be filled before the next call. A row that is longer than
    // a chunk is one alone.
    std::byte* add(std::size_t part, std::size_t bytes)
    {
        buffer& of = held_[part];
        if (bytes > chunk_bytes_ - of.bytes) {
            return add_to_next(part, bytes);
        }
        std::byte* made = &buffers_[part * chunk_bytes_ + of.bytes];
        of.bytes += static_cast<std::uint32_t>(bytes);
        ++of.rows;
        return made;
    }

    // Writes what the buffers hold, and returns all chunks, those of a part in the order in which its rows came.
    // Nothing may be added after it.
    const part_chunks& finish();

    // Those that were finished.
    const part_chunks& chunks() const noexcept { return chunks_; }

    // The bytes of a chunk that has stayed in memory; empty for one that is in the store.
    std::span<const std::byte> kept(const part_chunk& chunk) const noexcept;

  private:
    struct buffer { // what of it is in use
        std::uint32_t bytes;
        std::uint32_t rows;
    };
    struct release {
        std::pmr::memory_resource* memory;
        std::size_t bytes;
        void operator()(std::byte* buffers) const { memory->deallocate(buffers, bytes, alignof(std::uint64_t)); }
    };

    std::byte* add_to_next(std::size_t part, std::size_t bytes);
    void write(std::size_t part, std::span<const std::byte> bytes, std::uint32_t rows);
    void flush(std::size_t part);

    run_store& store_;
    std::size_t chunk_bytes_;
    std::size_t may_keep_;
    std::unique_ptr<std::byte[], release> buffers_; // side by side; only pages that are used become memory
    std::pmr::vector<buffer> held_;
    std::pmr::vector<std::uint64_t> large_; // the last row that is longer than a chunk
    std::size_t large_part_ = 0;
    std::size_t large_bytes_ = 0;
    std::pmr::vector<std::pmr::vector<std::byte>> kept_; // the first chunks, each named by its place
    part_chunks chunks_;
    std::uint64_t written_ = 0;
};

} // namespace etl
