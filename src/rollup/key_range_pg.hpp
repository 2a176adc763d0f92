// The least and the greatest of keys, by the order of their type, as they come.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <utils/datum.h>
#include <utils/typcache.h>
}

#include <cstdint>

namespace etl::rollup {

// All of it may raise.
class key_range {
  public:
    key_range(const Form_pg_attribute column, MemoryContext memory)
        : memory_{memory}, by_value_{column->attbyval}, length_{column->attlen},
          collation_{column->attcollation}, order_{lookup_type_cache(column->atttypid, TYPECACHE_CMP_PROC_FINFO)}
    {
        is_bounded_ = OidIsValid(order_->cmp_proc_finfo.fn_oid);
    }

    // Whether there are bounds: not where a key is NULL, nor where the type has no order.
    bool is_bounded() const noexcept { return is_bounded_; }
    Datum least() const noexcept { return least_; }
    Datum greatest() const noexcept { return greatest_; }

    void widen(Datum key, bool is_null)
    {
        is_bounded_ = is_bounded_ && !is_null;
        if (!is_bounded_) {
            return;
        }
        if (!has_any_ || compare(key, least_) < 0) {
            replace(least_, key);
        }
        if (!has_any_ || compare(key, greatest_) > 0) {
            replace(greatest_, key);
        }
        has_any_ = true;
    }

  private:
    int compare(Datum one, Datum other) const
    {
        return DatumGetInt32(FunctionCall2Coll(&order_->cmp_proc_finfo, collation_, one, other));
    }

    void replace(Datum& bound, Datum by) const
    {
        MemoryContext old = MemoryContextSwitchTo(memory_);
        if (has_any_ && !by_value_) {
            pfree(DatumGetPointer(bound));
        }
        bound = datumCopy(by, by_value_, length_);
        MemoryContextSwitchTo(old);
    }

    MemoryContext memory_;
    bool by_value_;
    std::int16_t length_;
    Oid collation_;
    TypeCacheEntry* order_;
    bool is_bounded_ = false;
    bool has_any_ = false;
    Datum least_ = 0;
    Datum greatest_ = 0;
};

} // namespace etl::rollup
