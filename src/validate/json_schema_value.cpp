#include "validate/json_schema_value.hpp"

#include "validate/json_schema_number.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

using member = std::pair<value, value>;

constexpr std::uint64_t seed_of(json_kind kind)
{
    return 0x9e3779b97f4a7c15 * (static_cast<std::uint64_t>(kind) + 1);
}

constexpr std::uint64_t mixed(std::uint64_t a, std::uint64_t b)
{
    a = (a ^ b) * 0xbf58476d1ce4e5b9;
    return a ^ (a >> 29);
}

std::vector<member> sorted_members(value object)
{
    std::vector<member> sorted;
    sorted.reserve(object.size());
    for (const member each : members(object)) {
        sorted.push_back(each);
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const member& a, const member& b) { return a.first.text() < b.first.text(); });
    return sorted;
}

bool equal_large_objects(value a, value b)
{
    const auto left = sorted_members(a);
    const auto right = sorted_members(b);
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](const member& x, const member& y) {
        return x.first.text() == y.first.text() && are_equal(x.second, y.second);
    });
}

bool equal_objects(value a, value b)
{
    constexpr std::uint32_t few = 8;
    if (a.size() != b.size()) {
        return false;
    }
    if (a.size() > few) {
        return equal_large_objects(a, b);
    }
    for (const auto [name, content] : members(a)) {
        const auto other = b.find(name.text());
        if (!other || !are_equal(content, *other)) {
            return false;
        }
    }
    return true;
}

bool equal_arrays(value a, value b)
{
    if (a.size() != b.size()) {
        return false;
    }
    auto other = elements(b).begin();
    for (const value each : elements(a)) {
        if (!are_equal(each, *other)) {
            return false;
        }
        ++other;
    }
    return true;
}

// Half of a surrogate pair as the parser encodes it, which is no character: ED A0 80 to ED BF BF.
bool is_surrogate(std::string_view text)
{
    return text.size() >= 3 && text[0] == '\xed' && static_cast<unsigned char>(text[1]) >= 0xa0;
}

void append_escape(std::string& out, unsigned unit)
{
    constexpr char digits[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) {
        out += digits[(unit >> shift) & 15];
    }
}

} // namespace

std::uint64_t hash_long_text(std::string_view text) noexcept
{
    return XXH3_64bits(text.data(), text.size());
}

std::uint64_t hash_value(value of)
{
    std::uint64_t hash = seed_of(of.kind());
    switch (of.kind()) {
    case json_kind::number:
        return mixed(hash, decimal{of.text()}.hash());
    case json_kind::string:
        return mixed(hash, hash_text(of.text()));
    case json_kind::array:
        for (const value each : elements(of)) {
            hash = mixed(hash, hash_value(each)) + hash;
        }
        return hash;
    case json_kind::object:
        for (const auto [name, content] : members(of)) {
            hash += mixed(hash_text(name.text()), hash_value(content));
        }
        return hash;
    default:
        return hash;
    }
}

bool are_equal(value a, value b)
{
    if (a.kind() != b.kind()) {
        return false;
    }
    switch (a.kind()) {
    case json_kind::number:
        return a.text() == b.text() || decimal{a.text()} == decimal{b.text()};
    case json_kind::string:
        return a.text() == b.text();
    case json_kind::array:
        return equal_arrays(a, b);
    case json_kind::object:
        return equal_objects(a, b);
    default:
        return true;
    }
}

std::size_t count_characters(std::string_view text) noexcept
{
    std::size_t characters = 0;
    for (const char c : text) {
        characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
    }
    return characters;
}

void append_utf8(std::string& out, std::uint32_t code_point)
{
    auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code_point < 0x80) {
        put(code_point);
    } else if (code_point < 0x800) {
        put(0xc0 | code_point >> 6);
        put(0x80 | (code_point & 0x3f));
    } else if (code_point < 0x10000) {
        put(0xe0 | code_point >> 12);
        put(0x80 | (code_point >> 6 & 0x3f));
        put(0x80 | (code_point & 0x3f));
    } else {
        put(0xf0 | code_point >> 18);
        put(0x80 | (code_point >> 12 & 0x3f));
        put(0x80 | (code_point >> 6 & 0x3f));
        put(0x80 | (code_point & 0x3f));
    }
}

int hex_digit(char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string json_string(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 && c != '\0') {
            append_escape(out, static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return printable(out) + '"';
}

std::string shortened(std::string_view text, std::size_t longest)
{
    if (text.size() <= longest) {
        return std::string{text};
    }
    std::size_t cut = longest;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) {
        --cut;
    }
    return std::string{text.substr(0, cut)} + "…";
}

std::string excerpt(value of)
{
    switch (of.kind()) {
    case json_kind::null:
        return "null";
    case json_kind::no:
        return "false";
    case json_kind::yes:
        return "true";
    case json_kind::number:
        return shortened(of.text());
    case json_kind::string:
        return json_string(shortened(of.text()));
    case json_kind::array:
        return "the array";
    default:
        return "the object";
    }
}

std::string printable(std::string_view text)
{
    std::string out;
    while (!text.empty()) {
        if (text[0] == '\0') {
            append_escape(out, 0);
            text.remove_prefix(1);
        } else if (is_surrogate(text)) {
            append_escape(out, take_character(text));
        } else {
            out += text[0];
            text.remove_prefix(1);
        }
    }
    return out;
}

std::string ascii_only(std::string_view text)
{
    std::string out;
    while (!text.empty()) {
        const std::uint32_t character = take_character(text);
        if (character < 0x80) {
            out += static_cast<char>(character);
        } else if (character < 0x10000) {
            append_escape(out, character);
        } else {
            append_escape(out, 0xd800 + ((character - 0x10000) >> 10));
            append_escape(out, 0xdc00 + ((character - 0x10000) & 0x3ff));
        }
    }
    return out;
}

std::uint32_t take_character(std::string_view& text) noexcept
{
    const auto first = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    if (first < 0xc0) {
        return first;
    }
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    std::uint32_t made = first & (0x3fU >> more);
    for (int i = 0; i < more && !text.empty(); ++i) {
        made = made << 6 | (static_cast<unsigned char>(text.front()) & 0x3fU);
        text.remove_prefix(1);
    }
    return made;
}

} // namespace etl::validate::schema
