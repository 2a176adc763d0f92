#include "pg/plain_condition.hpp"

#include "pg/portable_settings.hpp"
#include "pg/role_lock.hpp"
#include "pg/row_expression.hpp"
#include "pg/tree_walker.hpp"

extern "C" {
#include <access/table.h>
#include <access/transam.h>
#include <catalog/namespace.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <parser/parse_coerce.h>
#include <parser/parse_collate.h>
#include <parser/parse_expr.h>
#include <parser/parse_node.h>
#include <parser/parse_relation.h>
#include <parser/parse_type.h>
#include <utils/lsyscache.h>
#include <utils/regproc.h>
#include <utils/rel.h>
#include <utils/ruleutils.h>
}

#include <cstring>

namespace etl::pg {
namespace {

// Everything here may raise, and owns nothing.

[[noreturn]] void refuse(const char* what)
{
    ereport(
        ERROR,
        (errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("%s cannot stand in this condition", what),
         errdetail("It is evaluated with the rights of whoever deletes, and must mean the same in every session."),
         errhint("Use columns, constants, and immutable functions and operators of PostgreSQL itself; give a moment "
                 "as a timestamptz literal.")));
}

// Before the analysis: it would already run the input function of a type that a literal is cast to.

bool is_builtin(List* name)
{
    return list_length(name) == 1 || strcmp(strVal(linitial(name)), "pg_catalog") == 0;
}

// A type whose values somebody's functions make: the checks of a domain, also within a row.
bool runs_checks(Oid type)
{
    const Oid element = get_element_type(type);
    const Oid single = OidIsValid(element) ? element : type;
    const char kind = get_typtype(single);
    const bool made_by_users = single >= FirstNormalObjectId;
    return made_by_users && kind != TYPTYPE_ENUM && kind != TYPTYPE_BASE;
}

void require_plain_type(const TypeName* name)
{
    const Oid type = typenameTypeId(nullptr, name);
    if (name->setof || runs_checks(type)) {
        refuse(psprintf("type %s", format_type_be(type)));
    }
}

bool check_syntax(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    switch (nodeTag(node)) {
    case T_FuncCall:
        if (!is_builtin(reinterpret_cast<FuncCall*>(node)->funcname)) {
            refuse(psprintf("function %s", NameListToString(reinterpret_cast<FuncCall*>(node)->funcname)));
        }
        break;
    case T_A_Expr:
        if (!is_builtin(reinterpret_cast<A_Expr*>(node)->name)) {
            refuse(psprintf("operator %s", NameListToString(reinterpret_cast<A_Expr*>(node)->name)));
        }
        break;
    case T_TypeCast:
        require_plain_type(reinterpret_cast<TypeCast*>(node)->typeName);
        break;
    case T_List:
    case T_Integer:
    case T_Float:
    case T_String:
    case T_TypeName:
    case T_A_Const:
    case T_ColumnRef:
    case T_BoolExpr:
    case T_NullTest:
    case T_BooleanTest:
    case T_A_ArrayExpr:
    case T_A_Indirection:
    case T_A_Indices:
    case T_CaseExpr:
    case T_CaseWhen:
    case T_CoalesceExpr:
    case T_MinMaxExpr:
    case T_RowExpr:
    case T_CollateClause:
        break;
    case T_SubLink:
        refuse("a subquery");
    case T_SQLValueFunction:
        refuse("what depends on the session or the time");
    default:
        refuse("this kind of expression");
    }
    return raw_expression_tree_walker(node, walker(check_syntax), context);
}

// After the analysis, which has found the functions.

bool is_foreign_function(Oid function, void*)
{
    if (function >= FirstNormalObjectId || func_volatile(function) != PROVOLATILE_IMMUTABLE) {
        refuse(psprintf("function %s", format_procedure(function)));
    }
    return false;
}

bool check_nodes(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Var)) {
        if (reinterpret_cast<Var*>(node)->varattno == InvalidAttrNumber) {
            refuse("a whole row");
        }
        return false;
    }
    check_functions_in_node(node, is_foreign_function, context);
    if (!IsA(node, List) && !IsA(node, CaseWhen) && !IsA(node, FieldSelect)) {
        const Oid type = exprType(node);
        if (runs_checks(type) || type == CSTRINGOID || type == INTERNALOID) {
            refuse(psprintf("type %s", format_type_be(type)));
        }
    }
    return expression_tree_walker(node, walker(check_nodes), context);
}

Node* analyse(Relation table, const char* sql)
{
    ParseState* state = make_parsestate(nullptr);
    state->p_sourcetext = sql;
    ParseNamespaceItem* columns = addRangeTableEntryForRelation(state, table, AccessShareLock, nullptr, false, true);
    addNSItemToQuery(state, columns, true, true, true);
    Node* raw = parse_single_expression(sql);
    check_syntax(raw, nullptr);
    Node* expression = transformExpr(state, raw, EXPR_KIND_CHECK_CONSTRAINT);
    expression = coerce_to_boolean(state, expression, "a condition");
    assign_expr_collations(state, expression);
    free_parsestate(state);
    check_nodes(expression, nullptr);
    return expression;
}

const char* write_portably(Relation table, Node* expression, const char* alias)
{
    const int level = NewGUCNestLevel();
    set_portable_settings();
    const char* name = alias == nullptr ? RelationGetRelationName(table) : alias;
    List* context = deparse_context_for(name, RelationGetRelid(table));
    const char* text = deparse_expression(expression, context, alias != nullptr, false);
    AtEOXact_GUC(true, level);
    return text;
}

} // namespace

const char* plain_condition(Oid relation, const char* sql, const char* alias, bool portably)
{
    const char* text = nullptr;
    with_locked_role([&] {
        Relation table = table_open(relation, AccessShareLock);
        const int level = NewGUCNestLevel();
        if (portably) {
            set_portable_settings();
        }
        Node* expression = analyse(table, sql);
        AtEOXact_GUC(true, level);
        text = write_portably(table, expression, alias);
        table_close(table, NoLock);
    });
    return text;
}

} // namespace etl::pg
