// Values as JSON, and as PostgreSQL reads them.
#include "core/hex.hpp"
#include "core/json.hpp"
#include "extract/evm_value.hpp"

#include "core/cpp_only.hpp"

namespace etl::evm {
namespace {

std::string hex_of(const value& value)
{
    return to_hex(std::as_bytes(std::span{value.text}));
}

std::string json_string(const std::string& text)
{
    return json(text).dump();
}

void write_json_tuple(const type& type, const value& value, std::string& to)
{
    const bool is_object = !type.names.empty();
    to += is_object ? '{' : '[';
    for (std::size_t i = 0; i < value.parts.size(); ++i) {
        to += i > 0 ? "," : "";
        to += is_object ? json_string(type.names[i]) + ':' : "";
        write_json(type.parts[i], value.parts[i], to);
    }
    to += is_object ? '}' : ']';
}

// A text inside an array's: quoted, so that it is never taken for NULL or for syntax.
std::string quoted_element(const std::string& text)
{
    std::string made{'"'};
    for (const char c : text) {
        made += c == '"' || c == '\\' ? "\\" : "";
        made += c;
    }
    return made + '"';
}

std::string sql_array(const type& element, const value& value)
{
    std::string made{'{'};
    for (const evm::value& part : value.parts) {
        made += made.size() > 1 ? "," : "";
        made += quoted_element(sql_text(element, part));
    }
    return made + '}';
}

} // namespace

void write_json_hash(const value& value, std::string& to)
{
    to += "\"0x" + hex_of(value) + '"';
}

void write_json(const type& type, const value& value, std::string& to)
{
    switch (type.is) {
    case type::kind::unsigned_number:
    case type::kind::signed_number:
        to += value.text;
        return;
    case type::kind::boolean:
        to += value.text == "1" ? "true" : "false";
        return;
    case type::kind::string:
        to += json_string(value.text);
        return;
    case type::kind::address:
    case type::kind::fixed_bytes:
    case type::kind::bytes:
        write_json_hash(value, to);
        return;
    case type::kind::array:
    case type::kind::list:
        to += '[';
        for (const evm::value& part : value.parts) {
            to += &part != value.parts.data() ? "," : "";
            write_json(type.parts[0], part, to);
        }
        to += ']';
        return;
    case type::kind::tuple:
        write_json_tuple(type, value, to);
    }
}

std::string sql_text(const type& type, const value& value)
{
    switch (type.is) {
    case type::kind::unsigned_number:
    case type::kind::signed_number:
    case type::kind::boolean:
    case type::kind::string:
        return value.text;
    case type::kind::address:
        return "0x" + hex_of(value);
    case type::kind::fixed_bytes:
    case type::kind::bytes:
        return "\\x" + hex_of(value);
    case type::kind::array:
    case type::kind::list:
        if (!type.parts[0].is_compound()) {
            return sql_array(type.parts[0], value);
        }
        break;
    case type::kind::tuple:
        break;
    }
    std::string made;
    write_json(type, value, made);
    return made;
}

} // namespace etl::evm
