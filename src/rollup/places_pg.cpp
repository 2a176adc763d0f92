#include "rollup/places_pg.hpp"

#include "rollup/rounding_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <parser/parse_func.h>
}

#include <cctype>
#include <cstring>

namespace etl::rollup {
namespace {

constexpr char marker[] = "etl._restriction(";

// The end of what stands in quotes from there on. PostgreSQL doubles a quote within them.
const char* skip_quoted(const char* at)
{
    const char quote = *at++;
    while (*at != '\0' && *at != quote) {
        ++at;
    }
    return *at == '\0' ? at : at + 1;
}

// The end of an argument of a call: a comma or the closing parenthesis.
const char* skip_argument(const char* at)
{
    int depth = 0;
    while (*at != '\0') {
        if (*at == '\'' || *at == '"') {
            at = skip_quoted(at);
            continue;
        }
        if (depth == 0 && (*at == ',' || *at == ')')) {
            return at;
        }
        depth += *at == '(' || *at == '[' ? 1 : *at == ')' || *at == ']' ? -1 : 0;
        ++at;
    }
    return at;
}

// The argument up to there, without the blank before it.
const char* argument_text(const char* from, const char* to)
{
    while (*from == ' ') {
        ++from;
    }
    return pnstrdup(from, static_cast<Size>(to - from));
}

bool needs_parentheses(const char* expression)
{
    for (const char* at = expression; *at != '\0'; ++at) {
        if (*at == '"') {
            at = skip_quoted(at) - 1;
        } else if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_.", *at) == nullptr) {
            return true;
        }
    }
    return false;
}

const char* in_parentheses(const char* expression)
{
    return needs_parentheses(expression) ? psprintf("(%s)", expression) : expression;
}

bool is_in_word(char letter)
{
    return IS_HIGHBIT_SET(letter) || isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_' ||
           letter == '$' || letter == '.';
}

// The end of what stands there: a quoted text or name, a word with the dots in it, or any other character.
const char* skip_token(const char* at)
{
    if (*at == '\'' || *at == '"') {
        return skip_quoted(at);
    }
    const char* end = at;
    while (*end != '\0' && is_in_word(*end)) {
        ++end;
    }
    return end == at ? at + 1 : end;
}

// Reads the arguments of the call that begins there into its place. The closing parenthesis.
const char* read_place(const char* at, const List* places, int& number)
{
    number = atoi(at);
    const char* end = skip_argument(at);
    if (number < 1 || number > list_length(places) || *end != ',') {
        throw error(sqlstate::internal_error, "a place of a rollup's query is not one that was made");
    }
    auto* place = static_cast<restriction*>(list_nth(places, number - 1));
    const char** const texts[] = {&place->expression, &place->column, &place->zone};
    for (int i = 0; i < 3 && *end == ','; ++i) {
        const char* from = end + 1;
        end = skip_argument(from);
        *texts[i] = argument_text(from, end);
    }
    place->expression = in_parentheses(place->expression);
    return end;
}

List* add_piece(List* to, const char* from, const char* end, int place)
{
    auto* made = fresh<piece>();
    *made = {pnstrdup(from, static_cast<Size>(end - from)), place};
    return lappend(to, made);
}

} // namespace

Oid restriction_function()
{
    List* name = list_make2(makeString(pstrdup("etl")), makeString(pstrdup("_restriction")));
    const Oid arguments[] = {ANYOID};
    return LookupFuncName(name, 1, arguments, false);
}

marking start_marking()
{
    return {restriction_function(), nullptr, NIL};
}

Node* place_for(marking& to, Node* expression)
{
    auto* made = fresh<restriction>();
    *made = {list_length(to.places) + 1, to.key, nullptr, nullptr, nullptr, nullptr};
    to.places = lappend(to.places, made);
    List* arguments =
        list_make2(makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(made->number), false, true),
                   copyObjectImpl(expression));
    const rounding range = rounding_of(expression);
    if (range.column != nullptr) {
        made->upper = range.upper;
        arguments = lappend(arguments, copyObjectImpl(range.column));
        if (range.zone != nullptr) {
            arguments = lappend(arguments, copyObjectImpl(range.zone));
        }
    }
    return as_node(makeFuncExpr(to.function, BOOLOID, arguments, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

bool is_place(const marking& to, const Node* condition)
{
    return IsA(condition, FuncExpr) && reinterpret_cast<const FuncExpr*>(condition)->funcid == to.function;
}

List* pieces_of(Query* query, const List* places)
{
    const char* at = query_text(query);
    const char* from = at;
    List* pieces = NIL;
    while (*at != '\0') {
        if (strncmp(at, marker, sizeof marker - 1) == 0) {
            int number = 0;
            const char* end = read_place(at + sizeof marker - 1, places, number);
            pieces = add_piece(pieces, from, at, number);
            at = end + 1;
            from = at;
        } else {
            at = skip_token(at);
        }
    }
    return add_piece(pieces, from, at, 0);
}

} // namespace etl::rollup
