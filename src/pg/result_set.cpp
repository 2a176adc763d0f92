#include "pg/result_set.hpp"

extern "C" {
#include <funcapi.h>
#include <utils/tuplestore.h>
}

namespace etl::pg {
namespace {

ReturnSetInfo* set_info(FunctionCallInfo fcinfo) noexcept
{
    return reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
}

// The columns of a function that RETURNS SETOF record are the caller's list itself, which PostgreSQL frees with the
// result, and reads again when it calls once more.
void own_columns(ReturnSetInfo* info)
{
    if (info->setDesc == info->expectedDesc) {
        MemoryContext old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
        info->setDesc = CreateTupleDescCopy(info->expectedDesc);
        MemoryContextSwitchTo(old);
    }
}

} // namespace

result_set::result_set(arguments args) : fcinfo_{args.raw()}
{
#if PG_VERSION_NUM >= 160000
    InitMaterializedSRF(fcinfo_, 0);
#else
    SetSingleFuncCall(fcinfo_, 0);
#endif
    own_columns(set_info(fcinfo_));
}

TupleDesc result_set::columns() const noexcept
{
    return set_info(fcinfo_)->setDesc;
}

void result_set::put(std::span<Datum> values, std::span<bool> nulls)
{
    call([info = set_info(fcinfo_), values, nulls] {
        tuplestore_putvalues(info->setResult, info->setDesc, values.data(), nulls.data());
    });
}

void result_set::put(MinimalTuple row)
{
    call([this, row] {
        const ReturnSetInfo* info = set_info(fcinfo_);
        if (slot_ == nullptr) {
            slot_ = MakeSingleTupleTableSlot(info->setDesc, &TTSOpsMinimalTuple);
        }
        ExecStoreMinimalTuple(row, slot_, false);
        tuplestore_puttupleslot(info->setResult, slot_);
    });
}

Datum result_set::finish() const noexcept
{
    return Datum{0};
}

TupleDesc listed_columns(arguments args, const char* function, const char* list)
{
    const ReturnSetInfo* info = set_info(args.raw());
    if (info == nullptr || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0 ||
        info->expectedDesc == nullptr) {
        throw error(sqlstate::feature_not_supported, std::string{function} + " returns a set and must stand in FROM",
                    {}, std::string{"Write SELECT * FROM "} + function + "(…) AS " + list + ".");
    }
    return info->expectedDesc;
}

void require_columns(TupleDesc list, std::span<const Oid> types, std::string_view definition)
{
    bool fits = static_cast<std::size_t>(list->natts) == types.size();
    for (std::size_t i = 0; fits && i < types.size(); ++i) {
        fits = TupleDescAttr(list, static_cast<int>(i))->atttypid == types[i];
    }
    if (!fits) {
        throw error(sqlstate::datatype_mismatch, "the list of columns is not that of the result", {},
                    "Write AS t(" + std::string{definition} + ").");
    }
}

} // namespace etl::pg
