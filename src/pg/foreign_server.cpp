#include "pg/foreign_server.hpp"

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

// May raise.
Oid find_usable(const char* name, const char* wrapper)
{
    const ForeignServer* server = GetForeignServerByName(name, false);
    if (strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, wrapper) != 0) {
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("server \"%s\" is not one of %s", name, wrapper),
                        errhint("CREATE SERVER … FOREIGN DATA WRAPPER %s makes one that is.", wrapper)));
    }
#if PG_VERSION_NUM >= 160000
    const AclResult may = object_aclcheck(ForeignServerRelationId, server->serverid, GetUserId(), ACL_USAGE);
#else
    const AclResult may = pg_foreign_server_aclcheck(server->serverid, GetUserId(), ACL_USAGE);
#endif
    if (may != ACLCHECK_OK) {
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for foreign server %s", name),
                 errhint("GRANT USAGE ON FOREIGN SERVER %s TO %s;", quote_identifier(name),
                         quote_identifier(GetUserNameFromId(GetUserId(), false)))));
    }
    return server->serverid;
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
    return call([&copy, wrapper] { return find_usable(copy.c_str(), wrapper); });
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
