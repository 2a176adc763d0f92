#include "validate/json.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

void check_text(const json& value, const char* what)
{
    if (value.is_string() && value.get_ref<const std::string&>().find('\0') != std::string::npos) {
        throw error(sqlstate::invalid_parameter_value, std::string{what} + " must not hold the character \\u0000");
    }
}

// What the parser says; it may quote half a character.
std::string complaint(const json::exception& from)
{
    std::string made{"The parser says: "};
    made += from.what();
    std::replace_if(
        made.begin(), made.end(), [](unsigned char c) { return c >= 0x80; }, '?');
    return made + '.';
}

} // namespace

json parse_json(std::string_view text, const char* what, int deepest)
{
    // Called for each key and value while it is read.
    auto within_limits = [what, deepest](int depth, json::parse_event_t, const json& value) {
        if (depth > deepest) {
            throw error(sqlstate::program_limit_exceeded,
                        std::string{what} + " must not nest deeper than " + std::to_string(deepest) + " levels");
        }
        check_text(value, what);
        return true;
    };
    try {
        return json::parse(text, within_limits);
    } catch (const json::exception& e) { // no JSON, or a number that no double holds
        throw error(sqlstate::invalid_parameter_value, std::string{what} + " must be a JSON document", complaint(e));
    }
}

} // namespace etl::validate
