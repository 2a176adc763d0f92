#include "validate/set_aside_pg.hpp"

#include "core/text.hpp"
#include "pg/own_query.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
}

#include <algorithm>
#include <array>
#include <memory>

namespace etl::validate {
namespace {

// --- storing -------------------------------------------------------------------------------------------------------

struct set_aside_row {
    Datum table;
    Datum suite;
    Datum row;
    Datum reasons;
    Datum operation;
    Datum owner;
};

// May raise.
void store(const set_aside_row& what)
{
    static constexpr std::array<Oid, 6> types{TEXTOID, TEXTOID, JSONBOID, TEXTARRAYOID, TEXTOID, TEXTOID};
    static pg::own_query query{"quarantined_rows",
                               "INSERT INTO etl.quarantined_rows (relation, suite, \"row\", reasons, operation, owner) "
                               "VALUES ($1, $2, $3, $4, $5, $6::pg_catalog.name)",
                               types};
    const std::array values{what.table, what.suite, what.row, what.reasons, what.operation, what.owner};
    query.execute(values.data());
}

Oid own_function(const char* signature)
{
    return DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(signature)));
}

// The name under which rows of a table are kept. May raise.
const char* kept_name(Oid table)
{
    const Oid function = own_function("etl._relation_name(pg_catalog.regclass)");
    return TextDatumGetCString(OidFunctionCall1(function, ObjectIdGetDatum(table)));
}

// etl._row_as_json, ready to be called with rows of one type. May raise.
void find_row_as_json(FmgrInfo* to, Oid row_type, MemoryContext memory)
{
    const Oid function = own_function("etl._row_as_json(pg_catalog.record)");
    MemoryContext old = MemoryContextSwitchTo(memory);
    FmgrInfo found = {};
    fmgr_info(function, &found);
    // PL/pgSQL asks of which type the record is.
    auto* argument = makeNullConst(row_type, -1, InvalidOid);
    fmgr_info_set_expr(reinterpret_cast<Node*>(makeFuncExpr(function, JSONBOID, list_make1(argument), InvalidOid,
                                                            InvalidOid, COERCE_EXPLICIT_CALL)),
                       &found);
    MemoryContextSwitchTo(old);
    *to = found;
}

// --- counting ------------------------------------------------------------------------------------------------------

// The rows that one statement has set aside.
struct tally {
    pg::statement_number statement;
    Oid table;
    std::string suite;
    std::int64_t inserts = 0;
    std::int64_t updates = 0;

    bool is_of(pg::statement_number now, Oid of_table, std::string_view of_suite) const
    {
        return statement == now && table == of_table && suite == of_suite;
    }
};

std::vector<tally>& tallies()
{
    static auto& all = *new std::vector<tally>; // never destroyed
    return all;
}

void count(Oid table, const std::string& suite, bool is_update)
{
    const auto now = pg::statement_number::current();
    auto& all = tallies();
    auto found = std::ranges::find_if(all, [&](const tally& t) { return t.is_of(now, table, suite); });
    if (found == all.end()) {
        std::erase_if(all, [now](const tally& t) { return t.statement.transaction != now.transaction; });
        found = all.insert(all.end(), {now, table, suite});
    }
    ++(is_update ? found->updates : found->inserts);
}

std::string whereabouts(const tally& of)
{
    const std::int64_t rows = of.inserts + of.updates;
    std::string text = rows == 1 ? "It is in etl.quarantined_rows" : "They are in etl.quarantined_rows";
    if (of.updates == 0) {
        return text + '.';
    }
    if (of.updates < rows) {
        return text + "; " + std::to_string(of.updates) + " of them would have replaced rows, which stay as they were.";
    }
    return text + (rows == 1 ? "; the row that it would have replaced stays as it was."
                             : "; the rows that they would have replaced stay as they were.");
}

} // namespace

set_aside_writer::set_aside_writer(Relation table, Oid root, std::string suite, MemoryContext memory)
    : root_{root}, suite_{std::move(suite)}, memory_{memory}
{
    TupleDesc shape = RelationGetDescr(table);
    for (int i = 0; i < shape->natts; ++i) {
        if (TupleDescAttr(shape, i)->attgenerated != '\0') {
            generated_.push_back(i);
        }
    }
}

void set_aside_writer::write(const pg::row_trigger& call, const row_judge& judged, Datum reasons)
{
    if (name_.empty()) {
        name_ = pg::call([this] { return kept_name(root_); });
    }
    const set_aside_row what{pg::make_text(name_),
                             pg::make_text(suite_),
                             as_json(call, judged),
                             reasons,
                             pg::make_text(std::string_view{call.is_update() ? "update" : "insert"}),
                             pg::make_text(pg::role_name(pg::table_owner(root_)))};
    pg::call([&what] { store(what); });
    count(root_, suite_, call.is_update());
}

// The row as jsonb_populate_record reads it. Made with the rights of the current role, as types may bring functions of
// their own. What the row has of generated columns is not theirs yet: they are as they were judged, or NULL where the
// suite does not read them.
Datum set_aside_writer::as_json(const pg::row_trigger& call, const row_judge& judged)
{
    std::vector<Datum> values;
    std::vector<int> numbers;
    const auto nulls = std::make_unique<bool[]>(generated_.size());
    for (const int attribute : generated_) {
        const NullableDatum value = judged.computed_value(attribute);
        nulls[values.size()] = value.isnull;
        values.push_back(value.value);
        numbers.push_back(attribute + 1);
    }
    TupleDesc shape = RelationGetDescr(call.table());
    return pg::call([&, nulls = nulls.get(), count = static_cast<int>(numbers.size())] {
        if (!OidIsValid(row_as_json_.fn_oid)) {
            find_row_as_json(&row_as_json_, shape->tdtypeid, memory_);
        }
        HeapTuple row = call.row();
        if (count > 0) {
            row = heap_modify_tuple_by_cols(row, shape, count, numbers.data(), values.data(), nulls);
        }
        return FunctionCall1(&row_as_json_, heap_copy_tuple_as_datum(row, shape));
    });
}

void tell_set_aside(Oid table, std::string_view suite)
{
    const auto now = pg::statement_number::current();
    auto& all = tallies();
    const auto found = std::ranges::find_if(all, [&](const tally& t) { return t.is_of(now, table, suite); });
    if (found == all.end()) {
        return;
    }
    const tally told = *found;
    all.erase(found);
    const std::int64_t rows = told.inserts + told.updates;
    pg::inform(std::to_string(rows) + (rows == 1 ? " row was" : " rows were") + " kept out of table " +
                   in_quotes(pg::qualified_name(table)) + " by suite " + in_quotes(suite),
               whereabouts(told),
               rows == 1 ? "etl.release_quarantined() stores it when it has been mended."
                         : "etl.release_quarantined() stores them when they have been mended.");
}

} // namespace etl::validate
