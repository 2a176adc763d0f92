// What went wrong, as a value: for procedures that give it back instead of raising it, so that a run can be recorded as
// failed. SQL reads it as etl._problem.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "pg/jsonb.hpp"

extern "C" {
#include <access/htup_details.h>
#include <funcapi.h>
}

#include <optional>

namespace etl {

// Of an error whose texts are in the server's encoding, or what somebody else has written and is in none.
inline Datum failure_datum(const error& e)
{
    const auto utf8 = [](std::string_view text) { return std::string{pg::as_utf8(text)}; };
    const json made{{"sqlstate", e.sqlstate()},
                    {"message", utf8(e.what())},
                    {"detail", utf8(e.detail())},
                    {"hint", utf8(e.hint())}};
    return pg::make_jsonb(made.dump(-1, ' ', false, json::error_handler_t::replace));
}

// The row (value, failure) that a procedure with these two INOUT arguments returns.
inline Datum row_or_failure(pg::arguments args, const std::optional<Datum>& value, const std::optional<Datum>& failure)
{
    TupleDesc row = nullptr;
    pg::call([&row, args] { (void)get_call_result_type(args.raw(), nullptr, &row); });
    Datum values[] = {value.value_or(Datum{0}), failure.value_or(Datum{0})};
    bool nulls[] = {!value, !failure};
    return pg::call(
        [row, &values, &nulls] { return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)); });
}

} // namespace etl
