#include "pipeline/lineage_rows_pg.hpp"

#include "core/query_lineage_pg.hpp"
#include "pg/text_array.hpp"
#include "pipeline/called_functions_pg.hpp"
#include "pipeline/lineage_row_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <nodes/nodeFuncs.h>
#include <parser/parsetree.h>
#include <tcop/cmdtag.h>
#include <tcop/utility.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

#include <array>
#include <vector>

namespace etl::pipeline {
namespace {

using lineage::how;
using lineage::source;

constexpr std::array item_names{"statement", "write", "edge", "read", "call", "opaque", "error"};

// Of OpenLineage: https://openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet
constexpr std::array subtype_names{"",       "IDENTITY", "TRANSFORMATION", "AGGREGATION", "JOIN",
                                   "FILTER", "GROUP_BY", "SORT",           "WINDOW",      "CONDITIONAL"};

const char* subtype(how by)
{
    return by == how::rows ? nullptr : subtype_names.at(static_cast<std::size_t>(by));
}

const char* type(how by)
{
    if (by == how::rows) {
        return nullptr;
    }
    return lineage::is_direct(by) ? "DIRECT" : "INDIRECT";
}

const source& source_at(const List* sources, int i)
{
    return *static_cast<const source*>(list_nth(sources, i));
}

const char* column_name(Oid relation, int column)
{
    return column == 0 ? nullptr
                       : pg::call([=] { return get_attname(relation, static_cast<AttrNumber>(column), true); });
}

// The columns of etl._statement_lineage.
enum column : std::size_t {
    at_statement,
    at_command,
    at_item,
    at_target,
    at_target_name,
    at_target_column,
    at_relation,
    at_column,
    at_type,
    at_subtype,
    at_note,
    at_arguments,
    at_unknown,
    column_count,
};

bool writes(const Query* query)
{
    return query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE || query->commandType == CMD_DELETE ||
           query->commandType == CMD_MERGE;
}

bool has_triggers(Oid relation)
{
    HeapTuple found = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    const bool has = HeapTupleIsValid(found) && reinterpret_cast<Form_pg_class>(GETSTRUCT(found))->relhastriggers;
    if (HeapTupleIsValid(found)) {
        ReleaseSysCache(found);
    }
    return has;
}

// The query of a view through which PostgreSQL writes by itself, and the relation behind it; triggers write instead.
const Query* simple_view(Oid view, Oid& base)
{
    if (get_rel_relkind(view) != RELKIND_VIEW || has_triggers(view)) {
        return nullptr;
    }
    const Query* query = query_of_view(view);
    if (query == nullptr || query->jointree == nullptr || list_length(query->jointree->fromlist) != 1 ||
        !IsA(linitial(query->jointree->fromlist), RangeTblRef)) {
        return nullptr;
    }
    const RangeTblEntry* entry =
        rt_fetch(linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex, query->rtable);
    base = entry->relid;
    return entry->rtekind == RTE_RELATION ? query : nullptr;
}

// The relation that a command names, or, where there is none yet, the name that it will have.
const char* name_to_be(const RangeVar* name)
{
    const char* schema = name->schemaname;
    if (schema == nullptr) {
        schema = name->relpersistence == RELPERSISTENCE_TEMP ? "pg_temp"
                                                             : get_namespace_name(RangeVarGetCreationNamespace(name));
    }
    return quote_qualified_identifier(schema, name->relname);
}

} // namespace

void lineage_rows::put_opaque(const char* what)
{
    row made;
    made.set(at_statement, Int32GetDatum(number_));
    made.set_text(at_command, command_);
    made.set_text(at_item, "opaque");
    made.set_text(at_note, what);
    made.put(rows_, column_count);
}

void lineage_rows::put_error(int number, const std::string& message)
{
    row made;
    made.set(at_statement, Int32GetDatum(number));
    made.set_text(at_item, "error");
    made.set_text(at_note, message.c_str());
    made.put(rows_, column_count);
}

void lineage_rows::put_write(const target& to)
{
    put_sources(item::write, to, nullptr, NIL);
}

// A row for each source; a row without a source where there is none, as of a column that gets a constant.
void lineage_rows::put_sources(item what, const target& to, const char* column, const List* sources)
{
    const int count = list_length(sources);
    for (int i = 0; i < std::max(count, 1); ++i) {
        row made;
        made.set(at_statement, Int32GetDatum(number_));
        made.set_text(at_command, command_);
        made.set_text(at_item, item_names.at(static_cast<std::size_t>(what)));
        made.set_relation(at_target, to.relation);
        made.set_text(at_target_name, to.name);
        made.set_text(at_target_column, column);
        if (i < count) {
            const source& from = source_at(sources, i);
            made.set_relation(at_relation, from.relation);
            made.set_text(at_column, column_name(from.relation, from.column));
            made.set_text(at_type, type(from.by));
            made.set_text(at_subtype, subtype(from.by));
        }
        made.put(rows_, column_count);
    }
}

// What decides which rows are written. That a relation is looked up to be changed is no lineage of its own.
void lineage_rows::put_row_sources(const target& to, const List* sources, Oid changed)
{
    const List* told = pg::call([=] {
        List* others = NIL;
        for (int i = 0; i < list_length(sources); ++i) {
            const source& each = source_at(sources, i);
            if (each.relation != changed || each.by != how::rows) {
                others = lappend(others, const_cast<source*>(&each));
            }
        }
        return others;
    });
    if (told != NIL) {
        put_sources(item::edge, to, nullptr, told);
    }
}

void lineage_rows::put_targets(const Query* query, const Query* around, const List* targets, const target& to,
                               const List* calls)
{
    for (int i = 0; i < list_length(targets); ++i) {
        const auto* each = static_cast<const TargetEntry*>(list_nth(targets, i));
        if (!each->resjunk && each->resno > 0) {
            const List* sources = pg::call([&] {
                return lineage::expression_sources(query, around, reinterpret_cast<const Node*>(each->expr), calls);
            });
            put_sources(item::edge, to, column_name(to.relation, each->resno), sources);
        }
    }
}

// What is written to a view goes to the table behind it.
void lineage_rows::put_base(Oid view, bool values)
{
    Oid behind = InvalidOid;
    const Query* query = pg::call([&behind, view] { return simple_view(view, behind); });
    if (query == nullptr) {
        return;
    }
    put_write({behind, nullptr});
    for (int i = 0; values && i < list_length(query->targetList); ++i) {
        const auto* each = static_cast<const TargetEntry*>(list_nth(query->targetList, i));
        if (each->resjunk || !IsA(each->expr, Var)) {
            continue;
        }
        const int number = reinterpret_cast<const Var*>(each->expr)->varattno;
        if (number > 0) {
            source from = {view, each->resno, how::identity};
            const List* only = pg::call([&from] { return list_make1(&from); });
            put_sources(item::edge, {behind, nullptr}, column_name(behind, number), only);
        }
    }
    put_base(behind, values);
}

void lineage_rows::put_writes(const Query* query, const Query* around, const List* calls)
{
    const Oid relation = rt_fetch(query->resultRelation, query->rtable)->relid;
    const target to = {relation, nullptr};
    put_write(to);
    if (query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE) {
        put_targets(query, around, query->targetList, to, calls);
    }
    if (query->onConflict != nullptr) {
        put_targets(query, around, query->onConflict->onConflictSet, to, calls);
    }
    for (int i = 0; i < list_length(query->mergeActionList); ++i) {
        put_targets(query, around, static_cast<const MergeAction*>(list_nth(query->mergeActionList, i))->targetList, to,
                    calls);
    }
    const List* sources = pg::call([&] { return lineage::row_sources(query, calls, around); });
    put_row_sources(to, sources, query->commandType == CMD_INSERT ? InvalidOid : relation);
    put_base(relation, query->commandType != CMD_DELETE);
}

void lineage_rows::put_reads(const Query* query, const List* calls)
{
    const auto put_found = [this](const List* sources) {
        if (sources != NIL) {
            put_sources(item::read, {}, nullptr, sources);
        }
    };
    for (int i = 0; i < list_length(query->targetList); ++i) {
        const auto* each = static_cast<const TargetEntry*>(list_nth(query->targetList, i));
        if (!each->resjunk) {
            put_found(pg::call([&] { return lineage::value_sources(query, each->resno, calls); }));
        }
    }
    put_found(pg::call([&] { return lineage::row_sources(query, calls); }));
}

void lineage_rows::put_query(const Query* query, const statement& found)
{
    if (query->commandType == CMD_UTILITY) {
        put_utility(query, found.calls);
        return;
    }
    for (int i = 0; i < list_length(query->cteList); ++i) {
        const auto* with = static_cast<const CommonTableExpr*>(list_nth(query->cteList, i));
        const auto* inner = reinterpret_cast<const Query*>(with->ctequery);
        if (writes(inner)) {
            put_writes(inner, query, found.calls);
        }
    }
    if (writes(query)) {
        put_writes(query, nullptr, found.calls);
    } else if (query->commandType == CMD_SELECT) {
        put_reads(query, found.calls);
    }
}

// A relation that a query fills: CREATE TABLE … AS, REFRESH MATERIALIZED VIEW.
void lineage_rows::put_filled(const target& to, const Query* query, const List* column_names, const List* calls)
{
    put_write(to);
    int number = 0;
    for (int i = 0; i < list_length(query->targetList); ++i) {
        const auto* each = static_cast<const TargetEntry*>(list_nth(query->targetList, i));
        if (each->resjunk) {
            continue;
        }
        const char* name = number < list_length(column_names) ? strVal(list_nth(column_names, number)) : each->resname;
        ++number;
        put_sources(item::edge, to, name, pg::call([&] { return lineage::value_sources(query, each->resno, calls); }));
    }
    put_row_sources(to, pg::call([&] { return lineage::row_sources(query, calls); }), InvalidOid);
}

void lineage_rows::put_removed(const List* relations, bool names)
{
    for (int i = 0; i < list_length(relations); ++i) {
        const Oid relation = pg::call([&] {
            const auto* named = names ? makeRangeVarFromNameList(static_cast<List*>(list_nth(relations, i)))
                                      : static_cast<RangeVar*>(list_nth(relations, i));
            return RangeVarGetRelid(named, NoLock, true);
        });
        if (OidIsValid(relation)) {
            put_write({relation, nullptr});
        }
    }
}

void lineage_rows::put_copy(const Query* command, const List* calls)
{
    const auto* copy = reinterpret_cast<const CopyStmt*>(command->utilityStmt);
    const char* place = copy->filename == nullptr ? "standard input or output" : copy->filename;
    put_opaque(pg::call([&] {
        return psprintf("%s %s %s", copy->is_from ? "from" : "to", copy->is_program ? "program" : "file", place);
    }));
    if (copy->query != nullptr) {
        const Query* query = query_within(command);
        if (writes(query)) {
            put_writes(query, nullptr, calls);
        } else {
            put_reads(query, calls);
        }
        return;
    }
    const Oid relation = pg::call([copy] { return RangeVarGetRelid(copy->relation, NoLock, false); });
    const List* columns = copy->is_from ? NIL : pg::call([relation] {
        auto* whole = pg::fresh<source>();
        *whole = {relation, 0, how::rows};
        return list_make1(whole);
    });
    if (copy->is_from) {
        put_write({relation, nullptr});
    } else {
        put_sources(item::read, {}, nullptr, columns);
    }
    const List* numbers = pg::call([relation] { return lineage::columns_of(relation); });
    for (int i = 0; i < list_length(numbers); ++i) {
        const int number = list_nth_int(numbers, i);
        const char* name = column_name(relation, number);
        bool wanted = copy->attlist == NIL && name != nullptr;
        for (int k = 0; k < list_length(copy->attlist); ++k) {
            wanted = wanted || (name != nullptr && strcmp(strVal(list_nth(copy->attlist, k)), name) == 0);
        }
        if (wanted && copy->is_from) {
            put_sources(item::edge, {relation, nullptr}, name, NIL);
        } else if (wanted) {
            source from = {relation, number, how::identity};
            put_sources(item::read, {}, nullptr, pg::call([&from] { return list_make1(&from); }));
        }
    }
}

void lineage_rows::put_utility(const Query* command, const List* calls)
{
    const Node* utility = command->utilityStmt;
    switch (nodeTag(utility)) {
    case T_CreateTableAsStmt: {
        const auto* create = reinterpret_cast<const CreateTableAsStmt*>(utility);
        const Query* query = query_within(command);
        if (query == nullptr) {
            put_opaque("EXECUTE");
            break;
        }
        const target to = pg::call([create] {
            const RangeVar* name = create->into->rel;
            const Oid known = RangeVarGetRelid(name, NoLock, true);
            return target{known, OidIsValid(known) ? nullptr : name_to_be(name)};
        });
        put_filled(to, query, create->into->colNames, calls);
        break;
    }
    case T_RefreshMatViewStmt: {
        const Oid view = pg::call([utility] {
            return RangeVarGetRelid(reinterpret_cast<const RefreshMatViewStmt*>(utility)->relation, NoLock, false);
        });
        const Query* query = pg::call([view] { return query_of_view(view); });
        if (query != nullptr) {
            put_filled({view, nullptr}, query, NIL, calls);
        }
        break;
    }
    case T_TruncateStmt:
        put_removed(reinterpret_cast<const TruncateStmt*>(utility)->relations, false);
        break;
    case T_DropStmt: {
        const auto* drop = reinterpret_cast<const DropStmt*>(utility);
        if (drop->removeType == OBJECT_TABLE || drop->removeType == OBJECT_MATVIEW ||
            drop->removeType == OBJECT_FOREIGN_TABLE) {
            put_removed(drop->objects, true);
        }
        break;
    }
    case T_CopyStmt:
        put_copy(command, calls);
        break;
    case T_DeclareCursorStmt:
    case T_ExplainStmt: {
        const Query* query = query_within(command);
        if (query != nullptr && writes(query)) {
            put_writes(query, nullptr, calls);
        } else if (query != nullptr && query->commandType == CMD_SELECT) {
            put_reads(query, calls);
        }
        break;
    }
    case T_DoStmt:
        put_opaque("DO");
        break;
    case T_ExecuteStmt:
        put_opaque("EXECUTE");
        break;
    default:
        break;
    }
}

void lineage_rows::put_call(const FuncExpr* call)
{
    const call_arguments given = pg::call([call] { return arguments_of(call); });
    std::vector<std::string> arguments;
    std::vector<std::string> unknown;
    for (int i = 0; i < given.count; ++i) {
        const Node* value = given.values[i];
        if (value == nullptr || is_null_constant(value)) {
            continue;
        }
        const char* text = pg::call([value] { return constant_text(value); });
        if (text == nullptr) {
            unknown.emplace_back(given.names[i]);
        } else {
            arguments.emplace_back(given.names[i]);
            arguments.emplace_back(text);
        }
    }
    row made;
    made.set(at_statement, Int32GetDatum(number_));
    made.set_text(at_command, command_);
    made.set_text(at_item, "call");
    made.set_text(at_note, pg::call([call] { return get_func_name(call->funcid); }));
    made.set(at_arguments, pg::make_text_array(arguments));
    made.set(at_unknown, pg::make_text_array(unknown));
    made.put(rows_, column_count);
}

void lineage_rows::put(int number, const statement& found)
{
    number_ = number;
    command_ = pg::call([&found] {
        return GetCommandTagName(CreateCommandTag(reinterpret_cast<Node*>(const_cast<Query*>(found.query))));
    });
    row made;
    made.set(at_statement, Int32GetDatum(number_));
    made.set_text(at_command, command_);
    made.set_text(at_item, "statement");
    made.put(rows_, column_count);
    put_query(found.query, found);
    for (int i = 0; i < list_length(found.inner); ++i) {
        put_query(static_cast<const Query*>(list_nth(found.inner, i)), found);
    }
    for (int i = 0; i < list_length(found.own); ++i) {
        put_call(static_cast<const FuncExpr*>(list_nth(found.own, i)));
    }
    for (int i = 0; i < list_length(found.opaque); ++i) {
        put_opaque(static_cast<const char*>(list_nth(found.opaque, i)));
    }
}

void put_view(pg::result_set& rows, Oid view)
{
    const Query* query = pg::call([view] { return query_of_view(view); });
    if (query == nullptr) {
        return;
    }
    const auto put_found = [&](const char* column, const List* sources) {
        for (int i = 0; i < list_length(sources); ++i) {
            const source& from = source_at(sources, i);
            row made;
            made.set_text(0, column);
            made.set_relation(1, from.relation);
            made.set_text(2, column_name(from.relation, from.column));
            made.set_text(3, type(from.by));
            made.set_text(4, subtype(from.by));
            made.put(rows, 5);
        }
    };
    for (int i = 0; i < list_length(query->targetList); ++i) {
        const auto* each = static_cast<const TargetEntry*>(list_nth(query->targetList, i));
        if (!each->resjunk) {
            put_found(column_name(view, each->resno),
                      pg::call([&] { return lineage::value_sources(query, each->resno); }));
        }
    }
    put_found(nullptr, pg::call([&] { return lineage::row_sources(query); }));
}

} // namespace etl::pipeline
