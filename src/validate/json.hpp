// JSON that strangers wrote, read within limits.
#pragma once

#include <nlohmann/json.hpp>

#include <string_view>

namespace etl::validate {

using json = nlohmann::ordered_json; // members stay in the order of the text

// Reads a text as JSON. Throws etl::error where it is none (naming it `what`), where it nests deeper than `deepest`
// levels (those who walk the value do so by recursion), and where a string holds the character \u0000 (PostgreSQL's
// texts cannot).
json parse_json(std::string_view text, const char* what, int deepest);

} // namespace etl::validate
