// Where sorted data goes that memory has no room for: runs of bytes, written once from start to end, read in pieces.
//
// In a server these are temporary files that the parallel workers of one query share (pg/spill.hpp); in the tests,
// vectors. A run is named by a plain value, so that a worker's state can carry it to the leader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace etl {

struct run {
    std::uint64_t file;
    std::uint64_t bytes;

    friend bool operator==(const run&, const run&) noexcept = default;
};
static_assert(sizeof(run) == 16, "runs lie side by side in states on their way to the leader");

class run_store {
  public:
    virtual ~run_store() = default;

    // Appends to the run that is being written, and begins one where none is.
    virtual void append(std::span<const std::byte> bytes) = 0;

    // Ends that run: from now on every process of the query can read it.
    virtual run finish() = 0;

    // Fills `to` with the run's bytes from an offset on; they are there, or it throws.
    virtual void read(const run& from, std::uint64_t offset, std::span<std::byte> to) = 0;

    // Nobody will read that run any more.
    virtual void remove(const run& from) = 0;

    // No run is written or read for now: files may be closed, and a run that was not finished is dropped.
    virtual void close() noexcept = 0;

  protected:
    run_store() = default;
    run_store(const run_store&) = default;
    run_store& operator=(const run_store&) = default;
};

} // namespace etl
