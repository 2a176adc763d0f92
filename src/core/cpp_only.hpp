// Included last in every file of the core: proves that no PostgreSQL header has leaked into it. The core is built,
// unit-tested, fuzzed and sanitized without a server, and must not know palloc, elog or longjmp.
#pragma once

#if defined(POSTGRES_H) || defined(PG_VERSION_NUM)
#error "a core file includes a PostgreSQL header; move the code to <name>_pg.cpp"
#endif
