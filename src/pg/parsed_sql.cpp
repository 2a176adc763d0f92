#include "pg/parsed_sql.hpp"

#include "pg/error_context.hpp"
#include "pg/row_expression.hpp"
#include "pg/tree_walker.hpp"

extern "C" {
#include <catalog/namespace.h>
#include <commands/defrem.h>
#include <mb/pg_wchar.h>
#include <nodes/parsenodes.h>
#include <tcop/tcopprot.h>
#include <tcop/utility.h>
}

#include <cstring>

namespace etl::pg {
namespace {

// call(f) for what reads SQL that came in an argument.
template <class F>
auto call_on_sql(const char* sql, const char* line, F&& f)
{
    return call([sql, line, &f] {
        told_sql told{sql, line};
        ErrorContextCallback callback = {};
        callback.previous = error_context_stack;
        callback.callback = add_told_sql;
        callback.arg = &told;
        error_context_stack = &callback;
        auto made = f();
        error_context_stack = callback.previous;
        return made;
    });
}

template <class Statement>
const Statement* as(const Node* node)
{
    return reinterpret_cast<const Statement*>(node);
}

bool says_concurrently(const List* options)
{
    ListCell* cell = nullptr;
    foreach (cell, options) {
        const auto* option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "concurrently") == 0 && defGetBoolean(const_cast<DefElem*>(option))) {
            return true;
        }
    }
    return false;
}

bool detaches_concurrently(const AlterTableStmt* statement)
{
    ListCell* cell = nullptr;
    foreach (cell, statement->cmds) {
        const auto* command = lfirst_node(AlterTableCmd, cell);
        if (command->subtype == AT_DetachPartition && as<PartitionCmd>(command->def)->concurrent) {
            return true;
        }
    }
    return false;
}

bool reindexes_many(const ReindexStmt* statement)
{
    return statement->kind == REINDEX_OBJECT_SCHEMA || statement->kind == REINDEX_OBJECT_SYSTEM ||
           statement->kind == REINDEX_OBJECT_DATABASE;
}

bool is_concurrent(const Node* node)
{
    switch (nodeTag(node)) {
    case T_IndexStmt:
        return as<IndexStmt>(node)->concurrent;
    case T_DropStmt:
        return as<DropStmt>(node)->concurrent;
    case T_ReindexStmt:
        return says_concurrently(as<ReindexStmt>(node)->params);
    case T_AlterTableStmt:
        return detaches_concurrently(as<AlterTableStmt>(node));
    default:
        return false;
    }
}

bool ends_prepared(const TransactionStmt* statement)
{
    return statement->kind == TRANS_STMT_COMMIT_PREPARED || statement->kind == TRANS_STMT_ROLLBACK_PREPARED;
}

// What PostgreSQL refuses within a transaction, whatever it is about.
bool needs_toplevel(const Node* node)
{
    switch (nodeTag(node)) {
    case T_CreatedbStmt:
    case T_DropdbStmt:
    case T_CreateTableSpaceStmt:
    case T_DropTableSpaceStmt:
    case T_AlterSystemStmt:
        return true;
    case T_VacuumStmt:
        return as<VacuumStmt>(node)->is_vacuumcmd;
    case T_ReindexStmt:
        return reindexes_many(as<ReindexStmt>(node)) || is_concurrent(node);
    case T_ClusterStmt:
        return as<ClusterStmt>(node)->relation == nullptr;
    case T_DiscardStmt:
        return as<DiscardStmt>(node)->target == DISCARD_ALL;
    case T_TransactionStmt:
        return ends_prepared(as<TransactionStmt>(node));
    default:
        return is_concurrent(node);
    }
}

const char* needs_of(const Node* node)
{
    if (needs_toplevel(node)) {
        return "toplevel";
    }
    if (IsA(node, CopyStmt) && as<CopyStmt>(node)->filename == nullptr) {
        return "client";
    }
    return IsA(node, TransactionStmt) ? "procedure" : nullptr;
}

bool find_column(Node* node, void* found)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, ColumnRef)) {
        *static_cast<const ColumnRef**>(found) = as<ColumnRef>(node);
        return true;
    }
    if (IsA(node, SubLink)) {
        return find_column(as<SubLink>(node)->testexpr, found);
    }
    return raw_expression_tree_walker(node, walker(find_column), found);
}

// May raise.
void refuse_columns(Node* expression, const char* sql, const char* hint)
{
    const ColumnRef* column = nullptr;
    if (find_column(expression, &column)) {
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_COLUMN),
                 errmsg("\"%s\" names column \"%s\", but is about no table", sql, NameListToString(column->fields)),
                 errhint("%s", hint), errposition(pg_mbstrlen_with_len(sql, column->location) + 1)));
    }
}

bool find_parameter(Node* node, void* found)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, ParamRef)) {
        *static_cast<const ParamRef**>(found) = as<ParamRef>(node);
        return true;
    }
    return raw_expression_tree_walker(node, walker(find_parameter), found);
}

// The part of a statement that may hold parameters of a query, as the walker of raw trees knows it.
Node* query_in(Node* node)
{
    switch (nodeTag(node)) {
    case T_SelectStmt:
    case T_InsertStmt:
    case T_UpdateStmt:
    case T_DeleteStmt:
        return node;
    case T_CreateTableAsStmt:
        return query_in(as<CreateTableAsStmt>(node)->query);
    case T_CallStmt:
        return reinterpret_cast<Node*>(as<CallStmt>(node)->funccall);
    default:
        return nullptr;
    }
}

// May raise.
void refuse_parameters(Node* node, const char* sql)
{
    const ParamRef* parameter = nullptr;
    if (find_parameter(query_in(node), &parameter)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_PARAMETER), errmsg("there is no parameter $%d", parameter->number),
                        errhint("A step reads its parameters with etl.param('name')."),
                        errposition(pg_mbstrlen_with_len(sql, parameter->location) + 1)));
    }
}

} // namespace

std::vector<parsed_statement> parse_statements(const char* sql, const char* line)
{
    const List* statements = call_on_sql(sql, line, [sql] { return pg_parse_query(sql); });
    std::vector<parsed_statement> made;
    for (int i = 0; i < list_length(statements); ++i) {
        Node* node = static_cast<const RawStmt*>(list_nth(statements, i))->stmt;
        call_on_sql(sql, line, [node, sql] {
            refuse_parameters(node, sql);
            return true;
        });
        const auto [command, needs] = call([node] {
            struct read {
                const char* command;
                const char* needs;
            };
            return read{GetCommandTagName(CreateCommandTag(node)), needs_of(node)};
        });
        made.push_back({std::string{command} + (is_concurrent(node) ? " CONCURRENTLY" : ""), needs});
    }
    return made;
}

void require_free_expression(const char* sql, const char* line, const char* hint)
{
    call_on_sql(sql, line, [sql, hint] {
        refuse_columns(parse_single_expression(sql, hint), sql, hint);
        return true;
    });
}

} // namespace etl::pg
