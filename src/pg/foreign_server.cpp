#include "pg/foreign_server.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"
#include "pg/encoding.hpp"

extern "C" {
#include <access/reloptions.h>
#include <catalog/pg_foreign_server.h>
#include <commands/defrem.h>
#include <foreign/foreign.h>
#include <utils/acl.h>
#include <utils/inval.h>
#include <utils/syscache.h>
}

#include <cstring>

namespace etl::pg {

namespace {

std::uint64_t generation = 0;

void note_change(Datum, int, uint32)
{
    ++generation;
}

bool may_use(Oid server)
{
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ForeignServerRelationId, server, GetUserId(), ACL_USAGE) == ACLCHECK_OK;
#else
    return pg_foreign_server_aclcheck(server, GetUserId(), ACL_USAGE) == ACLCHECK_OK;
#endif
}

// The texts are in the current memory context.
catalog_options read(List* options)
{
    catalog_options made;
    for (int i = 0; i < list_length(options); ++i) {
        auto* each = static_cast<DefElem*>(list_nth(options, i));
        const char* value = call([each] { return defGetString(each); });
        made.emplace_back(std::string{as_utf8(each->defname)}, std::string{as_utf8(value)});
    }
    return made;
}

} // namespace

Oid usable_foreign_server(std::string_view name, const char* wrapper)
{
    const std::string copy{name};
    const ForeignServer* server = call([&copy] { return GetForeignServerByName(copy.c_str(), true); });
    if (server == nullptr) {
        throw error(sqlstate::undefined_object, "server " + in_quotes(name) + " does not exist");
    }
    if (call([=] { return strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, wrapper) != 0; })) {
        throw error(file_sqlstate::wrong_object_type, "server " + in_quotes(name) + " is not one of " + wrapper, {},
                    std::string{"CREATE SERVER … FOREIGN DATA WRAPPER "} + wrapper + " makes one that is.");
    }
    if (!call([=] { return may_use(server->serverid); })) {
        const char* grant = call([&copy] {
            return psprintf("GRANT USAGE ON FOREIGN SERVER %s TO %s;", quote_identifier(copy.c_str()),
                            quote_identifier(GetUserNameFromId(GetUserId(), false)));
        });
        throw error(file_sqlstate::insufficient_privilege, "permission denied for foreign server " + copy, {}, grant);
    }
    return server->serverid;
}

catalog_options foreign_server_options(Oid server)
{
    return read(call([server] { return GetForeignServer(server)->options; }));
}

catalog_options user_mapping_options(Oid server)
{
    return read(call([server]() -> List* {
        const auto has = [server](Oid user) {
            return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(user), ObjectIdGetDatum(server));
        };
        return has(GetUserId()) || has(InvalidOid) ? GetUserMapping(GetUserId(), server)->options : NIL;
    }));
}

bool superuser_owns(Oid server)
{
    return call([server] { return superuser_arg(GetForeignServer(server)->owner); });
}

std::uint64_t foreign_server_generation()
{
    static const bool watched = [] {
        call([] {
            CacheRegisterSyscacheCallback(FOREIGNSERVEROID, note_change, Datum{0});
            CacheRegisterSyscacheCallback(FOREIGNDATAWRAPPEROID, note_change, Datum{0});
            CacheRegisterSyscacheCallback(USERMAPPINGOID, note_change, Datum{0});
            CacheRegisterSyscacheCallback(AUTHOID, note_change, Datum{0});
        });
        return true;
    }();
    static_cast<void>(watched);
    return generation;
}

catalog_options listed_options(Datum array)
{
    return read(call([array] { return untransformRelOptions(array); }));
}

void refuse_options(const error& why)
{
    const char* code = why.sqlstate();
    call([&] {
        ereport(ERROR,
                (errcode(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])), errmsg_internal("%s", why.what()),
                 why.detail().empty() ? 0 : errdetail_internal("%s", why.detail().c_str()),
                 why.hint().empty() ? 0 : errhint("%s", why.hint().c_str()), errhidestmt(true)));
    });
    pg_unreachable();
}

} // namespace etl::pg
