// Waits for the network, as PostgreSQL knows waits: they are seen in pg_stat_activity, and end with the server.
#pragma once

namespace etl::pg {

// Around each moment of waiting.
void network_wait_begins();
void network_wait_ends();

// poll(), for who waits for somebody else: ends the process where there is no server any more.
void poll_network();

} // namespace etl::pg
