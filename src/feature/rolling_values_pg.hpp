// What etl.rolling finds, as PostgreSQL's values, row by row.
#pragma once

#include "feature/rolling_plan_pg.hpp"
#include "pg/memory.hpp"

extern "C" {
#include <utils/typcache.h>
}

#include <vector>

namespace etl::feature {

// The order of the columns' types.
class type_order final : public byte_order {
  public:
    explicit type_order(std::span<const planned_slot> slots);
    int compare(std::size_t slot, std::span<const std::byte> a, std::span<const std::byte> b) const override;

  private:
    std::span<const planned_slot> slots_;
    std::vector<TypeCacheEntry*> types_; // they live as long as the session
    pg::scratch_context scratch_;
};

// Makes rows of values; what becomes of them is up to who derives from it.
class rolling_rows : public rolling_sink {
  public:
    explicit rolling_rows(const rolling_plan& plan);

    void value(std::size_t call, std::size_t span, const rolling_value& value) final;
    void row(const row_head* row) final;

  protected:
    virtual void put(std::span<Datum> values, std::span<bool> nulls) = 0;
    ~rolling_rows() = default;

  private:
    const rolling_plan& plan_;
    Datum* values_;
    bool* nulls_;
    pg::scratch_context scratch_; // of the values for the rows of one time
};

} // namespace etl::feature
