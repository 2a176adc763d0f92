// Walking PostgreSQL's parse trees.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <nodes/nodeFuncs.h>
}

namespace etl::pg {

// PostgreSQL 15 declares walkers without their arguments.
#if PG_VERSION_NUM >= 160000
using any_walker = tree_walker_callback;
#else
using any_walker = bool (*)();
#endif

inline any_walker walker(bool (*of)(Node*, void*))
{
    return reinterpret_cast<any_walker>(reinterpret_cast<void (*)()>(of));
}

inline Node* as_node(const void* node)
{
    return static_cast<Node*>(const_cast<void*>(node));
}

} // namespace etl::pg
