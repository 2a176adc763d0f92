// How texts of a collation compare.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <utils/pg_locale.h>
}

namespace etl::pg {

// Whether they are in the order of their bytes. May raise.
inline bool orders_by_bytes(Oid collation)
{
#if PG_VERSION_NUM >= 180000
    return pg_newlocale_from_collation(collation)->collate_is_c;
#else
    return lc_collate_is_c(collation);
#endif
}

} // namespace etl::pg
