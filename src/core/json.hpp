// JSON that strangers wrote, read within limits.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace etl {

using json = nlohmann::ordered_json; // members stay in the order of the text

// Reads a text as JSON. Throws etl::error where it is none (naming it `what`), where it nests deeper than `deepest`
// levels (those who walk the value do so by recursion), and where a string holds the character \u0000 (PostgreSQL's
// texts cannot).
json parse_json(std::string_view text, const char* what, int deepest);

// The text with what Python writes as bare Infinity, -Infinity and NaN as strings of these names, and so with whole
// numbers of more than 18 digits, which no number of a JSON reader holds exactly. Otherwise no byte is changed, and a
// text that is no JSON does not become one.
std::string quote_unusual_numbers(std::string_view text);

// What an argument that is a number says: a number, or a string of one ("Infinity", "-Infinity" and "NaN" too).
std::optional<double> number_in(const json& value);

} // namespace etl
