// A schema with documents that keep it and documents that break it, tried in each of the drafts named.
#pragma once

#include "validate/json_schema.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

inline constexpr char all_drafts[] = "4 6 7 2019-09 2020-12";
inline constexpr char from_draft6[] = "6 7 2019-09 2020-12";
inline constexpr char from_draft7[] = "7 2019-09 2020-12";
inline constexpr char to_draft7[] = "4 6 7";
inline constexpr char latest_drafts[] = "2019-09 2020-12";

using schema_registry = std::map<std::string, std::string>;

inline json_schema::resolver resolver_of(const schema_registry& registry)
{
    return [&registry](const std::string& uri) {
        const auto found = registry.find(uri);
        return found != registry.end() ? std::optional{found->second} : std::nullopt;
    };
}

struct schema_case {
    std::string drafts;
    std::string schema;
    std::vector<std::string> valid;
    std::vector<std::string> invalid;
};

// The verdict; and that the errors say the same.
inline bool verdict(const json_schema& schema, const std::string& document)
{
    const bool valid = schema.is_valid(document);
    EXPECT_EQ(schema.errors(document).empty(), valid) << document;
    return valid;
}

inline void expect_case(const schema_case& each, const schema_registry& registry = {}, bool formats = false)
{
    std::istringstream drafts{each.drafts};
    for (std::string draft; drafts >> draft;) {
        SCOPED_TRACE("draft " + draft + ": " + each.schema);
        const auto schema = json_schema::compile(each.schema, resolver_of(registry), {draft, formats, never_poll});
        for (const std::string& document : each.valid) {
            EXPECT_TRUE(verdict(*schema, document)) << document;
        }
        for (const std::string& document : each.invalid) {
            EXPECT_FALSE(verdict(*schema, document)) << document;
        }
    }
}

inline void expect_cases(const std::vector<schema_case>& cases, const schema_registry& registry = {},
                         bool formats = false)
{
    for (const schema_case& each : cases) {
        expect_case(each, registry, formats);
    }
}

// Text around text around text …
inline std::string nested(const std::string& open, std::size_t levels, const std::string& middle,
                          const std::string& close)
{
    std::string made;
    for (std::size_t i = 0; i < levels; ++i) {
        made += open;
    }
    made += middle;
    for (std::size_t i = 0; i < levels; ++i) {
        made += close;
    }
    return made;
}

} // namespace etl::validate
