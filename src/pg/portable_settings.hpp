// Settings under which the text of a value is the same in every session, and is read back as the same value: those that
// pg_dump sets, and a search_path of system objects alone, so that names come with their schemas.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <utils/guc.h>
}

namespace etl::pg {

// Sets them for what follows, until AtEOXact_GUC() of the level. May raise.
void set_portable_settings();

// Refuses (0A000) what a query has made of them meanwhile. May raise.
void require_portable_settings();

// call(f) under these settings.
template <class F>
auto call_portably(F&& f)
{
    return call([&f] {
        const int level = NewGUCNestLevel();
        set_portable_settings();
        auto made = f();
        AtEOXact_GUC(true, level);
        return made;
    });
}

// These settings for a scope. Where an exception passes, they are left to the transaction's abort, as PostgreSQL's own
// functions leave theirs.
class portable_settings {
  public:
    portable_settings();
    ~portable_settings();
    portable_settings(const portable_settings&) = delete;
    portable_settings& operator=(const portable_settings&) = delete;

  private:
    int nest_level_;
    int exceptions_;
};

} // namespace etl::pg
