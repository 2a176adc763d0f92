// Types that bring operators and functions of their own, as citext does: the query of a rollup is read under the
// system's objects alone, where such a value is taken for that of the built-in type beneath, and means something else
// without a word.
#include "core/text.hpp"
#include "rollup/rollup_checks_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/pg_operator.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/catcache.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

#include <algorithm>
#include <string>

namespace etl::rollup {
namespace {

// The type of which a value is silently taken for a built-in one; InvalidOid where it is not so.
Oid own_type(const Node* argument)
{
    if (IsA(argument, TargetEntry)) {
        argument = as_node(reinterpret_cast<const TargetEntry*>(argument)->expr);
    }
    if (!IsA(argument, RelabelType)) {
        return InvalidOid;
    }
    const auto* relabelled = reinterpret_cast<const RelabelType*>(argument);
    const Oid type = exprType(as_node(relabelled->arg));
    return relabelled->relabelformat == COERCE_IMPLICIT_CAST && type >= FirstNormalObjectId &&
                   relabelled->resulttype < FirstNormalObjectId && get_typtype(type) == TYPTYPE_BASE
               ? type
               : InvalidOid;
}

bool has_operator(const char* name, Oid type)
{
    CatCList* found = SearchSysCacheList1(OPERNAMENSP, CStringGetDatum(name));
    bool has = false;
    for (int i = 0; i < found->n_members; ++i) {
        const auto* row = reinterpret_cast<Form_pg_operator>(GETSTRUCT(&found->members[i]->tuple));
        has = has || row->oprleft == type || row->oprright == type;
    }
    ReleaseSysCacheList(found);
    return has;
}

bool has_function(const char* name, Oid type)
{
    CatCList* found = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
    bool has = false;
    for (int i = 0; i < found->n_members; ++i) {
        const auto* row = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&found->members[i]->tuple));
        const Oid* types = row->proargtypes.values;
        has = has || std::find(types, types + row->proargtypes.dim1, type) != types + row->proargtypes.dim1;
    }
    ReleaseSysCacheList(found);
    return has;
}

void require_operator(const char* name, const List* arguments)
{
    ListCell* cell = nullptr;
    foreach (cell, arguments) {
        const Oid type = own_type(as_node(lfirst(cell)));
        if (OidIsValid(type) && has_operator(name, type)) {
            const char* type_name = type_text(type, -1);
            refuse("the query of a rollup compares or computes with " + in_quotes(type_name) + " by operator " + name +
                       " of a built-in type",
                   "Names are read as the system's own, so that the operator of the type is not found.",
                   std::string{"Write OPERATOR(schema."} + name +
                       ") with the schema of that operator, or cast the value, as in email::text.");
        }
    }
}

void require_function(Oid function, const List* arguments)
{
    ListCell* cell = nullptr;
    foreach (cell, arguments) {
        const Oid type = own_type(as_node(lfirst(cell)));
        const char* name = OidIsValid(type) ? get_func_name(function) : nullptr;
        if (name != nullptr && has_function(name, type)) {
            const char* type_name = type_text(type, -1);
            refuse("the query of a rollup calls function " + in_quotes(name) + " of a built-in type for " +
                       in_quotes(type_name),
                   "Names are read as the system's own, so that the function of the type is not found.",
                   "Write the schema of that function before its name, or cast the value, as in email::text.");
        }
    }
}

bool look_at_calls(Node* node, void*)
{
    if (node == nullptr) {
        return false;
    }
    switch (nodeTag(node)) {
    case T_Query:
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(look_at_calls), nullptr,
                                 QTW_IGNORE_JOINALIASES);
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
        require_operator(get_opname(reinterpret_cast<OpExpr*>(node)->opno), reinterpret_cast<OpExpr*>(node)->args);
        break;
    case T_ScalarArrayOpExpr:
        require_operator(get_opname(reinterpret_cast<ScalarArrayOpExpr*>(node)->opno),
                         reinterpret_cast<ScalarArrayOpExpr*>(node)->args);
        break;
    case T_FuncExpr:
        require_function(reinterpret_cast<FuncExpr*>(node)->funcid, reinterpret_cast<FuncExpr*>(node)->args);
        break;
    case T_Aggref:
        require_function(reinterpret_cast<Aggref*>(node)->aggfnoid, reinterpret_cast<Aggref*>(node)->args);
        break;
    case T_WindowFunc:
        require_function(reinterpret_cast<WindowFunc*>(node)->winfnoid, reinterpret_cast<WindowFunc*>(node)->args);
        break;
    default:
        break;
    }
    return expression_tree_walker(node, walker(look_at_calls), nullptr);
}

} // namespace

void require_own_operators(Query* query)
{
    look_at_calls(as_node(query), nullptr);
}

} // namespace etl::rollup
