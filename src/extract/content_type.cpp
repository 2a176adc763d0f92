#include "extract/content_type.hpp"

#include "extract/http_types.hpp"

#include "core/cpp_only.hpp"

namespace etl {

namespace {

std::string_view trimmed(std::string_view text)
{
    const std::size_t begin = text.find_first_not_of(" \t");
    return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// A semicolon within quotes ends nothing.
std::size_t end_of_part(std::string_view text) noexcept
{
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '"') {
            quoted = !quoted;
        } else if (quoted && text[at] == '\\') {
            ++at;
        } else if (!quoted && text[at] == ';') {
            return at;
        }
    }
    return text.size();
}

std::string unquoted(std::string_view text)
{
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') {
        return std::string{text};
    }
    std::string made;
    for (std::size_t at = 1; at + 1 < text.size(); ++at) {
        at += text[at] == '\\' && at + 2 < text.size() ? 1 : 0;
        made += text[at];
    }
    return made;
}

} // namespace

std::string charset_of(std::string_view content_type)
{
    for (std::size_t at = end_of_part(content_type); at < content_type.size();) {
        const std::string_view rest = content_type.substr(at + 1);
        const std::string_view part = rest.substr(0, end_of_part(rest));
        const std::size_t equals = part.find('=');
        if (equals != std::string_view::npos && same_header(trimmed(part.substr(0, equals)), "charset")) {
            return unquoted(trimmed(part.substr(equals + 1)));
        }
        at += 1 + part.size();
    }
    return {};
}

} // namespace etl
