#include "validate/json_schema_uri.hpp"

#include "validate/json_schema_value.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_scheme(std::string_view text)
{
    return !text.empty() && is_letter(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    });
}

void drop_last_segment(std::string& path)
{
    path.erase(std::min(path.rfind('/'), path.size()));
}

// RFC 3986, section 5.2.4.
std::string without_dots(std::string_view path)
{
    std::string out;
    while (!path.empty()) {
        if (path.starts_with("../")) {
            path.remove_prefix(3);
        } else if (path.starts_with("./") || path.starts_with("/./")) {
            path.remove_prefix(2);
        } else if (path == "/.") {
            path = "/";
        } else if (path.starts_with("/../")) {
            path.remove_prefix(3);
            drop_last_segment(out);
        } else if (path == "/..") {
            path = "/";
            drop_last_segment(out);
        } else if (path == "." || path == "..") {
            path = {};
        } else {
            const std::size_t segment = std::min(path.find('/', 1), path.size());
            out += path.substr(0, segment);
            path.remove_prefix(segment);
        }
    }
    return out;
}

// RFC 3986, section 5.2.3.
std::string merged_path(const uri_parts& base, std::string_view path)
{
    if (base.authority && base.path.empty()) {
        return '/' + std::string{path};
    }
    const std::size_t slash = base.path.rfind('/');
    return std::string{base.path.substr(0, slash == std::string_view::npos ? 0 : slash + 1)} + std::string{path};
}

std::string composed(const uri_parts& of, std::string_view path)
{
    std::string out;
    if (of.scheme) {
        out += std::string{*of.scheme} + ':';
    }
    if (of.authority) {
        out += "//" + std::string{*of.authority};
    }
    out += path;
    if (of.query) {
        out += '?' + std::string{*of.query};
    }
    return out;
}

std::string percent_decoded(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

} // namespace

uri_parts split_uri(std::string_view text)
{
    uri_parts made;
    if (const std::size_t hash = text.find('#'); hash != std::string_view::npos) {
        made.fragment = text.substr(hash + 1);
        text = text.substr(0, hash);
    }
    if (const std::size_t mark = text.find('?'); mark != std::string_view::npos) {
        made.query = text.substr(mark + 1);
        text = text.substr(0, mark);
    }
    if (const std::size_t colon = text.find(':'); colon < text.find('/') && is_scheme(text.substr(0, colon))) {
        made.scheme = text.substr(0, colon);
        text = text.substr(colon + 1);
    }
    if (text.starts_with("//")) {
        const std::size_t end = std::min(text.find('/', 2), text.size());
        made.authority = text.substr(2, end - 2);
        text = text.substr(end);
    }
    made.path = text;
    return made;
}

std::string resolve_uri(std::string_view base, std::string_view reference)
{
    const uri_parts from = split_uri(base);
    uri_parts to = split_uri(reference);
    if (to.scheme) {
        return composed(to, to.authority || to.path.starts_with('/') ? without_dots(to.path) : std::string{to.path});
    }
    to.scheme = from.scheme;
    if (to.authority) {
        return composed(to, without_dots(to.path));
    }
    to.authority = from.authority;
    if (to.path.empty()) {
        to.query = to.query ? to.query : from.query;
        return composed(to, from.path);
    }
    if (to.path.starts_with('/')) {
        return composed(to, without_dots(to.path));
    }
    if (base.empty()) { // no base to speak of: the name as it is
        return composed(to, to.path);
    }
    return composed(to, without_dots(merged_path(from, to.path)));
}

std::string_view without_fragment(std::string_view reference)
{
    return reference.substr(0, reference.find('#'));
}

std::string fragment_of(std::string_view reference)
{
    const std::size_t hash = reference.find('#');
    return hash == std::string_view::npos ? std::string{} : percent_decoded(reference.substr(hash + 1));
}

std::vector<std::string> split_pointer(std::string_view pointer)
{
    std::vector<std::string> tokens;
    for (const char c : pointer) {
        if (c == '/') {
            tokens.emplace_back();
        } else if (!tokens.empty()) {
            tokens.back() += c;
        }
    }
    for (std::string& token : tokens) {
        for (std::size_t at = token.find('~'); at != std::string::npos; at = token.find('~', at + 1)) {
            if (token.compare(at, 2, "~0") == 0) {
                token.erase(at + 1, 1);
            } else if (token.compare(at, 2, "~1") == 0) {
                token.replace(at, 2, "/");
            }
        }
    }
    return tokens;
}

std::string pointer_token(std::string_view name)
{
    std::string out;
    for (const char c : name) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out += c;
        }
    }
    return out;
}

std::optional<std::size_t> pointer_index(std::string_view token)
{
    constexpr std::size_t longest = 9;
    if (token.empty() || token.size() > longest || (token.size() > 1 && token.front() == '0')) {
        return std::nullopt;
    }
    std::size_t index = 0;
    for (const char c : token) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        index = index * 10 + static_cast<std::size_t>(c - '0');
    }
    return index;
}

} // namespace etl::validate::schema
