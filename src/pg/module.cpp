// The library's entry points: what PostgreSQL asks for when it loads pg_etl.
#include "pg/function.hpp"
#include "pg/settings.hpp"

#ifndef PG_ETL_VERSION
#error "PG_ETL_VERSION is set by the Makefile from control/pg_etl.control"
#endif

extern "C" {
#if PG_VERSION_NUM >= 180000
PG_MODULE_MAGIC_EXT(.name = "pg_etl", .version = PG_ETL_VERSION);
#else
PG_MODULE_MAGIC;
#endif

[[gnu::visibility("default")]] void _PG_init(void);
void _PG_init(void)
{
    etl::pg::define_settings();
}
}

ETL_FUNCTION(etl_version, args)
{
    return args.result(std::string_view{PG_ETL_VERSION});
}
