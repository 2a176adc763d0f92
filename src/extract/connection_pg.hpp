// Connections: a server and the current role's user mapping, as a client that the session keeps.
#pragma once

#include "extract/http_client.hpp"

#include <memory>
#include <string_view>

namespace etl {

// The client of a server of the wrapper etl_http for the current role. The session keeps it, with its connections and
// tokens, until something of the server, of the mapping or of pg_etl.allowed_hosts changes; whoever uses it meanwhile
// keeps it for as long as that takes. Throws or raises: 42704 no such server, 42809 one of another wrapper, 42501 no
// USAGE on it, and what make_settings() throws.
std::shared_ptr<http_client> open_connection(std::string_view server);

} // namespace etl
