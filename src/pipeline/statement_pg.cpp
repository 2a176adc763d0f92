#include "pipeline/statement_pg.hpp"

#include "core/query_lineage_pg.hpp"
#include "pg/role_lock.hpp"
#include "pg/subtransaction.hpp"
#include "pipeline/called_functions_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/namespace.h>
#include <catalog/pg_language.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_rewrite.h>
#include <commands/defrem.h>
#include <parser/analyze.h>
#include <rewrite/rewriteSupport.h>
#include <tcop/tcopprot.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

#include <string>
#include <string_view>

namespace etl::pipeline {
namespace {

class analysis {
  public:
    explicit analysis(Oid owner) noexcept : owner_{owner}, etl_{pg::call([] { return get_namespace_oid("etl", true); })}
    {
    }

    statement of(RawStmt* raw, const char* text, const reading& how)
    {
        found_.query = pg::call([&, owner = owner_] {
            const Query* made = nullptr;
            set_path(how.search_path, GUC_ACTION_LOCAL);
            pg::as_owner(owner, [&] {
                made = parse_analyze_fixedparams(raw, text, const_cast<Oid*>(how.parameters.data()),
                                                 static_cast<int>(how.parameters.size()), nullptr);
                if (made->commandType == CMD_UTILITY && IsA(made->utilityStmt, CopyStmt)) {
                    analyse_copied(reinterpret_cast<CopyStmt*>(made->utilityStmt), text);
                }
            });
            return made;
        });
        look_at(found_.query);
        return found_;
    }

  private:
    // The query of COPY (…) is left raw by the analysis of the command.
    static void analyse_copied(CopyStmt* copy, const char* text)
    {
        if (copy->query != nullptr) {
            auto* raw = makeNode(RawStmt);
            raw->stmt = copy->query;
            copy->query = reinterpret_cast<Node*>(parse_analyze_fixedparams(raw, text, nullptr, 0, nullptr));
        }
    }

    void look_at(const Query* query)
    {
        const function_list called = pg::call([query] { return functions_of(query); });
        for (int i = 0; i < list_length(called.calls); ++i) {
            see_call(static_cast<const FuncExpr*>(list_nth(called.calls, i)));
        }
        for (int i = 0; i < list_length(called.all); ++i) {
            see_behind(list_nth_oid(called.all, i));
        }
    }

    void see_call(const FuncExpr* call)
    {
        const Oid function = call->funcid;
        const function_kind kind = pg::call([function] { return kind_of(function); });
        if (kind.schema == etl_) {
            see_own(call, kind);
        } else if (kind.language == SQLlanguageId && kind.volatility != PROVOLATILE_IMMUTABLE &&
                   function >= FirstNormalObjectId && !list_member_oid(seen_, function)) {
            note_seen(function);
            see_body(call);
        }
    }

    void see_own(const FuncExpr* call, const function_kind& kind)
    {
        const std::string_view name = pg::call([call] { return get_func_name(call->funcid); });
        if (kind.volatility == PROVOLATILE_IMMUTABLE || name.starts_with('_') || call->args == NIL) {
            return;
        }
        pg::call([&] { found_.own = lappend(found_.own, const_cast<FuncExpr*>(call)); });
        attempt(call->funcid, [&] {
            lineage::known_call* known = known_by_arguments(call);
            if (known != nullptr) {
                found_.calls = lappend(found_.calls, known);
            }
            return static_cast<List*>(known == nullptr ? NIL : known->results);
        });
    }

    void see_body(const FuncExpr* call)
    {
        attempt(call->funcid, [&] {
            List* body = body_of(call);
            found_.calls = lappend(found_.calls, known_by_body(call->funcid, body));
            found_.inner = list_concat(found_.inner, body);
            return body;
        });
    }

    // Analyses what is behind a call; where that fails, the call is opaque. What it calls in turn is looked at too.
    template <class F>
    void attempt(Oid function, F&& queries)
    {
        pg::subtransaction inside;
        List* made = NIL;
        bool failed = false;
        try {
            made = pg::call([&, owner = owner_] {
                List* result = NIL;
                pg::as_owner(owner, [&] { result = queries(); });
                return result;
            });
            inside.commit();
        } catch (const pg::error_in_flight&) {
            failed = true; // dealt with below, when the clause has ended
        }
        if (failed) {
            const pg::caught_error raised = inside.roll_back();
            note_opaque(function, raised.message.c_str());
            return;
        }
        for (int i = 0; i < list_length(made); ++i) {
            look_at(static_cast<const Query*>(list_nth(made, i)));
        }
    }

    // A function that is no function in SQL: it may do anything, unless it promises to look at nothing.
    void see_behind(Oid function)
    {
        if (list_member_oid(seen_, function)) {
            return;
        }
        note_seen(function);
        const function_kind kind = pg::call([function] { return kind_of(function); });
        if (kind.schema != etl_ && kind.kind != PROKIND_AGGREGATE &&
            (kind.volatility != PROVOLATILE_IMMUTABLE || function < FirstNormalObjectId)) {
            note_opaque(function, nullptr);
        }
    }

    void note_seen(Oid function)
    {
        pg::call([this, function] { seen_ = lappend_oid(seen_, function); });
    }

    void note_opaque(Oid function, const char* reason)
    {
        pg::call([&] {
            const char* name = function_name(function);
            found_.opaque =
                lappend(found_.opaque, reason == nullptr ? pstrdup(name) : psprintf("%s: %s", name, reason));
        });
    }

    Oid owner_;
    Oid etl_;
    List* seen_ = NIL; // functions
    statement found_ = {};
};

} // namespace

List* parse(const char* text)
{
    return pg_parse_query(text);
}

statement analyse(RawStmt* raw, const char* text, const reading& how)
{
    return analysis{how.owner}.of(raw, text, how);
}

const Query* query_of_view(Oid view)
{
    HeapTuple rule = SearchSysCache2(RULERELNAME, ObjectIdGetDatum(view), PointerGetDatum(ViewSelectRuleName));
    if (!HeapTupleIsValid(rule)) {
        return nullptr;
    }
    bool absent = false;
    const List* queries = NIL;
    if (reinterpret_cast<Form_pg_rewrite>(GETSTRUCT(rule))->ev_type == '1') { // SELECT
        const Datum action = SysCacheGetAttr(RULERELNAME, rule, Anum_pg_rewrite_ev_action, &absent);
        queries = static_cast<const List*>(stringToNode(TextDatumGetCString(action)));
    }
    ReleaseSysCache(rule);
    return queries == NIL ? nullptr : linitial_node(Query, queries);
}

namespace {

// EXPLAIN runs nothing without ANALYZE.
bool is_run(const ExplainStmt* explained)
{
    bool runs = false;
    ListCell* cell = nullptr;
    foreach (cell, explained->options) {
        auto* option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "analyze") == 0) {
            runs = defGetBoolean(option);
        }
    }
    return runs;
}

const Query* as_query(const Node* node)
{
    return node != nullptr && IsA(node, Query) ? reinterpret_cast<const Query*>(node) : nullptr;
}

} // namespace

const Query* query_within(const Query* command)
{
    const Node* utility = command->utilityStmt;
    switch (nodeTag(utility)) {
    case T_CreateTableAsStmt:
        return as_query(reinterpret_cast<const CreateTableAsStmt*>(utility)->query);
    case T_DeclareCursorStmt:
        return as_query(reinterpret_cast<const DeclareCursorStmt*>(utility)->query);
    case T_CopyStmt:
        return as_query(reinterpret_cast<const CopyStmt*>(utility)->query);
    case T_ExplainStmt: {
        const auto* explained = reinterpret_cast<const ExplainStmt*>(utility);
        return is_run(explained) ? as_query(explained->query) : nullptr;
    }
    default:
        return nullptr;
    }
}

} // namespace etl::pipeline
