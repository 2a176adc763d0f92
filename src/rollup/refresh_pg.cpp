// What a refresh asks of the server.
#include "pg/function.hpp"

extern "C" {
#include <executor/spi.h>
}

// Whether the PL/pgSQL procedure that asks may COMMIT: it was called on its own, and not inside a transaction block,
// a function or an exception block. PostgreSQL decides by the very same test, and tells SQL only by raising an error.
ETL_FUNCTION(etl_may_commit, args)
{
    return args.result(SPI_inside_nonatomic_context());
}
