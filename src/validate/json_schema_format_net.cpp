// Names and addresses of the internet: RFC 1123 (host names), RFC 5321 (mail), RFC 3986 and 4291 (URIs, addresses),
// RFC 6570 (templates).
#include "validate/json_schema_format.hpp"
#include "validate/json_schema_idna.hpp"
#include "validate/json_schema_uri.hpp"
#include "validate/json_schema_value.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_alphanumeric(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_beyond_ascii(char c)
{
    return static_cast<unsigned char>(c) >= 0x80;
}

std::vector<std::string_view> split(std::string_view text, char at)
{
    std::vector<std::string_view> parts;
    for (std::size_t end = text.find(at); end != std::string_view::npos; end = text.find(at)) {
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    parts.push_back(text);
    return parts;
}

bool is_atom_character(char c)
{
    constexpr std::string_view others = "!#$%&'*+-/=?^_`{|}~";
    return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
}

// In a quoted local part.
bool is_quotable(char c, bool international)
{
    return is_beyond_ascii(c) ? international : c >= 0x20 && c < 0x7f;
}

bool is_local_part(std::string_view text, bool international)
{
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        const std::string_view inner = text.substr(1, text.size() - 2);
        for (std::size_t i = 0; i < inner.size(); ++i) {
            const bool escaped = inner[i] == '\\';
            i += escaped ? 1 : 0;
            if (i == inner.size() || (inner[i] == '"' && !escaped) || !is_quotable(inner[i], international)) {
                return false;
            }
        }
        return true;
    }
    const auto atoms = split(text, '.');
    return std::all_of(atoms.begin(), atoms.end(), [international](std::string_view atom) {
        return !atom.empty() && std::all_of(atom.begin(), atom.end(), [international](char c) {
            return is_atom_character(c) || (international && is_beyond_ascii(c));
        });
    });
}

// "IPv6:", in letters of any size, as all literals of the grammar (RFC 5234, section 2.3).
bool has_ipv6_tag(std::string_view literal)
{
    constexpr std::string_view tag = "ipv6:";
    return literal.size() >= tag.size() && std::equal(tag.begin(), tag.end(), literal.begin(), [](char wanted, char c) {
               return c == wanted || (c >= 'A' && c <= 'Z' && c - 'A' + 'a' == wanted);
           });
}

bool is_address(std::string_view text, bool international)
{
    const std::size_t at = text.rfind('@');
    if (at == std::string_view::npos || !is_local_part(text.substr(0, at), international)) {
        return false;
    }
    std::string_view domain = text.substr(at + 1);
    if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']') {
        domain = domain.substr(1, domain.size() - 2);
        return has_ipv6_tag(domain) ? is_ipv6(domain.substr(5)) : is_ipv4(domain);
    }
    return international ? is_international_hostname(domain) : is_old_hostname(domain);
}

bool is_percent_escape(std::string_view text)
{
    return text.size() >= 3 && text[0] == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0;
}

// Characters of a component: unreserved ones, percent escapes, and the given others.
bool has_only(std::string_view text, std::string_view others, bool international)
{
    constexpr std::string_view unreserved = "-._~";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '%') {
            if (!is_percent_escape(text.substr(i))) {
                return false;
            }
            i += 2;
        } else if (!is_alphanumeric(c) && unreserved.find(c) == std::string_view::npos &&
                   others.find(c) == std::string_view::npos && !(international && is_beyond_ascii(c))) {
            return false;
        }
    }
    return true;
}

constexpr std::string_view path_characters = "!$&'()*+,;=:@/";

bool is_authority(std::string_view text, bool international)
{
    constexpr std::string_view name_characters = "!$&'()*+,;=";
    const std::size_t at = text.find('@');
    if (at != std::string_view::npos) {
        if (!has_only(text.substr(0, at), "!$&'()*+,;=:", international)) {
            return false;
        }
        text.remove_prefix(at + 1);
    }
    std::size_t host_end = std::min(text.find(':'), text.size());
    if (text.starts_with('[')) {
        const std::size_t bracket = text.find(']');
        if (bracket == std::string_view::npos) {
            return false;
        }
        const std::string_view literal = text.substr(1, bracket - 1);
        host_end = bracket + 1;
        const bool future =
            literal.starts_with('v') && literal.find('.') > 1 && has_only(literal, "!$&'()*+,;=:", false);
        if (!is_ipv6(literal) && !future) {
            return false;
        }
    } else if (!has_only(text.substr(0, host_end), name_characters, international)) {
        return false;
    }
    const std::string_view port = text.substr(host_end);
    return port.empty() || (port.front() == ':' && std::all_of(port.begin() + 1, port.end(), is_digit));
}

bool is_reference(std::string_view text, bool absolute, bool international)
{
    const uri_parts parts = split_uri(text);
    const std::string_view first = parts.path.substr(0, parts.path.find('/'));
    return (parts.scheme || (!absolute && first.find(':') == std::string_view::npos)) &&
           (!parts.authority || is_authority(*parts.authority, international)) &&
           has_only(parts.path, path_characters, international) &&
           (!parts.query || has_only(*parts.query, "!$&'()*+,;=:@/?", international)) &&
           (!parts.fragment || has_only(*parts.fragment, "!$&'()*+,;=:@/?", international));
}

// Letters, digits, underscores and escapes, in parts between single dots.
bool is_variable_name(std::string_view text)
{
    const auto parts = split(text, '.');
    return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
        return !part.empty() && part.find_first_of("-~") == std::string_view::npos && has_only(part, "_", false);
    });
}

// What stands between braces: an operator, and names with their modifiers.
bool is_template_expression(std::string_view text)
{
    constexpr std::string_view operators = "+#./;?&=,!@|";
    if (!text.empty() && operators.find(text.front()) != std::string_view::npos) {
        text.remove_prefix(1);
    }
    const auto names = split(text, ',');
    return std::all_of(names.begin(), names.end(), [](std::string_view name) {
        if (name.ends_with('*')) {
            name.remove_suffix(1);
        } else if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
            const std::string_view length = name.substr(colon + 1);
            if (length.empty() || length.size() > 4 || length.front() == '0' ||
                !std::all_of(length.begin(), length.end(), is_digit)) {
                return false;
            }
            name = name.substr(0, colon);
        }
        return is_variable_name(name);
    });
}

// What stands outside of braces: all but blanks, controls and some signs (section 2.1, as its errata have it).
bool is_template_literal(std::string_view text)
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        constexpr std::string_view others = " \"<>\\^`|{}\x7f";
        if (text[i] == '%' ? !is_percent_escape(text.substr(i))
                           : (static_cast<unsigned char>(text[i]) < 0x20 || others.find(text[i]) != others.npos)) {
            return false;
        }
    }
    return true;
}

} // namespace

bool is_old_hostname(std::string_view text)
{
    constexpr std::size_t longest = 253;
    const auto labels = split(text.substr(0, longest + 1), '.');
    return text.size() <= longest && std::all_of(labels.begin(), labels.end(), is_plain_label);
}

bool is_hostname(std::string_view text)
{
    return is_internet_name(text);
}

bool is_international_hostname(std::string_view text)
{
    return is_international_name(text);
}

bool is_email(std::string_view text)
{
    return is_address(text, false);
}

bool is_international_email(std::string_view text)
{
    return is_address(text, true);
}

bool is_ipv4(std::string_view text)
{
    const auto parts = split(text, '.');
    return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
               if (part.empty() || part.size() > 3 || (part.size() > 1 && part.front() == '0') ||
                   !std::all_of(part.begin(), part.end(), is_digit)) {
                   return false;
               }
               return part.size() < 3 || part <= "255";
           });
}

bool is_ipv6(std::string_view text)
{
    std::size_t groups = 0;
    bool shortened = false;
    if (text.starts_with("::")) {
        shortened = true;
        text.remove_prefix(2);
    } else if (text.starts_with(':')) {
        return false;
    }
    while (!text.empty()) {
        const std::size_t colon = std::min(text.find(':'), text.size());
        const std::string_view group = text.substr(0, colon);
        if (colon == text.size() && group.find('.') != std::string_view::npos) { // an address of version 4 at the end
            groups += 2;
            if (!is_ipv4(group)) {
                return false;
            }
            break;
        }
        if (group.empty() || group.size() > 4 ||
            !std::all_of(group.begin(), group.end(), [](char c) { return hex_digit(c) >= 0; })) {
            return false;
        }
        ++groups;
        text.remove_prefix(colon);
        if (text.starts_with("::") && !shortened) {
            shortened = true;
            text.remove_prefix(2);
        } else if (text.starts_with(':')) {
            text.remove_prefix(1);
            if (text.empty()) {
                return false;
            }
        }
    }
    return shortened ? groups < 8 : groups == 8;
}

bool is_uri(std::string_view text)
{
    return is_reference(text, true, false);
}

bool is_uri_reference(std::string_view text)
{
    return is_reference(text, false, false);
}

bool is_iri(std::string_view text)
{
    return is_reference(text, true, true);
}

bool is_iri_reference(std::string_view text)
{
    return is_reference(text, false, true);
}

bool is_uri_template(std::string_view text)
{
    while (!text.empty()) {
        const std::size_t brace = text.find_first_of("{}");
        if (!is_template_literal(text.substr(0, brace))) {
            return false;
        }
        if (brace == std::string_view::npos) {
            return true;
        }
        const std::size_t end = text.find('}', brace);
        if (text[brace] == '}' || end == std::string_view::npos ||
            !is_template_expression(text.substr(brace + 1, end - brace - 1))) {
            return false;
        }
        text.remove_prefix(end + 1);
    }
    return true;
}

} // namespace etl::validate::schema
