#include "pg/used_objects.hpp"

#include "pg/tree_walker.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/stratnum.h>
#include <access/transam.h>
#include <catalog/pg_am.h>
#include <catalog/pg_type.h>
#include <commands/defrem.h>
#include <lib/stringinfo.h>
#include <miscadmin.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/regproc.h>
#include <utils/ruleutils.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}

#include <cstring>

namespace etl::pg {
namespace {

// Types --------------------------------------------------------------------------------------------------------------

const char* attributes_text(Oid type)
{
    StringInfoData text;
    initStringInfo(&text);
    TupleDesc row = lookup_rowtype_tupdesc(type, -1);
    for (int i = 0; i < row->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(row, i);
        if (!attribute->attisdropped) {
            appendStringInfo(&text, "%s%s %s", text.len > 0 ? ", " : "", quote_identifier(NameStr(attribute->attname)),
                             type_identity(attribute->atttypid, attribute->atttypmod, attribute->attcollation));
        }
    }
    ReleaseTupleDesc(row);
    return text.data;
}

const char* domain_text(const FormData_pg_type& domain)
{
    return psprintf("domain over %s", type_identity(domain.typbasetype, domain.typtypmod, domain.typcollation));
}

// What a type that somebody has created is made of; nullptr where it is of its own.
const char* type_parts(Oid type)
{
    HeapTuple found = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(found)) {
        return nullptr;
    }
    const FormData_pg_type form = *reinterpret_cast<Form_pg_type>(GETSTRUCT(found));
    ReleaseSysCache(found);
    switch (form.typtype) {
    case TYPTYPE_DOMAIN:
        return domain_text(form);
    case TYPTYPE_COMPOSITE:
        return attributes_text(type);
    case TYPTYPE_ENUM:
        return "enum";
    case TYPTYPE_RANGE:
        return psprintf("range over %s", type_identity(get_range_subtype(type), -1));
    case TYPTYPE_MULTIRANGE:
        return psprintf("multirange over %s", type_identity(get_multirange_range(type), -1));
    default:
        return OidIsValid(form.typelem) ? psprintf("array of %s", type_identity(form.typelem, -1)) : nullptr;
    }
}

// Trees --------------------------------------------------------------------------------------------------------------

// Types of the other nodes follow from those of these.
Oid type_of(const Node* node)
{
    switch (nodeTag(node)) {
    case T_Var:
    case T_Const:
    case T_Aggref:
    case T_WindowFunc:
    case T_FuncExpr:
    case T_OpExpr:
    case T_FieldSelect:
    case T_RelabelType:
    case T_CoerceViaIO:
    case T_ArrayCoerceExpr:
    case T_ConvertRowtypeExpr:
    case T_ArrayExpr:
    case T_RowExpr:
    case T_CoerceToDomain:
        return exprType(node);
    default:
        return InvalidOid;
    }
}

using tree_visitor = void (*)(Oid function, Oid type, void* context);

struct tree_walk {
    tree_visitor see; // one of the two, if it is not PostgreSQL's own; the other is invalid
    void* context;
};

bool see_function(Oid function, void* context)
{
    if (function >= FirstNormalObjectId) {
        const auto& walk = *static_cast<const tree_walk*>(context);
        const char* schema = get_namespace_name(get_func_namespace(function));
        if (schema == nullptr || strcmp(schema, "etl") != 0) {
            walk.see(function, InvalidOid, walk.context);
        }
    }
    return false;
}

bool visit_node(Node* node, void* context);

Node* query_of_utility(Node* statement)
{
    if (IsA(statement, CreateTableAsStmt)) {
        return reinterpret_cast<CreateTableAsStmt*>(statement)->query;
    }
    return IsA(statement, ExplainStmt) ? reinterpret_cast<ExplainStmt*>(statement)->query : nullptr;
}

bool visit_node(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Query)) {
        auto* query = reinterpret_cast<Query*>(node);
        return query->commandType == CMD_UTILITY
                   ? visit_node(query_of_utility(query->utilityStmt), context)
                   : query_tree_walker(query, walker(visit_node), context, QTW_IGNORE_JOINALIASES);
    }
    // The functions that read and write a type belong to it.
    if (!IsA(node, CoerceViaIO)) {
        check_functions_in_node(node, see_function, context);
    }
    const auto& walk = *static_cast<const tree_walk*>(context);
    const Oid type = type_of(node);
    if (type >= FirstNormalObjectId) {
        walk.see(InvalidOid, type, walk.context);
    }
    return expression_tree_walker(node, walker(visit_node), context);
}

struct name_list {
    List* names;
    List* types; // that are among them
};

void add_name(name_list& to, const char* name)
{
    ListCell* cell = nullptr;
    foreach (cell, to.names) {
        if (strcmp(static_cast<const char*>(lfirst(cell)), name) == 0) {
            return;
        }
    }
    to.names = lappend(to.names, const_cast<char*>(name));
}

void add_object(Oid function, Oid type, void* context);

void add_order(Oid type, name_list& to)
{
    const Oid order = GetDefaultOpClass(getBaseType(type), BTREE_AM_OID);
    if (!OidIsValid(order)) {
        return;
    }
    const Oid family = get_opclass_family(order);
    const Oid input = get_opclass_input_type(order);
    tree_walk walk = {add_object, &to};
    for (int strategy = 1; strategy <= BTMaxStrategyNumber; ++strategy) {
        const Oid compares = get_opfamily_member(family, input, input, static_cast<int16>(strategy));
        see_function(OidIsValid(compares) ? get_opcode(compares) : InvalidOid, &walk);
    }
}

void add_object(Oid function, Oid type, void* context)
{
    auto& to = *static_cast<name_list*>(context);
    if (OidIsValid(function)) {
        add_name(to, psprintf("function %s", function_identity(function)));
    } else if (!list_member_oid(to.types, type)) {
        to.types = lappend_oid(to.types, type);
        add_name(to, psprintf("type %s", type_identity(type, -1)));
        add_order(type, to);
    }
}

int compare_names(const ListCell* one, const ListCell* other)
{
    return strcmp(static_cast<const char*>(lfirst(one)), static_cast<const char*>(lfirst(other)));
}

struct search_for_unknown {
    known_functions known;
    const char* found;
};

void look_for_unknown(Oid function, Oid, void* context)
{
    auto& search = *static_cast<search_for_unknown*>(context);
    if (!OidIsValid(function) || search.found != nullptr) {
        return;
    }
    const char* name = psprintf("function %s", function_identity(function));
    for (int i = 0; i < search.known.count; ++i) {
        if (strcmp(search.known.names[i], name) == 0) {
            return;
        }
    }
    search.found = name;
}

} // namespace

const char* function_identity(Oid function)
{
    return format_procedure_qualified(function);
}

const char* type_identity(Oid type, int32 modifier)
{
    check_stack_depth();
    const char* name = format_type_with_typemod(type, modifier);
    const char* parts = type < FirstNormalObjectId ? nullptr : type_parts(type);
    return parts == nullptr ? name : psprintf("%s (%s)", name, parts);
}

const char* type_identity(Oid type, int32 modifier, Oid collation)
{
    const char* name = type_identity(type, modifier);
    return !OidIsValid(collation) || collation == get_typcollation(type)
               ? name
               : psprintf("%s COLLATE %s", name, generate_collation_name(collation));
}

List* used_objects(Node* tree)
{
    name_list found = {};
    tree_walk walk = {add_object, &found};
    visit_node(tree, &walk);
    list_sort(found.names, compare_names);
    return found.names;
}

const char* unknown_function(Node* tree, known_functions known)
{
    search_for_unknown search = {known, nullptr};
    tree_walk walk = {look_for_unknown, &search};
    visit_node(tree, &walk);
    return search.found;
}

} // namespace etl::pg
