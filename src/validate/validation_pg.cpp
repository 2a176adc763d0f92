// The aggregate etl.validation_state, its type, and the accessors that read a state.
#include "pg/result_set.hpp"
#include "pg/state_type.hpp"
#include "validate/column_pg.hpp"
#include "validate/report.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <mb/pg_wchar.h>
#include <nodes/nodeFuncs.h>
#include <nodes/primnodes.h>
#include <storage/itemptr.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
}

#include <array>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

using pg::arguments;

// The arguments of etl.validation_state(state, suite, columns, value…).
constexpr int suite_argument = 1;
constexpr int names_argument = 2;
constexpr int first_value = 3;

// A value as it lies in memory, perhaps compressed, kept to see whether the next row brings the same.
std::span<const std::byte> raw_bytes(Datum value)
{
    const auto* from = reinterpret_cast<const std::byte*>(DatumGetPointer(value));
    return {from, static_cast<std::size_t>(VARSIZE_ANY(from))};
}

// What an argument was when the first row came, if the query leaves open that it changes.
class settled_argument {
  public:
    settled_argument(int argument, bool is_constant, Datum value)
        : argument_{argument}, is_constant_{is_constant}, bytes_{raw_bytes(value).begin(), raw_bytes(value).end()}
    {
    }

    // Whether it may have changed. Values that only differ in how they are compressed count as changed.
    bool has_changed(arguments args) const
    {
        return !is_constant_ &&
               (args.is_null(argument_) || !std::ranges::equal(bytes_, raw_bytes(args.datum(argument_))));
    }

  private:
    int argument_;
    bool is_constant_;
    std::vector<std::byte> bytes_;
};

// Everything that is the same for all rows of a query: made with the first one.
struct compiled {
    settled_argument suite;
    settled_argument names;
    std::string plan;
    checker checks;
    std::vector<reading> readings; // of the checks' columns, which are arguments first_value…
    std::vector<field> row;        // where each row is read to
    int ctid = -1;                 // arguments that tell where a row lies
    int tableoid = -1;
};

std::vector<std::string> names_of(arguments args)
{
    Datum* names = nullptr;
    int count = 0;
    pg::call([&, array = args.datum(names_argument)] {
        deconstruct_array(DatumGetArrayTypeP(array), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &names, nullptr,
                          &count);
    });
    std::vector<std::string> made;
    for (int i = 0; i < count; ++i) {
        made.emplace_back(NameStr(*DatumGetName(names[i])));
    }
    return made;
}

void check_arguments(arguments args, std::size_t names)
{
    const auto values = static_cast<std::size_t>(args.count() - first_value);
    if (values != names) {
        throw error(sqlstate::invalid_parameter_value, "etl.validation_state got " + std::to_string(names) +
                                                           " column names and " + std::to_string(values) + " values");
    }
}

// The expression behind an argument; nullptr in calls outside an aggregate.
const Node* expression_of(arguments args, int argument)
{
    const Aggref* aggregate = AggGetAggref(args.raw());
    if (aggregate == nullptr) {
        return nullptr;
    }
    return reinterpret_cast<const Node*>(static_cast<TargetEntry*>(list_nth(aggregate->args, argument - 1))->expr);
}

// The collation of one argument: each column keeps its own, where the call as a whole has but one.
Oid collation_of(arguments args, int argument)
{
    const Node* expression = expression_of(args, argument);
    return expression == nullptr ? args.collation() : exprCollation(expression);
}

settled_argument settle(arguments args, int argument)
{
    const Node* expression = pg::call([args, argument] { return expression_of(args, argument); });
    return {argument, expression != nullptr && IsA(expression, Const), args.datum(argument)};
}

compiled compile(arguments args, MemoryContext memory)
{
    const std::string document{args.get<std::string_view>(suite_argument)};
    const std::vector<std::string> names = names_of(args);
    check_arguments(args, names.size());
    const suite rules = read_suite(document);
    std::vector<column> columns;
    std::vector<Oid> types;
    int ctid = -1;
    int tableoid = -1;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const int argument = first_value + static_cast<int>(i);
        const Oid type = pg::call([args, argument] { return args.type(argument); });
        const Oid collation = pg::call([args, argument] { return collation_of(args, argument); });
        if (names[i] == "ctid" && type == TIDOID) {
            ctid = argument;
        } else if (names[i] == "tableoid" && type == OIDOID) {
            tableoid = argument;
        }
        columns.push_back({names[i], make_column_type(type, collation, memory)});
        types.push_back(type);
    }
    checker checks{rules, std::move(columns)};
    std::vector<reading> readings = readings_of(checks, types);
    return {settle(args, suite_argument),
            settle(args, names_argument),
            write_plan({names, document}),
            std::move(checks),
            std::move(readings),
            std::vector<field>(names.size()),
            ctid,
            tableoid};
}

row_position position_of(arguments args, const compiled& plan)
{
    row_position made;
    if (plan.tableoid >= 0 && !args.is_null(plan.tableoid)) {
        made.table = DatumGetObjectId(args.datum(plan.tableoid));
    }
    if (plan.ctid >= 0 && !args.is_null(plan.ctid)) {
        const auto* tid = reinterpret_cast<ItemPointer>(DatumGetPointer(args.datum(plan.ctid)));
        made.block = ItemPointerGetBlockNumberNoCheck(tid);
        made.offset = ItemPointerGetOffsetNumberNoCheck(tid);
    }
    return made;
}

void read_row(arguments args, compiled& plan)
{
    for (std::size_t i = 0; i < plan.row.size(); ++i) {
        const int argument = first_value + static_cast<int>(i);
        read_field(plan.row[i], plan.readings[i], args.datum(argument), args.is_null(argument));
    }
}

compiled& compiled_of(arguments args)
{
    for (int i : {suite_argument, names_argument}) {
        if (args.is_null(i)) {
            throw error(sqlstate::invalid_parameter_value,
                        "etl.validation_state needs a suite and the names of its columns");
        }
    }
    MemoryContext memory = args.raw()->flinfo->fn_mcxt;
    auto& found = args.cached<compiled>([args, memory] { return compile(args, memory); });
    if (found.suite.has_changed(args) || found.names.has_changed(args)) {
        throw error(sqlstate::invalid_parameter_value,
                    "etl.validation_state needs the same suite and column names for all rows of a query", {},
                    "Validate with each suite in a query of its own.");
    }
    return found;
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_STATE_TYPE(validation_state, validation_state::check_foreign)

ETL_FUNCTION(etl_validation_state_step, args)
{
    compiled& plan = compiled_of(args);
    read_row(args, plan);
    pg::state_buffer state = pg::own_state(args);
    if (state.size() == 0) {
        validation_state::create(state, plan.plan, plan.checks.checks().size());
    }
    pg::context_resource scratch;
    validation_state{state, pg::poll, &scratch}.add_row(plan.checks, plan.row, position_of(args, plan));
    return state.datum();
}

// The state of no row at all, which an aggregate over an empty table cannot make.
ETL_FUNCTION(etl_empty_validation_state, args)
{
    const auto document = args.get<std::string_view>(0);
    const suite rules = read_suite(document);
    pg::state_buffer state;
    validation_state::create(state, write_plan({{}, std::string{document}}), rules.expectations.size());
    return state.datum();
}

ETL_FUNCTION(etl_validation_state_combine, args)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : pg::own_state(args).datum();
    }
    const auto other = pg::read_state(args, 1);
    pg::state_buffer state = pg::own_state(args);
    if (state.size() == 0) {
        return args.result(other);
    }
    pg::context_resource scratch;
    validation_state{state, pg::poll, &scratch}.merge(other);
    return state.datum();
}

namespace {

Datum verified_text(const std::string& text)
{
    pg::call([&] { pg_verifymbstr(text.data(), static_cast<int>(text.size()), false); });
    return pg::make_text(text);
}

} // namespace

ETL_FUNCTION(etl_report, args)
{
    const auto state = pg::read_state(args, 0);
    pg::result_set rows{args};
    for (const outcome& o : report(state, pg::poll)) {
        std::array values{verified_text(o.what.type),
                          verified_text(o.what.kwargs),
                          BoolGetDatum(o.success),
                          Int64GetDatum(static_cast<std::int64_t>(o.element_count)),
                          Int64GetDatum(static_cast<std::int64_t>(o.missing_count.value_or(0))),
                          Int64GetDatum(static_cast<std::int64_t>(o.unexpected_count)),
                          Float8GetDatum(o.unexpected_percent.value_or(0)),
                          verified_text(o.partial_unexpected_list)};
        std::array nulls{false, false, false, false, !o.missing_count, false, !o.unexpected_percent, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}

ETL_FUNCTION(etl_duplicate_positions, args)
{
    const auto state = pg::read_state(args, 0);
    pg::result_set rows{args};
    for (const auto& found : duplicates(state, pg::poll)) {
        ItemPointerData tid;
        ItemPointerSet(&tid, found.first.block, found.first.offset);
        std::array values{Int32GetDatum(static_cast<std::int32_t>(found.check) + 1),
                          ObjectIdGetDatum(found.first.table), PointerGetDatum(&tid),
                          Int64GetDatum(static_cast<std::int64_t>(found.rows))};
        std::array nulls{false, false, false, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}

// The JSON of one value, as the state writes those of failing rows.
ETL_FUNCTION(etl_json_of, args)
{
    const Oid type = args.type(0);
    field value;
    read_field(value, reading_of(getBaseType(type)), args.datum(0), false);
    const std::string text = make_column_type(type, args.collation(), CurrentMemoryContext)->json(value);
    return verified_text(text);
}
