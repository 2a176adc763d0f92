// Servers and user mappings of SQL/MED, read from the catalog.
#pragma once

#include "core/error.hpp"
#include "pg/postgres.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace etl::pg {

using catalog_options = std::vector<std::pair<std::string, std::string>>; // in UTF-8

// The server of that name, of that wrapper, which the current role may use; or else throws: 42704 there is none, 42809
// it is another wrapper's, 42501 no USAGE.
Oid usable_foreign_server(std::string_view name, const char* wrapper);

catalog_options foreign_server_options(Oid server);
// Of the current role, or else of PUBLIC; none where there is no mapping.
catalog_options user_mapping_options(Oid server);
bool superuser_owns(Oid server);

// A number that changes when any server, mapping or wrapper may have changed.
std::uint64_t foreign_server_generation();

// What a validator is given: text[] of name=value.
catalog_options listed_options(Datum array);

// Raises the error, without the statement in the server's log: that may hold a secret.
[[noreturn]] void refuse_options(const error& why);

} // namespace etl::pg
