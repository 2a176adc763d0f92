// The states behind etl.top_n_state: what kind of values and orders they hold, and the objects that aggregates grow.
#pragma once

#include "pg/expanded_state.hpp"
#include "sketch/stored_value_pg.hpp"
#include "sketch/top_n.hpp"

namespace etl {

// The types and the direction of an order. Trivial: it lives in a memory context, longer than the states that use it.
struct top_kind {
    // How a place in the order becomes 64 bits: `exact` kinds are told apart by these alone.
    enum class code : std::uint8_t { none, prefix, int16, int32, int64, float4, float8 };

    stored_type* value;
    stored_type* order;
    top_n_header header; // n is each state's own
    code coded;
    bool ascending;

    bool is_exact() const noexcept { return coded > code::prefix; }
};

// Raises for types that have no order, or whose values cannot be stored.
top_kind* make_top_kind(Oid value, Oid order, Oid order_collation, bool ascending, MemoryContext memory);

// The code of a held order; entries of a lower one come first.
std::uint64_t order_code(const top_kind& kind, Datum order) noexcept;

class entries_of final : public entry_order {
  public:
    explicit entries_of(const top_kind& kind) noexcept : kind_{kind} {}
    int compare(const top_entry& a, const top_entry& b) const override;

  private:
    const top_kind& kind_;
};

class top_n_state {
  public:
    top_n_state(std::pmr::memory_resource* memory, const top_kind& kind, std::uint32_t n)
        : kind_{&kind}, rows_{memory, n}
    {
    }

    const top_kind& kind() const noexcept { return *kind_; }
    std::uint32_t n() const noexcept { return rows_.n(); }

    void add(Datum value, bool is_null, Datum order);
    void add_stored(top_n_reader& from);
    void merge(const top_n_state& other) { rows_.merge(other.rows_, entries_of{*kind_}, pg::poll); }

    // The values in their order, in the current memory context.
    std::span<const top_entry* const> sorted() const;

    void write(std::pmr::vector<std::byte>& to) const;

  private:
    void put(std::uint64_t code, Datum value, bool is_null, Datum order);

    const top_kind* kind_;
    top_n rows_;
};

using expanded_top_n = pg::expanded_state<top_n_state>;

} // namespace etl
