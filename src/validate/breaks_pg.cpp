// etl._breaks: one row against one expectation, which comes as it is and needs no stored suite. Queries for failing
// rows call it.
#include "validate/row_suite_pg.hpp"

#include "pg/function.hpp"

extern "C" {
#include <access/htup_details.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {
namespace {

constexpr int deepest_expectation = 62; // as in a suite

// An expectation at work on the rows of one type.
struct rule_on_rows {
    std::string expectation;
    std::uint64_t row_type; // PostgreSQL's number for this shape of the type: a changed table has another
    row_judge judge;
    std::vector<Datum> values;
    std::unique_ptr<bool[]> nulls;
};

rule_on_rows compile(std::string_view expectation, TupleDesc shape, std::uint64_t row_type, MemoryContext memory)
{
    const json document{
        {"name", "one expectation"},
        {"expectations", json::array({parse_json(expectation, "an expectation", deepest_expectation)})}};
    const Oid relation = shape->tdtypeid == RECORDOID
                             ? InvalidOid
                             : pg::call([type = shape->tdtypeid] { return get_typ_typrelid(type); });
    row_rules rules;
    rules.name = "one expectation";
    rules.document = document.dump();
    const auto width = static_cast<std::size_t>(shape->natts);
    return {std::string{expectation}, row_type, row_judge{row_suite_for(rules, {shape, relation, nullptr}), memory},
            std::vector<Datum>(width), std::make_unique<bool[]>(width)};
}

// May raise: only trivial locals.
std::span<const field> read_row(rule_on_rows& of, HeapTupleHeader row, TupleDesc shape)
{
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    ItemPointerSetInvalid(&tuple.t_self);
    tuple.t_data = row;
    heap_deform_tuple(&tuple, shape, of.values.data(), of.nulls.get());
    return of.judge.read(of.values.data(), of.nulls.get());
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_FUNCTION(etl_breaks, args)
{
    const auto expectation = args.get<std::string_view>(0);
    HeapTupleHeader row = DatumGetHeapTupleHeader(args.given(1));
    const Oid type = HeapTupleHeaderGetTypeId(row);
    const std::int32_t typmod = HeapTupleHeaderGetTypMod(row);
    TupleDesc shape = lookup_rowtype_tupdesc(type, typmod);
    const std::uint64_t row_type = assign_record_type_identifier(type, typmod);
    auto& known = args.cached<std::optional<rule_on_rows>>([] { return std::nullopt; });
    if (!known || known->row_type != row_type || known->expectation != expectation) {
        known = compile(expectation, shape, row_type, args.raw()->flinfo->fn_mcxt);
    }
    const auto fields = read_row(*known, row, shape);
    ReleaseTupleDesc(shape);
    return BoolGetDatum(!known->judge.rules().checks().keeps(fields));
}
