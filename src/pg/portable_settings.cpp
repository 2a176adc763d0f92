#include "pg/portable_settings.hpp"

namespace etl::pg {

void set_portable_settings()
{
    struct setting {
        const char* name;
        const char* value;
    };
    constexpr setting settings[] = {{"datestyle", "ISO, MDY"},     {"intervalstyle", "postgres"},
                                    {"extra_float_digits", "3"},   {"timezone", "UTC"},
                                    {"lc_monetary", "C"},          {"bytea_output", "hex"},
                                    {"search_path", "pg_catalog"}, {"quote_all_identifiers", "off"}};
    for (const setting& to : settings) {
        set_config_option(to.name, to.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    }
}

} // namespace etl::pg
