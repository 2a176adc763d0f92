// etl._statement_lineage and etl._view_lineage: what a text would read and write, and what a view reads.
#include "pg/acting_role.hpp"
#include "pg/subtransaction.hpp"
#include "pipeline/lineage_rows_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
}

#include <string>
#include <vector>

namespace etl::pipeline {
namespace {

std::vector<Oid> read_types(Datum array)
{
    const auto* types = reinterpret_cast<const ArrayType*>(array);
    if (ARR_HASNULL(types) || ARR_NDIM(types) > 1) {
        throw error(sqlstate::invalid_parameter_value, "types of parameters must be a list without NULL");
    }
    const auto* first = reinterpret_cast<const Oid*>(ARR_DATA_PTR(types));
    return {first, first + ArrayGetNItems(ARR_NDIM(types), ARR_DIMS(types))};
}

// Runs f in a subtransaction of which nothing stays: no lock, no setting. Where an error ends it, its message.
template <class F>
std::string in_passing(F&& f)
{
    pg::subtransaction inside;
    try {
        f();
        inside.discard();
        return {};
    } catch (const pg::error_in_flight&) { // dealt with below, when the clause has ended
    }
    return inside.roll_back().message;
}

} // namespace
} // namespace etl::pipeline

using namespace etl;
using namespace etl::pipeline;

// etl._statement_lineage(sql, search_path, owner, parameters)
ETL_FUNCTION(etl_statement_lineage, args)
{
    const auto as_string = [&args](int i) { return std::string{args.get<std::string_view>(i)}; };
    const std::string text = as_string(0);
    const std::string path = as_string(1);
    const std::string owner = NameStr(*DatumGetName(args.given(2)));
    const std::vector<Oid> types = read_types(PointerGetDatum(PG_DETOAST_DATUM(args.given(3))));
    lineage_rows rows{args};
    reading how = {path.c_str(), InvalidOid, types};
    List* statements = NIL;
    std::string problem = in_passing([&] {
        pg::call([&] {
            how.owner = pg::acting_role(owner.c_str());
            statements = parse(text.c_str());
        });
    });
    if (!problem.empty()) {
        rows.put_error(1, problem);
        return rows.finish();
    }
    for (int i = 0; i < list_length(statements); ++i) {
        pg::poll();
        auto* raw = static_cast<RawStmt*>(list_nth(statements, i));
        problem = in_passing([&] { rows.put(i + 1, analyse(raw, text.c_str(), how)); });
        if (!problem.empty()) {
            rows.put_error(i + 1, problem);
        }
    }
    return rows.finish();
}

// etl._view_lineage(view)
ETL_FUNCTION(etl_view_lineage, args)
{
    const Oid view = DatumGetObjectId(args.given(0));
    pg::result_set rows{args};
    put_view(rows, view);
    return rows.finish();
}
