// Any text as a schema and any as a document, with a blank line between them: a schema is refused or compiled, and the
// errors of a document say what its verdict says. Beside it, what is JSON is what another parser takes for JSON.
#include "validate/json_schema.hpp"
#include "core/error.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace {

using etl::validate::json_schema;
using etl::validate::json_schema_options;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

// The schemas that others may refer to.
std::optional<std::string> registered(const std::string& uri)
{
    if (uri == "a") {
        return R"({"$id": "http://a/b", "$dynamicAnchor": "x", "items": {"$dynamicRef": "#x"}, "$defs": {"c": true}})";
    }
    if (uri == "m") {
        return R"({"$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/core": true,
                   "https://json-schema.org/draft/2020-12/vocab/applicator": true}})";
    }
    return std::nullopt;
}

bool is_within_limits(const etl::error& e)
{
    return std::string_view{e.sqlstate()} != etl::sqlstate::program_limit_exceeded;
}

// Where no limit is met, both say the same, and texts that PostgreSQL can hold.
void demand_agreement(const json_schema& schema, std::string_view document)
{
    bool valid = false;
    try {
        valid = schema.is_valid(document);
    } catch (const etl::error&) {
        return;
    }
    try {
        const auto errors = schema.errors(document);
        demand(errors.empty() == valid);
        for (const auto& each : errors) {
            demand((each.instance_path + each.schema_path + each.keyword + each.message).find('\0') ==
                   std::string::npos);
        }
    } catch (const etl::error& e) {
        demand(!valid || !is_within_limits(e));
    }
}

// Of texts in UTF-8 that do not nest too deeply for either.
void demand_json(std::string_view text)
{
    bool is_json = false;
    try {
        is_json = json_schema::compile("true")->is_valid(text);
    } catch (const etl::error&) {
        return;
    }
    const bool comparable = std::all_of(text.begin(), text.end(), [](char c) {
        return c != '\0' && static_cast<unsigned char>(c) < 0x80; // an end to the other one, which looks at UTF-8 too
    });
    // The other one refuses halves of surrogate pairs, and numbers that no double holds.
    const bool unusual = text.find("\\u") != std::string_view::npos ||
                         text.find_first_of("eE") != std::string_view::npos || text.size() > 300;
    demand(!comparable || is_json == nlohmann::json::accept(text) || (is_json && unusual));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const std::size_t middle = std::min(text.find("\n\n"), text.size());
    const std::string_view document = text.substr(std::min(middle + 2, text.size()));
    demand_json(document);
    constexpr std::string_view drafts[] = {"", "4", "6", "7", "2019-09", "2020-12"};
    const json_schema_options options{drafts[size % 6], size % 2 == 0, etl::never_poll};
    try {
        const auto schema = json_schema::compile(text.substr(0, middle), registered, options);
        demand_agreement(*schema, document);
        demand_agreement(*schema, text.substr(0, middle));
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
