// etl.ip_lookup: one entry of an index for each address, by a plan that is kept for the calling expression.
#include "core/text.hpp"
#include "pg/function.hpp"
#include "pg/role_lock.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/datum.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
}

namespace {

using etl::pg::arguments;

// The plan of a lookup in one table, which most expressions name for all rows.
class lookup {
  public:
    explicit lookup(Oid ranges) noexcept : ranges_{ranges} {}
    lookup(const lookup&) = delete;
    lookup& operator=(const lookup&) = delete;
    ~lookup() { free(); }

    // May raise and throw. Needs an SPI connection.
    SPIPlanPtr plan(Oid ranges)
    {
        if (plan_ == nullptr || ranges != ranges_) {
            require_ranges(ranges);
            free();
            ranges_ = ranges;
            plan_ = prepare(ranges);
            SPI_keepplan(plan_);
        }
        return plan_;
    }

  private:
    void free() noexcept
    {
        if (plan_ != nullptr) {
            SPI_freeplan(plan_);
            plan_ = nullptr;
        }
    }

    static bool has_address(Oid ranges, const char* column)
    {
        const AttrNumber number = get_attnum(ranges, column);
        const Oid type = number == InvalidAttrNumber ? InvalidOid : getBaseType(get_atttype(ranges, number));
        return type == INETOID || type == CIDROID;
    }

    static void require_ranges(Oid ranges)
    {
        const char* name = get_rel_name(ranges);
        if (name == nullptr) {
            throw etl::error(etl::sqlstate::undefined_table,
                             "table with OID " + std::to_string(ranges) + " does not exist");
        }
        if (!has_address(ranges, "first_ip") || !has_address(ranges, "last_ip")) {
            throw etl::error(etl::sqlstate::undefined_column,
                             "table " + etl::in_quotes(name) + " has no addresses in columns first_ip and last_ip", {},
                             "Make a table of ranges with etl.create_ip_ranges.");
        }
    }

    static SPIPlanPtr prepare(Oid ranges)
    {
        const char* name = DatumGetCString(DirectFunctionCall1(regclassout, ObjectIdGetDatum(ranges)));
        const char* query = psprintf("SELECT pg_catalog.to_jsonb(r.*) OPERATOR(pg_catalog.-) "
                                     "'{first_ip,last_ip}'::pg_catalog.text[] FROM "
                                     "(SELECT * FROM %s WHERE first_ip OPERATOR(pg_catalog.<=) $1 "
                                     "ORDER BY first_ip USING OPERATOR(pg_catalog.>) LIMIT 1) AS r "
                                     "WHERE r.last_ip OPERATOR(pg_catalog.>=) $1",
                                     name);
        Oid type = INETOID;
        return SPI_prepare(query, 1, &type);
    }

    Oid ranges_;
    SPIPlanPtr plan_ = nullptr;
};

// The address alone, whatever its netmask.
Datum without_netmask(Datum ip)
{
    constexpr std::int32_t whole = -1;
    return DirectFunctionCall2(inet_set_masklen, ip, Int32GetDatum(whole));
}

} // namespace

ETL_FUNCTION(etl_ip_lookup, args)
{
    const Oid ranges = DatumGetObjectId(args.given(0));
    Datum ip = without_netmask(args.given(1));
    lookup& kept = args.cached<lookup>([ranges] { return ranges; });
    MemoryContext memory = CurrentMemoryContext;
    SPI_connect();
    etl::pg::with_locked_role([&] { SPI_execute_plan(kept.plan(ranges), &ip, nullptr, true, 1); });
    bool is_null = SPI_processed == 0;
    Datum found{};
    if (!is_null) {
        found = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
        MemoryContext old = MemoryContextSwitchTo(memory);
        found = datumCopy(found, false, -1);
        MemoryContextSwitchTo(old);
    }
    SPI_finish();
    return is_null ? args.null_result() : found;
}
