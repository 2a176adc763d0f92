// The aggregates behind golden records: of a group of rows, the value of the row that stands first by a list of sort
// keys, and the place of that row.
//
// Sorting each group once for every column would take longer than all the rest. So the first row is kept while the rows
// pass, and an aggregate for the value and one for the place, called with the same arguments, share one state:
// PostgreSQL runs the transition once for both.
//
//   etl._pick           the first row whose value is not NULL
//   etl._most_frequent  the first row of those that have the most frequent value; it reads its rows in the order of
//                       the values, so that equal ones come together
//
// The third argument says how the values and then each of the keys are compared: + (ascending) or - (descending), and
// the OID of the collation, as in '+100-0'. A key that is NULL loses against any that is not.
//
// Everything here is trivial and lies in PostgreSQL's memory: no object needs a destructor.
#include "pg/calling_expression.hpp"
#include "pg/function.hpp"

extern "C" {
#include <utils/datum.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <charconv>
#include <utility>

namespace etl {
namespace {

constexpr int most_keys = 4;
constexpr int value_arg = 1;
constexpr int place_arg = 2;
constexpr int order_arg = 3;
constexpr int first_key_arg = 4;

struct kind {
    std::int16_t length;
    bool by_value;
};

struct comparison {
    FmgrInfo* compare; // of the type cache, which lives as long as the session
    Oid collation;
    bool descending;
};

struct sort_plan {
    int keys;
    kind value_kind;
    kind place_kind;
    kind key_kinds[most_keys];
    comparison value_order; // only where values are compared
    comparison key_orders[most_keys];
};

struct held {
    Datum value;
    bool is_null;
};

struct candidate {
    std::int64_t rows; // 0: there is none yet
    held value;
    held place;
    held keys[most_keys];
};

struct pick_state {
    const sort_plan* plan; // of the calling expression, which outlives its groups
    candidate best;
    candidate run; // the rows with the value that is passing, for the most frequent one
};

static_assert(std::is_trivially_copyable_v<pick_state>);

// Making the plan -----------------------------------------------------------------------------------------------------

kind kind_of(Oid type)
{
    kind made{};
    get_typlenbyval(type, &made.length, &made.by_value);
    return made;
}

FmgrInfo* compare_function(Oid type)
{
    TypeCacheEntry* entry = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);
    if (!OidIsValid(entry->cmp_proc_finfo.fn_oid)) {
        throw error(sqlstate::undefined_function,
                    "values of a type without a default btree operator class cannot be compared");
    }
    return &entry->cmp_proc_finfo;
}

// Takes one comparison off the front of the text.
comparison read_comparison(std::string_view& text)
{
    comparison made{};
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
        made.descending = text.front() == '-';
        const auto [end, problem] = std::from_chars(text.data() + 1, text.data() + text.size(), made.collation);
        if (problem == std::errc{}) {
            text.remove_prefix(static_cast<std::size_t>(end - text.data()));
            return made;
        }
    }
    throw error(sqlstate::invalid_parameter_value, "no order of sort keys: \"" + std::string{text} + "\"");
}

sort_plan make_plan(pg::arguments args, bool compares_values)
{
    sort_plan made{};
    made.keys = args.count() - first_key_arg;
    if (made.keys > most_keys || get_fn_expr_variadic(args.raw()->flinfo)) {
        throw error(sqlstate::program_limit_exceeded, "more sort keys than " + std::to_string(most_keys));
    }
    auto order = args.get<std::string_view>(order_arg);
    made.value_order = read_comparison(order);
    if (compares_values) {
        made.value_order.compare = compare_function(args.type(value_arg));
    }
    made.value_kind = kind_of(args.type(value_arg));
    made.place_kind = kind_of(args.type(place_arg));
    for (int i = 0; i < made.keys; ++i) {
        made.key_orders[i] = read_comparison(order);
        made.key_orders[i].compare = compare_function(args.type(first_key_arg + i));
        made.key_kinds[i] = kind_of(args.type(first_key_arg + i));
    }
    return made;
}

// Comparing -----------------------------------------------------------------------------------------------------------

int compare(const comparison& by, held a, held b)
{
    if (a.is_null || b.is_null) {
        return static_cast<int>(a.is_null) - static_cast<int>(b.is_null);
    }
    const int order = DatumGetInt32(FunctionCall2Coll(by.compare, by.collation, a.value, b.value));
    if (!by.descending) {
        return order;
    }
    return order < 0 ? 1 : -order; // the least int has no opposite
}

held argument(pg::arguments args, int i)
{
    return {args.datum(i), args.is_null(i)};
}

// Whether the row that is passing stands before the candidate. The first of rows that are equal in all keys stays.
bool stands_before(const sort_plan& plan, pg::arguments args, const candidate& other)
{
    for (int i = 0; i < plan.keys; ++i) {
        if (const int order = compare(plan.key_orders[i], argument(args, first_key_arg + i), other.keys[i])) {
            return order < 0;
        }
    }
    return false;
}

bool is_more_frequent(const sort_plan& plan, const candidate& a, const candidate& b)
{
    if (a.rows != b.rows) {
        return a.rows > b.rows;
    }
    for (int i = 0; i < plan.keys; ++i) {
        if (const int order = compare(plan.key_orders[i], a.keys[i], b.keys[i])) {
            return order < 0;
        }
    }
    return false;
}

// Keeping -------------------------------------------------------------------------------------------------------------

void keep(held& in, kind of, held from)
{
    if (!of.by_value && !in.is_null && in.value != 0) {
        pfree(DatumGetPointer(in.value));
    }
    in = {from.is_null ? Datum{0} : datumCopy(from.value, of.by_value, of.length), from.is_null};
}

// In the aggregate's context: the candidate's memory is reused by the next one.
void keep_row(candidate& in, const sort_plan& plan, pg::arguments args, MemoryContext context)
{
    const MemoryContext before = MemoryContextSwitchTo(context);
    keep(in.value, plan.value_kind, argument(args, value_arg));
    keep(in.place, plan.place_kind, argument(args, place_arg));
    for (int i = 0; i < plan.keys; ++i) {
        keep(in.keys[i], plan.key_kinds[i], argument(args, first_key_arg + i));
    }
    MemoryContextSwitchTo(before);
}

pick_state& state_of(pg::arguments args, MemoryContext context, bool compares_values)
{
    if (!args.is_null(0)) {
        return *reinterpret_cast<pick_state*>(DatumGetPointer(args.datum(0)));
    }
    auto* made = new (pg::allocate_in(context, sizeof(pick_state))) pick_state{};
    made->plan = &args.cached<sort_plan>([=] { return make_plan(args, compares_values); });
    return *made;
}

const candidate& winner(const pick_state& state)
{
    return state.run.rows > 0 && is_more_frequent(*state.plan, state.run, state.best) ? state.run : state.best;
}

const candidate* picked(pg::arguments args)
{
    pg::require_aggregate(args, "a function of golden records");
    if (args.is_null(0)) {
        return nullptr;
    }
    return &winner(*reinterpret_cast<const pick_state*>(DatumGetPointer(args.datum(0))));
}

Datum result(pg::arguments args, const held& what)
{
    return what.is_null ? args.null_result() : what.value;
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_pick_step, args)
{
    const MemoryContext context = pg::require_aggregate(args, "a function of golden records");
    if (args.is_null(value_arg)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    pick_state& state = state_of(args, context, false);
    if (state.best.rows == 0 || stands_before(*state.plan, args, state.best)) {
        keep_row(state.best, *state.plan, args, context);
        state.best.rows = 1;
    }
    return PointerGetDatum(&state);
}

ETL_FUNCTION(etl_most_frequent_step, args)
{
    const MemoryContext context = pg::require_aggregate(args, "a function of golden records");
    if (args.is_null(value_arg)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    pick_state& state = state_of(args, context, true);
    const sort_plan& plan = *state.plan;
    const bool goes_on =
        state.run.rows > 0 && compare(plan.value_order, argument(args, value_arg), state.run.value) == 0;
    if (!goes_on && state.run.rows > 0) {
        if (is_more_frequent(plan, state.run, state.best)) {
            std::swap(state.run, state.best);
        }
        state.run.rows = 0;
    }
    if (!goes_on || stands_before(plan, args, state.run)) {
        keep_row(state.run, plan, args, context);
    }
    ++state.run.rows;
    return PointerGetDatum(&state);
}

ETL_FUNCTION(etl_picked_value, args)
{
    const candidate* found = picked(args);
    return found == nullptr ? args.null_result() : result(args, found->value);
}

ETL_FUNCTION(etl_picked_place, args)
{
    const candidate* found = picked(args);
    return found == nullptr ? args.null_result() : result(args, found->place);
}
