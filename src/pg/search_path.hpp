// The search path under which stored SQL text is read.
#pragma once

namespace etl::pg {

// search_path = pg_catalog, pg_temp for a scope, as the SET clause of a function would have it. Where an exception
// passes, the setting is left to the transaction's abort, as PostgreSQL's own functions leave it.
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
