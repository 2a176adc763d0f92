#include "pg/search_path.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include <utils/builtins.h>
#include <utils/guc.h>
#include <utils/varlena.h>
}

#include <cstring>
#include <exception>

namespace etl::pg {

const char* with_temporary_last(const char* path)
{
    List* schemas = NIL;
    if (!SplitIdentifierString(pstrdup(path), ',', &schemas)) {
        return path; // PostgreSQL says what is wrong with it
    }
    for (int i = 0; i < list_length(schemas); ++i) {
        if (strcmp(static_cast<const char*>(list_nth(schemas, i)), "pg_temp") == 0) {
            return path;
        }
    }
    return schemas == NIL ? "pg_temp" : psprintf("%s, pg_temp", path);
}

pinned_search_path::pinned_search_path()
    : nest_level_{call([] {
          const int level = NewGUCNestLevel();
          set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
          set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
          return level;
      })},
      exceptions_{std::uncaught_exceptions()}
{
}

pinned_search_path::~pinned_search_path()
{
    if (std::uncaught_exceptions() == exceptions_) {
        AtEOXact_GUC(false, nest_level_);
    }
}

} // namespace etl::pg
