// What the scan that sets values aside for etl.count_distinct_per_key tells the process that counts them, and how a
// row's keys are set aside.
#pragma once

#include "sketch/distinct_per_key.hpp"
#include "sketch/stored_value_pg.hpp"

#include <vector>

namespace etl {

// Before the chunks of keys and of values, as they go from the workers to the leader. Only processes of one query read
// them.
struct scanned_values {
    std::uint64_t value_words;
    std::uint64_t key_chunks;
};
static_assert(sizeof(scanned_values) == 16);

// All of it, from its bytes.
void read_scanned(std::span<const std::byte> bytes, parted_values& to);

// The key columns of a row as words: of each its size in bytes, then these; or that it is NULL.
class key_columns {
  public:
    void add(Oid type, MemoryContext memory);
    std::size_t count() const noexcept { return types_.size(); }
    Oid type(std::size_t i) const noexcept { return types_[i]->type; }

    // Replaces the keys of a row by held ones. May raise; what it makes lies in the current memory context.
    void hold(Datum* keys, const bool* nulls) const;

    // Of held keys.
    std::size_t words(const Datum* keys, const bool* nulls) const noexcept;
    void write(const Datum* keys, const bool* nulls, std::uint64_t* to) const noexcept;

    // The keys as values of their types, in the current memory context.
    void read(const std::uint64_t* from, Datum* keys, bool* nulls) const;

  private:
    std::vector<stored_type*> types_;
};

} // namespace etl
