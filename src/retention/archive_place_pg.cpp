#include "retention/archive_place_pg.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"
#include "pg/settings.hpp"

extern "C" {
#include <catalog/pg_authid.h>
#include <storage/ipc.h>
#include <utils/acl.h>
}

#include <utility>

namespace etl {

void require_archive_access(archive_access access)
{
    const bool writes = access == archive_access::write;
    const Oid needed = writes ? ROLE_PG_WRITE_SERVER_FILES : ROLE_PG_READ_SERVER_FILES;
    if (pg::call([needed] { return has_privs_of_role(GetUserId(), needed); })) {
        return;
    }
    const std::string role = pg::call([] { return GetUserNameFromId(GetUserId(), false); });
    const std::string granted = writes ? "pg_write_server_files" : "pg_read_server_files";
    throw error(file_sqlstate::insufficient_privilege,
                "role " + in_quotes(role) + " may not " + (writes ? "write" : "read") + " archive files",
                "It must have the privileges of the role " + granted + ".",
                "Let a superuser run GRANT " + granted + " TO " +
                    pg::call([name = role.c_str()] { return quote_identifier(name); }) + ";");
}

std::string archive_root()
{
    return require_file_root(archive_files, pg::archive_directory());
}

watched_new_file* watched_new_file::latest = nullptr;

void watched_new_file::abandon_all(int, Datum)
{
    for (watched_new_file* each = latest; each != nullptr; each = each->before_) {
        each->file_.abandon();
    }
}

watched_new_file::watched_new_file(file_path path, poll_fn poll) : file_{std::move(path), poll}, before_{latest}
{
    static bool registered = false;
    if (!registered) {
        pg::call([] { on_proc_exit(abandon_all, Datum{0}); });
        registered = true;
    }
    latest = this;
}

watched_new_file::~watched_new_file()
{
    latest = before_;
}

} // namespace etl
