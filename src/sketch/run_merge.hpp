// Ascending keys with their number of rows: written into a run, and merged from many runs and from memory.
//
// A run is a sequence of blocks, little-endian:
//
//   single u32, several u32    how many of each follow, not both 0
//   Key[single]                ascending: keys of one row
//   {Key, rows u64}[several]   ascending: keys of several rows
//
// Every key of a block comes before every key of the next. Blocks are small, so that hundreds of runs can be read at
// once in little memory; several blocks are read at a time where there is room for it.
#pragma once

#include "core/error.hpp"
#include "core/run_store.hpp"
#include "sketch/key_lists.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl {

template <class Key>
class run_writer {
  public:
    using entry = key_rows<Key>;

    run_writer(std::pmr::memory_resource* memory, run_store& store);
    ~run_writer() { store_.close(); }
    run_writer(const run_writer&) = delete;
    run_writer& operator=(const run_writer&) = delete;

    // Keys in ascending order, each once.
    void write(std::span<const entry> entries);
    run finish();

  private:
    void write_block();

    run_store& store_;
    std::pmr::vector<Key> single_;
    std::pmr::vector<entry> several_;
};

template <class Key>
class run_merge {
  public:
    using entry = key_rows<Key>;

    // What is merged outlives this object. Runs are read in pieces that together take `read_bytes`, or more where that
    // is too little for a block of each.
    run_merge(std::pmr::memory_resource* memory, std::span<const key_lists<Key>> lists, run_store* store,
              std::span<const run> runs, std::size_t read_bytes, poll_fn poll);
    ~run_merge();
    run_merge(const run_merge&) = delete;
    run_merge& operator=(const run_merge&) = delete;

    // The next keys in ascending order, each once with the sum of its rows; empty at the end. Good until the next call.
    std::span<const entry> next();

  private:
    // One list or run, at its lowest key that has not been taken.
    struct source {
        key_lists<Key> lists{};
        std::uint64_t rows = 0; // of the key in heads_
        run from{};
        std::uint64_t offset = 0; // in the run, of the bytes after those in memory
        std::byte* piece = nullptr;
        std::size_t piece_at = 0; // where the next block begins in the piece
        std::size_t piece_end = 0;
    };

    bool advance(std::size_t at);
    bool read_block(source& from);
    bool read_piece(source& from, std::size_t wanted);
    void drop(std::size_t at);
    void rebuild();
    void replay(std::size_t at);

    run_store* store_;
    std::pmr::vector<source> sources_;
    std::pmr::vector<Key> heads_;            // of each source, side by side for the comparisons
    std::pmr::vector<std::uint32_t> tree_;   // of a tournament: tree_[0] is the winner, the others lost there
    std::pmr::vector<std::uint64_t> pieces_; // bytes, aligned
    std::pmr::vector<entry> batch_;
    std::size_t piece_bytes_ = 0;
    poller stop_;
};

extern template class run_writer<fingerprint>;
extern template class run_writer<std::uint64_t>;
extern template class run_merge<fingerprint>;
extern template class run_merge<std::uint64_t>;

} // namespace etl
