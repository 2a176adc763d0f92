// Which values a rollup's states may keep beside the tables.
//
// A state has values as bytes or hashes, and outlives what the table does: an enum's label that is renamed, a dump
// after which enums and objects have other numbers. So values known by names or numbers of the catalog are not kept.
#pragma once

#include "rollup/tree_pg.hpp"

namespace etl::rollup {

// Whether values of the type, with all that is inside of them, are the same ones whatever becomes of the catalog.
bool outlasts_catalog(Oid type);

// As which type etl.distinct_set takes values of the type for what they are: itself or, for a domain, what it is made
// of. InvalidOid where PostgreSQL would take the call for a cast, as it does for texts of types that others have made.
Oid type_in_set(Oid type);

} // namespace etl::rollup
