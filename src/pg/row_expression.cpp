#include "pg/row_expression.hpp"

#include "pg/error_context.hpp"
#include "pg/memory.hpp"
#include "pg/role_lock.hpp"
#include "pg/used_objects.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/sysattr.h>
#include <catalog/partition.h>
#include <executor/executor.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parse_coerce.h>
#include <parser/parse_collate.h>
#include <parser/parse_expr.h>
#include <parser/parse_node.h>
#include <parser/parser.h>
#include <rewrite/rewriteHandler.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

#include <cstring>
#include <utility>

namespace etl::pg {
namespace {

bool is_star(const Node* node)
{
    return IsA(node, ColumnRef) && IsA(llast(reinterpret_cast<const ColumnRef*>(node)->fields), A_Star);
}

} // namespace

// The text is parsed as PL/pgSQL parses its expressions: as what may follow SELECT, which can be more than one
// expression.
Node* parse_single_expression(const char* sql, const char* hint)
{
    const auto* raw = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_PLPGSQL_EXPR));
    const auto* select = reinterpret_cast<const SelectStmt*>(raw->stmt);
    const bool plain = IsA(raw->stmt, SelectStmt) && list_length(select->targetList) == 1 &&
                       select->distinctClause == NIL && select->fromClause == NIL && select->whereClause == nullptr &&
                       select->groupClause == NIL && select->havingClause == nullptr && select->windowClause == NIL &&
                       select->sortClause == NIL && select->limitOffset == nullptr && select->limitCount == nullptr &&
                       select->lockingClause == NIL && select->op == SETOP_NONE;
    const auto* target = plain ? linitial_node(ResTarget, select->targetList) : nullptr;
    if (!plain || target->name != nullptr || is_star(target->val)) {
        ereport(ERROR,
                (errcode(ERRCODE_SYNTAX_ERROR), errmsg("\"%s\" is not one expression", sql), errhint("%s", hint)));
    }
    return target->val;
}

namespace {

// Everything in this part may raise, and owns nothing.

// What the parser knows while it reads an expression.
struct expression_scope {
    const char* sql;
    const char* context;
    TupleDesc row;
    Oid relation;
    Relation table;                          // of a value, which may be of any type; a condition is boolean
    known_functions functions;               // that a value may call
    const row_expression::column_of* column; // that takes the value
};

void explain_expression(void* scope)
{
    const auto* of = static_cast<const expression_scope*>(scope);
    told_sql told{of->sql, of->context};
    add_told_sql(&told);
}

bool names_relation(const char* name, Oid relation)
{
    if (!OidIsValid(relation)) {
        return false;
    }
    const char* own = get_rel_name(relation);
    if (own != nullptr && strcmp(name, own) == 0) {
        return true;
    }
    ListCell* cell = nullptr;
    foreach (cell, get_rel_relispartition(relation) ? get_partition_ancestors(relation) : NIL) {
        const char* ancestor = get_rel_name(lfirst_oid(cell));
        if (ancestor != nullptr && strcmp(name, ancestor) == 0) {
            return true;
        }
    }
    return false;
}

// The column's name in a reference, or nullptr where it speaks of something else.
const char* column_named(const ColumnRef* reference, const expression_scope& scope)
{
    const auto* last = static_cast<const Node*>(llast(reference->fields));
    if (!IsA(last, String)) { // a star
        return nullptr;
    }
    switch (list_length(reference->fields)) {
    case 1:
        return strVal(last);
    case 2:
        return names_relation(strVal(linitial(reference->fields)), scope.relation) ? strVal(last) : nullptr;
    default:
        return nullptr;
    }
}

Node* resolve_column(ParseState* state, ColumnRef* reference, Node*)
{
    const auto& scope = *static_cast<const expression_scope*>(state->p_ref_hook_state);
    const char* name = column_named(reference, scope);
    if (name == nullptr) {
        return nullptr;
    }
    for (int i = 0; i < scope.row->natts; ++i) {
        const Form_pg_attribute column = TupleDescAttr(scope.row, i);
        if (!column->attisdropped && strcmp(name, NameStr(column->attname)) == 0) {
            Var* found = makeVar(1, static_cast<AttrNumber>(i + 1), column->atttypid, column->atttypmod,
                                 column->attcollation, 0);
            found->location = reference->location;
            return reinterpret_cast<Node*>(found);
        }
    }
    return nullptr;
}

// Columns that are computed whenever they are read, by what computes them.
Node* with_computed_columns(Node* expression, [[maybe_unused]] Relation table)
{
#if PG_VERSION_NUM >= 180000
    return expand_generated_columns_in_expr(expression, table, 1);
#else
    return expression;
#endif
}

// Before the planner: it runs what has constant arguments.
void require_known(Node* expression, known_functions functions)
{
    const char* unknown = unknown_function(expression, functions);
    if (unknown != nullptr) {
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("%s was not among those that were used when the expression was made", unknown),
                        errdetail("It was not run.")));
    }
}

// As an INSERT would have it.
Node* assigned_to(const row_expression::column_of& column, ParseState* state, Node* expression)
{
    const Oid type = exprType(expression);
    Node* made = coerce_to_target_type(state, expression, type, column.type, column.modifier, COERCION_ASSIGNMENT,
                                       COERCE_IMPLICIT_CAST, -1);
    if (made == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("column \"%s\" is of type %s but expression is of type %s", column.name,
                               format_type_be(column.type), format_type_be(type)),
                        errhint("You will need to rewrite or cast the expression.")));
    }
    return made;
}

CachedExpression* plan_expression(const expression_scope& scope)
{
    ParseState* state = make_parsestate(nullptr);
    state->p_sourcetext = scope.sql;
    state->p_post_columnref_hook = resolve_column;
    state->p_ref_hook_state = const_cast<expression_scope*>(&scope);
    Node* expression = scope.column == nullptr
                           ? parse_single_expression(scope.sql)
                           : parse_single_expression(scope.sql, "Write one expression over the columns of the row.");
    expression = transformExpr(state, expression, EXPR_KIND_CHECK_CONSTRAINT);
    if (scope.column != nullptr) {
        expression = assigned_to(*scope.column, state, expression);
    } else if (scope.table == nullptr) {
        expression = coerce_to_boolean(state, expression, "a condition");
    }
    assign_expr_collations(state, expression);
    free_parsestate(state);
    if (scope.table != nullptr) {
        require_known(expression, scope.functions);
    }
    return GetCachedExpression(scope.table == nullptr ? expression : with_computed_columns(expression, scope.table));
}

CachedExpression* plan_in_context(expression_scope& scope)
{
    ErrorContextCallback callback = {};
    callback.previous = error_context_stack;
    callback.callback = explain_expression;
    callback.arg = &scope;
    error_context_stack = &callback;
    CachedExpression* planned = nullptr;
    with_locked_role([&] { planned = plan_expression(scope); });
    error_context_stack = callback.previous;
    return planned;
}

CachedExpression* plan_generated_column(Relation table, int attribute)
{
    return GetCachedExpression(build_column_default(table, attribute + 1));
}

CachedExpression* plan(expression_scope scope)
{
    const scratch_context scratch;
    return call([&scope, memory = scratch.get()] {
        MemoryContext old = MemoryContextSwitchTo(memory);
        CachedExpression* made = plan_in_context(scope);
        MemoryContextSwitchTo(old);
        return made;
    });
}

} // namespace

row_expression row_expression::condition(const std::string& sql, TupleDesc row, Oid relation,
                                         const std::string& purpose)
{
    std::string context = "condition \"" + sql + "\" of " + purpose;
    CachedExpression* planned = plan({sql.c_str(), context.c_str(), row, relation, nullptr, {}, nullptr});
    return {planned, std::move(context)};
}

row_expression row_expression::value(const std::string& sql, Relation table, const std::string& purpose,
                                     const std::vector<std::string>& functions)
{
    std::string context = "expression \"" + sql + "\" of " + purpose;
    std::vector<const char*> names;
    for (const std::string& name : functions) {
        names.push_back(name.c_str());
    }
    CachedExpression* planned = plan({sql.c_str(),
                                      context.c_str(),
                                      RelationGetDescr(table),
                                      RelationGetRelid(table),
                                      table,
                                      {names.data(), static_cast<int>(names.size())},
                                      nullptr});
    return {planned, std::move(context)};
}

row_expression row_expression::computed(const std::string& sql, TupleDesc row, const column_of& column,
                                        const std::string& purpose)
{
    std::string context = "expression \"" + sql + "\" of " + purpose;
    CachedExpression* planned = plan({sql.c_str(), context.c_str(), row, InvalidOid, nullptr, {}, &column});
    return {planned, std::move(context)};
}

row_expression row_expression::generated_column(Relation table, int attribute)
{
    const scratch_context scratch;
    CachedExpression* planned = call([table, attribute, memory = scratch.get()] {
        MemoryContext old = MemoryContextSwitchTo(memory);
        CachedExpression* made = plan_generated_column(table, attribute);
        MemoryContextSwitchTo(old);
        return made;
    });
    const char* name = NameStr(TupleDescAttr(RelationGetDescr(table), attribute)->attname);
    return {planned, "generated column \"" + std::string{name} + '"'};
}

row_expression::row_expression(row_expression&& other) noexcept
    : planned_{std::exchange(other.planned_, nullptr)}, context_{std::move(other.context_)}
{
}

row_expression::~row_expression()
{
    if (planned_ != nullptr) {
        FreeCachedExpression(planned_);
    }
}

bool row_expression::reads(int attribute) const
{
    return call([expression = planned_->expr, number = attribute + 1] {
        Bitmapset* read = nullptr;
        pull_varattnos(expression, 1, &read);
        const bool found = bms_is_member(number - FirstLowInvalidHeapAttributeNumber, read);
        bms_free(read);
        return found;
    });
}

bool row_expression::is_volatile() const
{
    return call([expression = planned_->expr] { return contain_volatile_functions(expression); });
}

int row_expression::plain_attribute() const noexcept
{
    const auto* column = reinterpret_cast<const Var*>(planned_->expr);
    return IsA(planned_->expr, Var) && column->varattno > 0 ? column->varattno - 1 : -1;
}

Oid row_expression::type() const
{
    return call([expression = planned_->expr] { return exprType(expression); });
}

row_program::row_program(TupleDesc shape, MemoryContext memory) : memory_{memory}
{
    struct made {
        TupleTableSlot* slot;
        ExprContext* context;
    };
    const made parts = call([shape, memory] {
        MemoryContext old = MemoryContextSwitchTo(memory);
        // A plain copy: in the shape itself a virtual generated column could not be read.
        const made both{MakeSingleTupleTableSlot(CreateTupleDescCopy(shape), &TTSOpsVirtual),
                        CreateStandaloneExprContext()};
        MemoryContextSwitchTo(old);
        return both;
    });
    slot_ = parts.slot;
    context_ = parts.context;
    context_->ecxt_scantuple = slot_;
}

row_program::step row_program::prepare(const row_expression& what, int attribute)
{
    ExprState* state = call([expression = what.planned_->expr, memory = memory_] {
        MemoryContext old = MemoryContextSwitchTo(memory);
        ExprState* made = ExecInitExpr(reinterpret_cast<Expr*>(expression), nullptr);
        MemoryContextSwitchTo(old);
        return made;
    });
    return {state, what.context_.c_str(), attribute, {}};
}

void row_program::add_column(const row_expression& what, int attribute)
{
    columns_.push_back(prepare(what, attribute));
}

std::size_t row_program::add_result(const row_expression& what)
{
    results_.push_back(prepare(what, -1));
    return results_.size() - 1;
}

void row_program::evaluate(step& what)
{
    ErrorContextCallback callback = {};
    callback.previous = error_context_stack;
    callback.callback = add_context_line;
    callback.arg = const_cast<char*>(what.context);
    error_context_stack = &callback;
    what.value.value = ExecEvalExprSwitchContext(what.state, context_, &what.value.isnull);
    error_context_stack = callback.previous;
}

void row_program::run(const Datum* values, const bool* nulls)
{
    const auto width = static_cast<std::size_t>(slot_->tts_tupleDescriptor->natts);
    ResetExprContext(context_);
    ExecClearTuple(slot_);
    std::memcpy(slot_->tts_values, values, width * sizeof *values);
    std::memcpy(slot_->tts_isnull, nulls, width * sizeof *nulls);
    ExecStoreVirtualTuple(slot_);
    with_locked_role([this] {
        for (step& column : columns_) {
            evaluate(column);
            slot_->tts_values[column.attribute] = column.value.value;
            slot_->tts_isnull[column.attribute] = column.value.isnull;
        }
        for (step& result : results_) {
            evaluate(result);
        }
    });
}

void row_program::run(TupleTableSlot* row)
{
    ResetExprContext(context_);
    context_->ecxt_scantuple = row;
    for (step& result : results_) {
        evaluate(result);
    }
}

} // namespace etl::pg
