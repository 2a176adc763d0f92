#include "pg/held_query.hpp"

#include "pg/settings.hpp"
#include "pg/text_array.hpp"
#include "pg/used_objects.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <parser/analyze.h>
#include <utils/array.h>
#include <utils/builtins.h>
}

namespace etl::pg {
namespace {

struct held_statement {
    const char* sql;
    const char* uses; // the value of the setting, by its address
};

const held_statement* held = nullptr;
post_parse_analyze_hook_type others = nullptr;

void require_known(Query* query, const char* uses)
{
    Datum* values = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(parse_text_array(uses)), TEXTOID, -1, false, TYPALIGN_INT, &values, nullptr,
                      &count);
    auto** names = static_cast<const char**>(palloc(sizeof(char*) * static_cast<std::size_t>(count + 1)));
    for (int i = 0; i < count; ++i) {
        names[i] = TextDatumGetCString(values[i]);
    }
    const known_functions known = {names + 1, count - 1};
    const char* unknown = count == 0 ? nullptr : unknown_function(reinterpret_cast<Node*>(query), known);
    if (unknown != nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                 errmsg("rollup \"%s\" would run %s, which its query did not use when it was made", names[0], unknown),
                 errdetail("It was not run."),
                 errhint("Drop it, where it has taken the place of another; or SELECT etl.alter_rollup(%s, query => …) "
                         "with the query that is meant, which takes what it finds now.",
                         quote_literal_cstr(names[0]))));
    }
}

void look(ParseState* state, Query* query, JumbleState* jumble)
{
    if (others != nullptr) {
        others(state, query, jumble);
    }
    if (held != nullptr && state->p_sourcetext == held->sql) {
        require_known(query, held->uses);
    }
}

void watch_analysis()
{
    static bool watching = false;
    if (!watching) {
        others = post_parse_analyze_hook;
        post_parse_analyze_hook = look;
        watching = true;
    }
}

} // namespace

void run_held(const char* sql, void (*run)(void*), void* context)
{
    const held_statement own = {sql, rollup_uses()};
    // Functions and triggers that run within a statement of a rollup have not set it anew.
    if (*own.uses == '\0' || (held != nullptr && held->uses == own.uses)) {
        run(context);
        return;
    }
    watch_analysis();
    const held_statement* const around = held;
    held = &own;
    PG_TRY();
    {
        run(context);
    }
    PG_FINALLY();
    {
        held = around;
    }
    PG_END_TRY();
}

} // namespace etl::pg
