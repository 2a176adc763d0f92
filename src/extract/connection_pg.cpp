#include "extract/connection_pg.hpp"

#include "extract/connection_options.hpp"
#include "extract/http_error.hpp"

#include "core/text.hpp"
#include "pg/boundary.hpp"
#include "pg/encoding.hpp"
#include "pg/foreign_server.hpp"
#include "pg/function.hpp"
#include "pg/network_wait.hpp"
#include "pg/settings.hpp"

extern "C" {
#include <catalog/pg_foreign_data_wrapper.h>
#include <catalog/pg_foreign_server.h>
#include <catalog/pg_user_mapping.h>
#include <common/file_utils.h>
#include <storage/fd.h>
}

#include <cerrno>
#include <map>

namespace etl {

namespace {

constexpr const char* wrapper = "etl_http";
// Where PostgreSQL removes what begins with this name at its start, and backups leave it out.
constexpr const char* temporary_files = "base/" PG_TEMP_FILES_DIR;
constexpr const char* rate_file = "base/" PG_TEMP_FILES_DIR "/" PG_TEMP_FILE_PREFIX "_etl_http_rates";

using options = std::vector<connection_option>;

options as_options(const pg::catalog_options& listed)
{
    options made;
    for (const auto& [name, value] : listed) {
        made.push_back({name, value});
    }
    return made;
}

// What a client was made of: as long as that is the same, so is the client.
struct made_of {
    options server;
    options user_mapping;
    std::string allowed_hosts;
    friend bool operator==(const made_of&, const made_of&) = default;
};

struct kept_client {
    std::uint64_t generation; // of the catalog, when the options were read
    made_of from;
    std::shared_ptr<http_client> client;
};

// By server and role. Clients of roles that the session has left stay: their number is that of its roles and servers.
// They are left alone when the process ends: by then OpenSSL may have cleaned up what their connections need.
std::map<std::pair<Oid, Oid>, kept_client>& kept_clients()
{
    static auto* const kept = new std::map<std::pair<Oid, Oid>, kept_client>;
    return *kept;
}

std::shared_ptr<rate_limiter> shared_limiter()
{
    static std::shared_ptr<rate_limiter> limiter;
    if (!limiter) {
        if (pg::call([] { return MakePGDirectory(temporary_files); }) < 0 && errno != EEXIST) {
            throw error(http_sqlstate::cannot_connect, "could not make the directory " + in_quotes(temporary_files));
        }
        limiter = std::make_shared<rate_limiter>(rate_file);
    }
    return limiter;
}

void require_trusted_owner(Oid server, const options& user_mapping, std::string_view name)
{
    if (reads_the_machine(user_mapping) && !pg::superuser_owns(server)) {
        throw error(http_sqlstate::insufficient_privilege, "server " + in_quotes(name) + " is not owned by a superuser",
                    "The user mapping has a secret of the machine's, and the owner of a server says where it goes.",
                    "ALTER SERVER … OWNER TO a superuser, or give the secret itself.");
    }
}

std::shared_ptr<http_client> make_client(Oid server, const made_of& from)
{
    http_settings settings = make_settings(from.server, from.user_mapping);
    settings.rules = address_rules::parse(from.allowed_hosts);
    if (settings.rate_interval.count() > 0) {
        settings.limiter = shared_limiter();
        settings.rate_key = std::uint64_t{MyDatabaseId} << 32U | server;
    }
    return std::make_shared<http_client>(std::move(settings), pg::poll_network,
                                         wait_marks{pg::network_wait_begins, pg::network_wait_ends});
}

option_place place_of(Oid catalog) noexcept
{
    switch (catalog) {
    case ForeignServerRelationId:
        return option_place::server;
    case UserMappingRelationId:
        return option_place::user_mapping;
    case ForeignDataWrapperRelationId:
        return option_place::wrapper;
    default:
        return option_place::elsewhere;
    }
}

} // namespace

std::shared_ptr<http_client> open_connection(std::string_view name)
{
    const Oid server = pg::usable_foreign_server(name, wrapper);
    const std::uint64_t generation = pg::foreign_server_generation();
    kept_client& kept = kept_clients()[{server, GetUserId()}];
    if (kept.client && kept.generation == generation && kept.from.allowed_hosts == pg::allowed_hosts()) {
        return kept.client;
    }
    made_of from{as_options(pg::foreign_server_options(server)), as_options(pg::user_mapping_options(server)),
                 pg::allowed_hosts()};
    require_trusted_owner(server, from.user_mapping, name);
    if (!kept.client || from != kept.from) {
        kept.client.reset();
        kept.client = make_client(server, from);
        kept.from = std::move(from);
    }
    kept.generation = generation;
    return kept.client;
}

void pg::require_host_list(const char* list)
{
    static_cast<void>(address_rules::parse(list));
}

} // namespace etl

ETL_FUNCTION(etl_http_validator, args)
{
    const auto listed = etl::pg::listed_options(args.given(0));
    const auto catalog = static_cast<Oid>(args.datum(1));
    const bool is_superuser = etl::pg::call([] { return superuser(); });
    try {
        etl::pg::with_errors_of_server([&] {
            etl::check_options(etl::place_of(catalog), etl::as_options(listed), is_superuser);
            return true;
        });
    } catch (const etl::error& why) {
        etl::pg::refuse_options(why);
    }
    return Datum{0}; // void, which a validator may not return as NULL
}
