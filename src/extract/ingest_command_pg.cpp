// etl._ingest_change: runs the command that writes records (etl._ingest_command). What the command is depends on the
// source and on the table, and to find it out takes many times what a batch of records takes; so a session keeps the
// plan until either changes.
#include "pg/function.hpp"
#include "pg/role_lock.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <nodes/params.h>
#include <utils/inval.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <array>
#include <list>
#include <memory>
#include <string>

namespace etl {
namespace {

constexpr std::size_t most_kept = 32;

// A trigger of the table may call etl.ingest too, and take the place of a command that runs: whoever is the last to use
// a plan frees it.
using kept_plan = std::shared_ptr<_SPI_plan>;

struct kept_command {
    std::string key; // the source's definition, and the holds on its table
    Oid target;
    std::string sql;
    kept_plan plan;
    bool is_stale = false;
};

// The one used last is the first. Never destroyed: when the process exits there is no server left to free plans.
std::list<kept_command>& kept()
{
    static auto& commands = *new std::list<kept_command>;
    return commands;
}

void note_change(Datum, Oid relation)
{
    for (kept_command& each : kept()) {
        each.is_stale = each.is_stale || relation == InvalidOid || relation == each.target;
    }
}

void watch_changes()
{
    static bool watching = false;
    if (!watching) {
        pg::call([] { CacheRegisterRelcacheCallback(note_change, Datum{0}); });
        watching = true;
    }
}

std::string_view bytes_of(Datum composite)
{
    HeapTupleHeader row = DatumGetHeapTupleHeader(composite);
    return {reinterpret_cast<const char*>(row), HeapTupleHeaderGetDatumLength(row)};
}

// Needs an SPI connection.
std::string command_text(Datum definition, Datum held, bool no_hold)
{
    const char* text = pg::call([=]() -> const char* {
        Oid types[] = {HeapTupleHeaderGetTypeId(DatumGetHeapTupleHeader(definition)), TEXTOID};
        Datum values[] = {definition, held};
        const char nulls[] = {' ', no_hold ? 'n' : ' ', '\0'};
        SPI_execute_with_args("SELECT etl._ingest_command($1, $2)", 2, types, values, nulls, false, 1);
        return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    });
    if (text == nullptr) {
        throw error(sqlstate::internal_error, "no command was made for a source of etl.ingest");
    }
    return text;
}

// A plan for any records: one for each call's own would be made anew each time. Needs an SPI connection.
SPIPlanPtr make_plan(const char* sql)
{
    std::array<Oid, 3> types{TEXTARRAYOID, INT4OID, INT4OID};
    SPIPlanPtr plan = nullptr;
    pg::with_locked_role([&] { plan = SPI_prepare_cursor(sql, 3, types.data(), CURSOR_OPT_GENERIC_PLAN); });
    SPI_keepplan(plan);
    return plan;
}

kept_plan plan_for(const std::string& key, Oid target, Datum definition, Datum held, bool no_hold)
{
    watch_changes();
    auto& commands = kept();
    const auto found = std::ranges::find(commands, key, &kept_command::key);
    if (found != commands.end() && !found->is_stale) {
        commands.splice(commands.begin(), commands, found);
        return found->plan;
    }
    kept_command made{key, target, command_text(definition, held, no_hold), nullptr};
    made.plan = kept_plan{pg::call([sql = made.sql.c_str()] { return make_plan(sql); }), SPI_freeplan};
    // Another call may have come in between.
    std::erase_if(commands, [&key](const kept_command& each) { return each.key == key; });
    if (commands.size() >= most_kept) {
        commands.pop_back();
    }
    commands.push_front(std::move(made));
    return commands.front().plan;
}

struct execution {
    SPIPlanPtr plan;
    ParamListInfo parameters;
    Datum result;
    bool is_null;
};

// May raise.
void execute(execution& what)
{
    pg::with_locked_role([&what] { SPI_execute_plan_with_paramlist(what.plan, what.parameters, false, 0); });
    what.result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &what.is_null);
    if (!what.is_null) {
        what.result = SPI_datumTransfer(what.result, false, -1);
    }
}

// The arguments from the third on. May raise.
ParamListInfo parameters_of(pg::arguments args)
{
    ParamListInfo made = makeParamList(3);
    constexpr std::array<Oid, 3> types{TEXTARRAYOID, INT4OID, INT4OID};
    for (int i = 0; i < 3; ++i) {
        made->params[i] = {args.given(i + 2), false, PARAM_FLAG_CONST, types[static_cast<std::size_t>(i)]};
    }
    return made;
}

} // namespace
} // namespace etl

using namespace etl;

// etl._ingest_change(definition, target, records, first, last, held)
ETL_FUNCTION(etl_ingest_change, args)
{
    const Datum definition = args.given(0);
    const Oid target = DatumGetObjectId(args.given(1));
    const bool no_hold = args.is_null(5);
    execution what{nullptr, parameters_of(args), Datum{0}, true};
    std::string key{bytes_of(definition)};
    if (!no_hold) {
        key += pg::call([&] { return pg::varlena_text(args.datum(5)); });
    }
    pg::call([] { SPI_connect(); });
    const kept_plan plan = plan_for(key, target, definition, args.datum(5), no_hold);
    what.plan = plan.get();
    pg::call([&what] {
        execute(what);
        SPI_finish();
    });
    return what.is_null ? args.null_result() : what.result;
}
