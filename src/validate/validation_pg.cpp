// The aggregates that scan rows into a validation state.
#include "core/text.hpp"
#include "pg/calling_expression.hpp"
#include "pg/text_array.hpp"
#include "validate/column_pg.hpp"
#include "validate/validation_state_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <miscadmin.h>
#include <nodes/execnodes.h>
#include <nodes/primnodes.h>
#include <storage/itemptr.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
}

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

// A value as it lies in memory, perhaps compressed, kept to see whether the next row brings the same.
std::span<const std::byte> raw_bytes(Datum value)
{
    const auto* from = reinterpret_cast<const std::byte*>(DatumGetPointer(value));
    return {from, static_cast<std::size_t>(VARSIZE_ANY(from))};
}

// What an argument was when the first row came, if the query leaves open that it changes.
class settled_argument {
  public:
    settled_argument(pg::arguments args, int argument)
        : argument_{argument}, bytes_{raw_bytes(args.datum(argument)).begin(), raw_bytes(args.datum(argument)).end()}
    {
        const Node* expression = pg::call([args, argument] { return pg::argument_expression(args, argument); });
        is_constant_ = expression != nullptr && IsA(expression, Const);
    }

    // Whether it may have changed. Values that only differ in how they are compressed count as changed.
    bool has_changed(pg::arguments args) const
    {
        return !is_constant_ &&
               (args.is_null(argument_) || !std::ranges::equal(bytes_, raw_bytes(args.datum(argument_))));
    }

  private:
    int argument_;
    bool is_constant_ = false;
    std::vector<std::byte> bytes_;
};

// --- what is the same for all rows of a query ------------------------------------------------------------------------

struct scan {
    std::vector<settled_argument> settled; // arguments that no row may change
    int first_value = 0;                   // the argument of the first column
    std::string plan;
    checker rules;
    std::vector<reading> readings; // of the rules' columns
    std::vector<field> row;        // where each row is read to
    int ctid = -1;                 // arguments that tell where a row lies
    int tableoid = -1;
    int keys = -1;
    std::uint64_t rows = 0;           // seen, for rows that lie nowhere
    std::unique_ptr<run_store> store; // where runs go; none where states stay in memory
};

std::vector<Oid> types_of(pg::arguments args, int first, std::size_t count)
{
    std::vector<Oid> made;
    for (std::size_t i = 0; i < count; ++i) {
        made.push_back(pg::call([args, argument = first + static_cast<int>(i)] { return args.type(argument); }));
    }
    return made;
}

// The plan is an argument as well, and anybody's: the types that it names must be those of the values.
void require_types(const plan& told, std::span<const Oid> types)
{
    for (std::size_t i = 0; i < types.size(); ++i) {
        const plan_column& column = told.columns[i];
        const Oid named = type_of(column);
        const bool is_same = pg::call([=, given = types[i]] { return getBaseType(given) == getBaseType(named); });
        if (!is_same) {
            throw error(sqlstate::datatype_mismatch,
                        "column " + in_quotes(column.name) + " is of type " + column.type +
                            " in the plan of the scan, and of type " +
                            pg::call([given = types[i]] { return format_type_be(given); }) + " in the rows");
        }
    }
}

scan make_scan(pg::arguments args, int first_value, plan told, MemoryContext memory)
{
    const std::size_t given = static_cast<std::size_t>(args.count() - first_value);
    if (given != told.columns.size()) {
        throw error(sqlstate::invalid_parameter_value, "etl.validation_state got " +
                                                           std::to_string(told.columns.size()) + " column names and " +
                                                           std::to_string(given) + " values");
    }
    const std::vector<Oid> types = types_of(args, first_value, given);
    require_types(told, types);
    std::string text = write_plan(told);
    auto store = open_runs(told.area, memory);
    scan made{.settled = {},
              .first_value = first_value,
              .plan = std::move(text),
              .rules = checker::to_scan(std::move(told), types_in(memory), registered_schema, pg::poll, store.get()),
              .readings = {},
              .row = std::vector<field>(given),
              .store = std::move(store)};
    made.readings = readings_of(made.rules, types);
    for (std::size_t i = 0; i < given; ++i) {
        const std::string& name = made.rules.columns()[i].name;
        const int argument = first_value + static_cast<int>(i);
        if (name == "ctid" && types[i] == TIDOID) {
            made.ctid = argument;
        } else if (name == "tableoid" && types[i] == OIDOID) {
            made.tableoid = argument;
        } else if (name == "(keys)" && types[i] == TEXTOID) {
            made.keys = argument;
        }
    }
    return made;
}

// --- rows ------------------------------------------------------------------------------------------------------------

struct place {
    Oid table;
    ItemPointerData tid;
};

// Where the row lies that an aggregate is fed with, when it comes straight from a table: its slot knows. The first row of
// a group is copied to a slot that does not know the table, but then the copy itself does.
std::optional<place> place_of_row(pg::arguments args)
{
    const Node* caller = args.raw()->context;
    if (caller == nullptr || !IsA(caller, AggState)) {
        return std::nullopt;
    }
    TupleTableSlot* slot = reinterpret_cast<const AggState*>(caller)->tmpcontext->ecxt_outertuple;
    if (slot == nullptr) {
        return std::nullopt;
    }
    place found{slot->tts_tableOid, slot->tts_tid};
    if (!OidIsValid(found.table) && (TTS_IS_BUFFERTUPLE(slot) || TTS_IS_HEAPTUPLE(slot))) {
        if (const HeapTupleData* copy = reinterpret_cast<const HeapTupleTableSlot*>(slot)->tuple) {
            found = {copy->t_tableOid, copy->t_self};
        }
    }
    return OidIsValid(found.table) && ItemPointerIsValid(&found.tid) ? std::optional{found} : std::nullopt;
}

class argument_locator final : public row_locator {
  public:
    argument_locator(pg::arguments args, const scan& of) : args_{args}, scan_{of} {}

    row_position position() const override
    {
        row_position made;
        if (scan_.ctid >= 0 && !args_.is_null(scan_.ctid)) {
            set_place(made, reinterpret_cast<ItemPointer>(DatumGetPointer(args_.datum(scan_.ctid))));
            made.table = scan_.tableoid < 0 ? 0 : DatumGetObjectId(args_.datum(scan_.tableoid));
        } else if (const auto found = place_of_row(args_)) {
            set_place(made, &found->tid);
            made.table = found->table;
        } else { // nowhere: in the order in which they come
            made.block = static_cast<std::uint32_t>(scan_.rows >> 16);
            made.offset = static_cast<std::uint16_t>(scan_.rows);
        }
        return made;
    }

    std::string keys() const override
    {
        if (scan_.keys < 0 || args_.is_null(scan_.keys)) {
            return {};
        }
        const auto text = pg::call([this] { return pg::varlena_text(args_.datum(scan_.keys)); });
        return std::string{text};
    }

  private:
    static void set_place(row_position& made, const ItemPointerData* tid)
    {
        made.block = ItemPointerGetBlockNumberNoCheck(tid);
        made.offset = ItemPointerGetOffsetNumberNoCheck(tid);
    }

    pg::arguments args_;
    const scan& scan_;
};

void read_row(pg::arguments args, scan& of)
{
    const std::span row{of.row}; // what is written to it may not be seen to leave the vectors as they are
    const std::span readings{std::as_const(of.readings)};
    int argument = of.first_value;
    for (std::size_t i = 0; i < row.size(); ++i, ++argument) {
        read_field(row[i], readings[i], args.datum(argument), args.is_null(argument));
    }
}

Datum add_row(pg::arguments args, scan& of)
{
    for (const settled_argument& argument : of.settled) {
        if (argument.has_changed(args)) {
            throw error(sqlstate::invalid_parameter_value,
                        "etl.validation_state needs the same suite and column names for all rows of a query", {},
                        "Validate with each suite in a query of its own.");
        }
    }
    read_row(args, of);
    ++of.rows;
    const own_state state{args, of.rules, of.plan, of.store.get()};
    state->add_row(of.rules, of.row, argument_locator{args, of});
    return state.datum();
}

void require_given(pg::arguments args, std::initializer_list<int> arguments)
{
    for (const int i : arguments) {
        if (args.is_null(i)) {
            throw error(sqlstate::invalid_parameter_value,
                        "etl.validation_state needs a suite and the names of its columns");
        }
    }
}

// A suite's document, and not its name.
bool is_document(std::string_view suite_text)
{
    const auto first = suite_text.find_first_not_of(" \t\r\n");
    return first == std::string_view::npos || suite_text[first] == '{' || suite_text[first] == '[';
}

// The plan of etl.validation_state(state, suite, names, value…): all that the suite has.
plan plan_of_call(pg::arguments args, int suite_argument, int names_argument, int first_value)
{
    const auto suite_text = args.get<std::string_view>(suite_argument);
    plan made;
    made.document = is_document(suite_text) ? std::string{suite_text} : stored_document(suite_text);
    const auto names = pg::read_text_array(args.datum(names_argument));
    for (std::size_t i = 0; i < names.size(); ++i) {
        const int argument = first_value + static_cast<int>(i);
        if (argument >= args.count()) {
            made.columns.push_back(plan_column{names[i], "pg_catalog.text", ""}); // counted and refused by make_scan
            continue;
        }
        const Oid type = pg::call([=] { return args.type(argument); });
        const Oid collation = pg::call([=] { return pg::argument_collation(args, argument); });
        made.columns.push_back(describe_column(names[i], type, collation));
    }
    fill_part(made, read_suite(made.document));
    return made;
}

} // namespace

} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

// etl.validation_state(state, suite, names, value…)
ETL_FUNCTION(etl_validation_state_step, args)
{
    require_given(args, {1, 2});
    MemoryContext memory = args.raw()->flinfo->fn_mcxt;
    auto& found = args.cached<scan>([args, memory] {
        scan made = make_scan(args, 3, plan_of_call(args, 1, 2, 3), memory);
        made.settled = {settled_argument{args, 1}, settled_argument{args, 2}};
        return made;
    });
    return add_row(args, found);
}

// etl._validation_scan(state, plan, value…): the plan is a constant of the query.
ETL_FUNCTION(etl_validation_scan_step, args)
{
    MemoryContext memory = args.raw()->flinfo->fn_mcxt;
    auto& found = args.cached<scan>(
        [args, memory] { return make_scan(args, 2, read_plan(args.get<std::string_view>(1)), memory); });
    return add_row(args, found);
}
