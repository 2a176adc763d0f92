// Rows of a point-in-time join, set aside by key until they are joined: each with its key, its moment, and its bytes,
// which only the caller can read.
//
// Rows go into parts by the upper bits of their keys, so that all rows of a key meet in one part. Each part has a
// buffer of one chunk; full chunks are kept in memory up to a limit and go to a run_store beyond it. What a worker
// hands to its leader is the list of its chunks:
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
#include <cstring>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

// What stands before a row's bytes, which begin at a multiple of eight. A label is a row of the spine: `first` and
// `last` are the earliest and the latest moment of a row that may be joined to it, and without a key (or a moment) it
// has none. Of a feature `first` is the moment at which it became known, and `last` the one at which it was created: of
// two rows of one moment the one that was created later is joined.
struct asof_record {
    fingerprint key;
    std::int64_t time;
    std::int64_t first;
    std::int64_t last;
    std::uint32_t has_key;
    std::uint32_t bytes;
};
static_assert(sizeof(asof_record) == 48);

struct record_chunk {
    run from;
    std::uint64_t offset;
    std::uint32_t part;
    std::uint32_t bytes;
};
static_assert(sizeof(record_chunk) == 32);

using record_chunks = std::pmr::vector<record_chunk>;

// The list as bytes, and back from a stranger's.
std::size_t chunks_size(const record_chunks& chunks) noexcept;
void write_chunks(const record_chunks& chunks, std::byte* to) noexcept;
void read_chunks(record_chunks& to, std::span<const std::byte> bytes);

inline constexpr unsigned record_part_bits = 8;
inline constexpr std::uint32_t record_parts = 1U << record_part_bits;

constexpr std::uint32_t part_of(const fingerprint& key) noexcept
{
    return static_cast<std::uint32_t>(key.high >> (64 - record_part_bits));
}

// Rows lie side by side, each at a multiple of eight.
constexpr std::size_t room_for(std::size_t bytes) noexcept
{
    return (bytes + 7) / 8 * 8;
}

class record_writer {
  public:
    // In parts, or all rows in the order in which they come. Keeps up to `kept` bytes of chunks in memory. The store
    // outlives the object.
    record_writer(std::pmr::memory_resource* memory, run_store& store, bool in_parts, std::size_t kept);

    void add(const asof_record& row, std::span<const std::byte> bytes);

    // Writes what the buffers hold, for chunks() to be whole. Nothing may be added after it.
    void finish();

    const record_chunks& chunks() const noexcept { return chunks_; }

    // The bytes of a chunk that is in memory; empty for one that is in the store.
    std::span<const std::byte> kept(const record_chunk& chunk) const noexcept;

  private:
    static constexpr std::size_t chunk_bytes = 8192;

    void write(std::uint32_t part, std::span<const std::byte> bytes);

    run_store& store_;
    bool in_parts_;
    std::size_t may_keep_;
    std::pmr::vector<std::pmr::vector<std::byte>> buffers_; // by part
    std::pmr::vector<std::pmr::vector<std::byte>> kept_;    // chunks in memory, named by their offset
    record_chunks chunks_;
    std::uint64_t written_ = 0;
};

// Reads chunks back. Those of a writer that is given may lie in its memory.
class record_reader {
  public:
    record_reader(std::pmr::memory_resource* memory, run_store& store, poll_fn poll,
                  const record_writer* writer = nullptr)
        : store_{store}, poll_{poll}, writer_{writer}, read_{memory}
    {
    }

    // Calls f(const asof_record&, std::span<const std::byte>) for each row of a chunk; an f that returns false ends it.
    template <class F>
    bool each(const record_chunk& chunk, F&& f)
    {
        std::span<const std::byte> rest = bytes_of(chunk);
        while (!rest.empty()) {
            asof_record row;
            rest = take_header(rest, row);
            if (!f(row, rest.first(row.bytes))) {
                return false;
            }
            rest = rest.subspan(room_for(row.bytes));
        }
        return true;
    }

  private:
    std::span<const std::byte> bytes_of(const record_chunk& chunk);
    static std::span<const std::byte> take_header(std::span<const std::byte> rest, asof_record& row);

    run_store& store_;
    poll_fn poll_;
    const record_writer* writer_;
    std::pmr::vector<std::byte> read_;
};

} // namespace etl::feature
