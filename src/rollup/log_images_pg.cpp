// etl._log_images_support: tells the planner how many rows of a log it will get.
//
// A log is filled and emptied all the time, so its statistics say anything. Where they say that it is empty, the
// planner joins thousands of its rows by going through thousands of others for each. Whoever reads a log has counted
// it.
#include "pg/function.hpp"

extern "C" {
#include <nodes/nodeFuncs.h>
#include <nodes/supportnodes.h>
}

ETL_FUNCTION(etl_log_images_support, args)
{
    auto* request = reinterpret_cast<Node*>(DatumGetPointer(args.given(0)));
    if (!IsA(request, SupportRequestRows)) {
        return PointerGetDatum(nullptr);
    }
    auto* rows = reinterpret_cast<SupportRequestRows*>(request);
    if (rows->node == nullptr || !IsA(rows->node, FuncExpr)) {
        return PointerGetDatum(nullptr);
    }
    const auto* count = static_cast<const Node*>(lsecond(reinterpret_cast<FuncExpr*>(rows->node)->args));
    if (!IsA(count, Const) || reinterpret_cast<const Const*>(count)->constisnull) {
        return PointerGetDatum(nullptr);
    }
    const auto told = static_cast<double>(DatumGetInt64(reinterpret_cast<const Const*>(count)->constvalue));
    rows->rows = told > 1 ? told : 1;
    return PointerGetDatum(request);
}
