// Rows of any size, set aside by key while a query is read, and looked at key by key and in the order of time later.
//
// A row is a head of 32 bytes and whatever follows it; its length is a multiple of 8. Rows go into parts by the upper
// bits of their keys, so that all rows of a key meet in one part. Each part has a buffer of one chunk; full chunks go
// to a run_store. So memory is the same for any number of rows, and what a worker hands to its leader is the list of
// its chunks:
//
//   magic u32, version u32     state_header
//   chunks, to the end         { run; offset u64; part u32; bytes u32 }
//
// That is the partitioning of a Grace hash join (M. Kitsuregawa, H. Tanaka, T. Moto-oka, "Application of hash to data
// base machine and its architecture", 1983).
#pragma once

#include "core/error.hpp"
#include "core/run_store.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

struct row_head {
    fingerprint key;
    std::int64_t at; // microseconds, or whatever orders the rows of a key
    std::uint32_t bytes;
    std::uint32_t flags;
};
static_assert(sizeof(row_head) == 32);

inline constexpr std::size_t row_alignment = 8;

// Rows of one part, side by side in a run. A row is never divided.
struct part_chunk {
    run from;
    std::uint64_t offset;
    std::uint32_t part;
    std::uint32_t bytes;
};
static_assert(sizeof(part_chunk) == 32);

using part_chunks = std::pmr::vector<part_chunk>;

// The list as bytes, and back from a stranger's.
std::size_t flat_size(const part_chunks& chunks) noexcept;
void write_flat(const part_chunks& chunks, std::byte* to) noexcept;
part_chunks read_flat(std::pmr::memory_resource* memory, std::span<const std::byte> bytes);

// Brings the chunks of a part side by side.
void sort_by_part(part_chunks& chunks);

// Sets rows aside.
class row_parts {
  public:
    static constexpr std::uint32_t parts = 256;
    static constexpr std::uint32_t chunk_bytes = 16384;
    static constexpr std::uint32_t most_row_bytes = std::uint32_t{1} << 30;

    // The store outlives the object.
    row_parts(std::pmr::memory_resource* memory, run_store& store);
    row_parts(const row_parts&) = delete;
    row_parts& operator=(const row_parts&) = delete;
    ~row_parts();

    // A whole row, its head in front.
    void add(std::span<const std::byte> row);

    // Writes what the buffers hold, and returns all chunks. Nothing may be added after it.
    const part_chunks& finish();

  private:
    void write(std::uint32_t part, std::span<const std::byte> rows);
    void flush(std::uint32_t part);

    std::pmr::memory_resource* memory_;
    run_store& store_;
    std::byte* buffers_; // side by side; not initialised, so that only pages that are used become memory
    std::pmr::vector<std::uint32_t> held_;
    part_chunks chunks_;
    std::uint64_t written_ = 0;
};

} // namespace etl::feature
