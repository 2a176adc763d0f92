#include "validate/json_schema_punycode.hpp"

#include "core/punycode.hpp"
#include "validate/json_schema_value.hpp"

#include "core/cpp_only.hpp"

namespace etl::validate::schema {

std::optional<std::string> decode_punycode(std::string_view encoded)
{
    const auto characters = etl::decode_punycode(encoded);
    if (!characters) {
        return std::nullopt;
    }
    std::string made;
    for (const char32_t each : *characters) {
        append_utf8(made, each);
    }
    return made;
}

std::string encode_punycode(std::string_view text)
{
    std::u32string characters;
    while (!text.empty()) {
        characters += static_cast<char32_t>(take_character(text));
    }
    return etl::encode_punycode(characters);
}

} // namespace etl::validate::schema
