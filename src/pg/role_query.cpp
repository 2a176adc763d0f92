#include "pg/role_query.hpp"

#include "pg/acting_role.hpp"
#include "pg/boundary.hpp"
#include "pg/deadline.hpp"
#include "pg/role_lock.hpp"
#include "pg/search_path.hpp"

extern "C" {
#include <catalog/dependency.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <lib/stringinfo.h>
#include <tcop/dest.h>
#include <utils/guc.h>
#include <utils/portal.h>
}

#include <string>

namespace etl::pg {
namespace {

constexpr char query_canceled[] = "57014";

void refuse_by_spi(int code)
{
    if (code == SPI_ERROR_TRANSACTION) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
                        errmsg("a step of kind sql is one transaction and can neither begin nor end one"),
                        errhint("Give the step kind => 'procedure'.")));
    }
    if (code == SPI_ERROR_COPY) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a step has no client to COPY from or to"),
                        errhint("COPY from or to a file.")));
    }
    ereport(ERROR,
            (errcode(ERRCODE_INTERNAL_ERROR), errmsg("SQL could not be executed: %s", SPI_result_code_string(code))));
}

// Rows of the last statement. What it returns goes nowhere.
std::uint64_t execute(const char* sql)
{
    SPIExecuteOptions options = {};
    options.dest = CreateDestReceiver(DestNone);
    const int code = SPI_execute_extended(sql, &options);
    if (code < 0) {
        refuse_by_spi(code);
    }
    return SPI_processed;
}

void require(const char* check)
{
    StringInfoData query;
    initStringInfo(&query);
    appendStringInfo(&query, "SELECT (\n%s\n)::pg_catalog.bool", check);
    const int code = SPI_execute(query.data, false, 1);
    if (code != SPI_OK_SELECT || SPI_processed != 1) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the check of the step is no expression"),
                        errdetail("It is: %s", check)));
    }
    bool is_null = false;
    const Datum holds = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    if (is_null || !DatumGetBool(holds)) {
        ereport(ERROR,
                (errcode(ERRCODE_CHECK_VIOLATION), errmsg("the check of the step is %s", is_null ? "NULL" : "false"),
                 errdetail("It is: %s", check)));
    }
}

bool is_new(const char* cursor)
{
    const Portal portal = GetPortalByName(cursor);
    return PortalIsValid(portal) && portal->createSubid != InvalidSubTransactionId;
}

// A cursor WITH HOLD would be filled at the commit, in another search_path, and nobody could read it.
void refuse_held_cursors()
{
    SPI_execute("SELECT name FROM pg_catalog.pg_cursors WHERE is_holdable", true, 0);
    for (std::uint64_t row = 0; row < SPI_processed; ++row) {
        const char* name = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1);
        if (is_new(name)) {
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("a step of kind sql cannot leave a cursor WITH HOLD open"),
                            errdetail("It is called \"%s\".", name)));
        }
    }
}

// What another role has made in the session's temporary schema, or has given to a role of its own, would stand before the
// caller's tables and types from now on, with triggers and checks that would run as the caller.
void drop_temporary_objects(Oid role)
{
    Oid types[] = {OIDOID};
    Datum values[] = {ObjectIdGetDatum(role)};
    SPI_execute_with_args("SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_shdepend AS s USING (classid, objid) "
                          "WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = pg_my_temp_schema() "
                          "AND s.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()) "
                          "AND s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o' "
                          "AND pg_has_role($1, s.refobjid, 'MEMBER') AND s.refobjid <> current_user::regrole",
                          1, types, values, nullptr, false, 0);
    ObjectAddresses* objects = new_object_addresses();
    for (std::uint64_t row = 0; row < SPI_processed; ++row) {
        bool is_null = false;
        const Datum kind = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &is_null);
        const Datum id = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2, &is_null);
        const ObjectAddress object = {DatumGetObjectId(kind), DatumGetObjectId(id), 0};
        add_exact_object_address(&object, objects);
    }
    performMultipleDeletions(objects, DROP_CASCADE, PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
    free_object_addresses(objects);
}

void set_search_path(const char* path)
{
    set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// Nothing of a step is left for the commit: what it has put off once more is done now, where it can put off nothing, and
// so its settings end with it too.
void finish_deferred(Oid role)
{
    with_role(role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION, [] {
        execute("SET CONSTRAINTS ALL IMMEDIATE");
        refuse_held_cursors();
    });
}

std::uint64_t run(const role_query& query)
{
    const Oid role = acting_role(query.role);
    const int level = NewGUCNestLevel();
    std::uint64_t rows = 0;
    set_search_path(with_temporary_last(query.search_path));
    with_role(role, SECURITY_LOCAL_USERID_CHANGE, [&] {
        rows = execute(query.command);
        execute("SET CONSTRAINTS ALL IMMEDIATE");
        if (query.check != nullptr) {
            require(query.check);
        }
    });
    finish_deferred(role);
    if (role != GetUserId()) {
        set_search_path("pg_catalog, pg_temp");
        drop_temporary_objects(role);
    }
    AtEOXact_GUC(false, level);
    return rows;
}

} // namespace

// Tells a timeout of ours from a cancel of somebody else's.
std::uint64_t execute_as_role(const role_query& query)
{
    const deadline limit{query.timeout};
    bool is_late = false;
    try {
        return call([&query] { return run(query); });
    } catch (const error_in_flight&) {
        is_late = limit.has_passed() && geterrcode() == ERRCODE_QUERY_CANCELED;
        if (!is_late) {
            throw;
        }
    }
    call([] { FlushErrorState(); });
    throw error(query_canceled, "the step took longer than its timeout of " + std::to_string(query.timeout) + " ms", {},
                "Raise its timeout with etl.alter_step(..., timeout => ...), or make it faster.");
}

} // namespace etl::pg
