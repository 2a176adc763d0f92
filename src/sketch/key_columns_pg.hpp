// How the keys of a row are set aside with it.
#pragma once

#include "pg/function.hpp"
#include "sketch/stored_value_pg.hpp"

#include <vector>

namespace etl {

// Of a row, as held_value() makes them. Trivial.
struct held_keys {
    Datum values[FUNC_MAX_ARGS];
    bool nulls[FUNC_MAX_ARGS];
};

// The key columns of a row as words: of each its size in bytes, then these; or that it is NULL.
class key_columns {
  public:
    void add(Oid type, MemoryContext memory);
    std::size_t count() const noexcept { return types_.size(); }
    Oid type(std::size_t i) const noexcept { return types_[i]->type; }

    // The keys of a row, from an argument on. May raise; what it makes lies in the current memory context.
    void hold(pg::arguments args, int first, held_keys& to) const;

    std::size_t words(const held_keys& keys) const noexcept;
    void write(const held_keys& keys, std::uint64_t* to) const noexcept;

    // The keys as values of their types, in the current memory context.
    void read(const std::uint64_t* from, Datum* keys, bool* nulls) const;

  private:
    std::vector<stored_type*> types_;
};

} // namespace etl
