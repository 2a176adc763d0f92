#include "pg/portable_settings.hpp"

#include <cstring>
#include <exception>
#include <string>

namespace etl::pg {

namespace {

struct setting {
    const char* name;
    const char* value;
};
constexpr setting settings[] = {{"datestyle", "ISO, MDY"},     {"intervalstyle", "postgres"},
                                {"extra_float_digits", "3"},   {"timezone", "UTC"},
                                {"lc_monetary", "C"},          {"bytea_output", "hex"},
                                {"search_path", "pg_catalog"}, {"quote_all_identifiers", "off"},
                                {"xmloption", "content"},      {"array_nulls", "on"}};

} // namespace

void set_portable_settings()
{
    for (const setting& to : settings) {
        set_config_option(to.name, to.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    }
}

void require_portable_settings()
{
    for (const setting& each : settings) {
        const char* now = GetConfigOption(each.name, false, false);
        if (strcmp(now, each.value) != 0) {
            throw error(sqlstate::feature_not_supported,
                        std::string{"the query sets "} + each.name + " to \"" + now + '"',
                        "The texts of its values would depend on it.",
                        "Leave set_config() out of the query, and of the functions that it calls.");
        }
    }
}

portable_settings::portable_settings()
    : nest_level_{call([] { return NewGUCNestLevel(); })}, exceptions_{std::uncaught_exceptions()}
{
    call([] { set_portable_settings(); });
}

portable_settings::~portable_settings()
{
    if (std::uncaught_exceptions() == exceptions_) {
        AtEOXact_GUC(true, nest_level_);
    }
}

} // namespace etl::pg
