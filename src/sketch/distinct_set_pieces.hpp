// Asks a closed set that lies elsewhere for values, fetching little of it.
//
// Entries ascend and are spread evenly, so that the leading bits of an entry tell nearly where it stands: one small
// piece around that place nearly always decides. Where it does not (somebody has chosen values that share their leading
// bits), the rest is halved piece by piece.
#pragma once

#include "sketch/distinct_set.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

namespace etl {

class set_pieces {
  public:
    // Entries that are fetched at once: about as many as PostgreSQL keeps in one row of a TOAST table.
    static constexpr std::size_t piece_bytes = 2048;

    set_pieces(std::size_t entries, std::size_t width) noexcept : entries_{entries}, width_{width} {}
    virtual ~set_pieces() = default;
    set_pieces(const set_pieces&) = delete;
    set_pieces& operator=(const set_pieces&) = delete;

    std::size_t entries() const noexcept { return entries_; }

    // Whether the entry, which has the set's width, is in the set.
    bool contains(std::uint64_t entry, poll_fn poll);
    bool contains(const fingerprint& entry, poll_fn poll);

  protected:
    // The bytes of so many entries from one on. They need to last until the next call only.
    virtual std::span<const std::byte> fetch(std::size_t first, std::size_t count) = 0;

  private:
    template <class Entry>
    bool find(const Entry& entry, poll_fn poll);

    std::size_t entries_;
    std::size_t width_;
};

} // namespace etl
