#include "extract/evm_type.hpp"

#include "core/cpp_only.hpp"

namespace etl::evm {
namespace {

std::string canonical_number(const type& type)
{
    std::string made{type.is == type::kind::unsigned_number ? "u" : ""};
    made += type.places > 0 ? "fixed" : "int";
    made += std::to_string(type.bits);
    return type.places > 0 ? made + 'x' + std::to_string(type.places) : made;
}

std::string canonical_tuple(const type& type)
{
    std::string made{"("};
    for (const evm::type& part : type.parts) {
        made += made.size() > 1 ? "," : "";
        made += canonical(part);
    }
    return made + ')';
}

// 256 bits have 78 digits.
std::string sql_number(const type& type)
{
    if (type.places > 0) {
        return "numeric";
    }
    const int magnitude = type.is == type::kind::unsigned_number ? type.bits : type.bits - 1;
    return magnitude <= 31 ? "integer" : magnitude <= 63 ? "bigint" : "numeric(78,0)";
}

} // namespace

std::string canonical(const type& type)
{
    switch (type.is) {
    case type::kind::unsigned_number:
    case type::kind::signed_number:
        return canonical_number(type);
    case type::kind::address:
        return "address";
    case type::kind::boolean:
        return "bool";
    case type::kind::fixed_bytes:
        return type.is_function ? "function" : "bytes" + std::to_string(type.length);
    case type::kind::bytes:
        return "bytes";
    case type::kind::string:
        return "string";
    case type::kind::array:
        return canonical(type.parts[0]) + '[' + std::to_string(type.length) + ']';
    case type::kind::list:
        return canonical(type.parts[0]) + "[]";
    case type::kind::tuple:
        break;
    }
    return canonical_tuple(type);
}

std::string sql_type(const type& type)
{
    switch (type.is) {
    case type::kind::unsigned_number:
    case type::kind::signed_number:
        return sql_number(type);
    case type::kind::address:
    case type::kind::string:
        return "text";
    case type::kind::boolean:
        return "boolean";
    case type::kind::fixed_bytes:
    case type::kind::bytes:
        return "bytea";
    case type::kind::array:
    case type::kind::list:
        return type.parts[0].is_compound() ? "jsonb" : sql_type(type.parts[0]) + "[]";
    case type::kind::tuple:
        break;
    }
    return "jsonb";
}

} // namespace etl::evm
