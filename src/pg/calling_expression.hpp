// What a function knows of the expression that calls it: its arguments as they are written in the query, and the
// aggregate that it is a part of. All of it may raise.
#pragma once

#include "pg/function.hpp"

extern "C" {
#include <nodes/nodeFuncs.h>
#include <nodes/primnodes.h>
}

#include <string>

namespace etl::pg {

// The expression behind an argument; nullptr where none is known. The state is argument 0 of an aggregate's transition
// function, and no expression.
inline const Node* argument_expression(arguments args, int i)
{
    if (const Aggref* aggregate = AggGetAggref(args.raw())) {
        return i >= 1 && i <= list_length(aggregate->args)
                   ? reinterpret_cast<const Node*>(static_cast<TargetEntry*>(list_nth(aggregate->args, i - 1))->expr)
                   : nullptr;
    }
    const Node* call = args.raw()->flinfo->fn_expr;
    if (call == nullptr || !IsA(call, FuncExpr)) {
        return nullptr;
    }
    const List* given = reinterpret_cast<const FuncExpr*>(call)->args;
    return i < list_length(given) ? static_cast<const Node*>(list_nth(given, i)) : nullptr;
}

// The collation of an argument of its own, where the call as a whole has but one.
inline Oid argument_collation(arguments args, int i)
{
    const Node* expression = argument_expression(args, i);
    return expression == nullptr ? args.collation() : exprCollation(expression);
}

// The context of the aggregate that calls; nullptr elsewhere.
inline MemoryContext aggregate_context(arguments args)
{
    MemoryContext made = nullptr;
    return AggCheckCallContext(args.raw(), &made) != 0 ? made : nullptr;
}

// The same, where nothing but an aggregate may call; `what` names the function in the error.
inline MemoryContext require_aggregate(arguments args, const char* what)
{
    MemoryContext context = aggregate_context(args);
    if (context == nullptr) {
        throw error(sqlstate::feature_not_supported, std::string{what} + " was called outside of an aggregate");
    }
    return context;
}

} // namespace etl::pg
