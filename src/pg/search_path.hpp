// The search path under which stored SQL text is read.
#pragma once

namespace etl::pg {

// A search_path as steps get it: temporary objects come last, unless it names their place. May raise: phase one.
const char* with_temporary_last(const char* path);

// search_path = pg_catalog, pg_temp for a scope, in which names are quoted only where they must be. Whatever the SQL
// that runs there has set, of this and of all other settings, ends with it, as PostgreSQL does for the functions of
// indexes: a stored text may be another role's. Where an exception passes, the settings are left to the transaction's
// abort, as PostgreSQL's own functions leave them.
class pinned_search_path {
  public:
    pinned_search_path();
    ~pinned_search_path();
    pinned_search_path(const pinned_search_path&) = delete;
    pinned_search_path& operator=(const pinned_search_path&) = delete;

  private:
    int nest_level_;
    int exceptions_;
};

} // namespace etl::pg
