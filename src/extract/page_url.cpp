#include "extract/page_url.hpp"

#include "extract/http_url.hpp"

#include <algorithm>
#include <charconv>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

std::string decoded(std::string_view text)
{
    std::string made;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned byte = 0;
        if (text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3) {
            made += static_cast<char>(byte);
            i += 2;
        } else {
            made += text[i] == '+' ? ' ' : text[i];
        }
    }
    return made;
}

std::size_t start_of_path(std::string_view url)
{
    const std::size_t authority = url.find("://");
    return authority == std::string_view::npos ? 0 : std::min(url.find_first_of("/?", authority + 3), url.size());
}

// Calls `each` with every name=value of the query, undecoded.
template <class Each>
void for_each_param(std::string_view url, Each&& each)
{
    const std::size_t query = url.find('?');
    for (std::size_t at = query; at < url.size();) {
        const std::size_t end = std::min(url.find('&', at + 1), url.size());
        if (end > at + 1) {
            each(url.substr(at + 1, end - at - 1));
        }
        at = end;
    }
}

std::string name_of(std::string_view param)
{
    return decoded(param.substr(0, param.find('=')));
}

} // namespace

std::string without_param(std::string_view url, std::string_view name)
{
    std::string query;
    for_each_param(url, [&](std::string_view each) {
        if (name_of(each) != name) {
            query += query.empty() ? "?" : "&";
            query += each;
        }
    });
    return without_query(url) + query;
}

std::string with_param(std::string_view url, std::string_view name, std::string_view value)
{
    std::string made = without_param(url, name);
    made += made.find('?') == std::string::npos ? '?' : '&';
    return made + encoded_query({{std::string{name}, std::string{value}}});
}

std::optional<std::string> param_of(std::string_view url, std::string_view name)
{
    std::optional<std::string> found;
    for_each_param(url, [&](std::string_view each) {
        if (!found && name_of(each) == name) {
            const std::size_t equals = each.find('=');
            found = equals == std::string_view::npos ? std::string{} : decoded(each.substr(equals + 1));
        }
    });
    return found;
}

std::string path_of(std::string_view url)
{
    const std::string path{url.substr(start_of_path(url))};
    return path.starts_with('/') ? path : '/' + path;
}

std::string origin_of(std::string_view url)
{
    return std::string{url.substr(0, start_of_path(url))};
}

std::string without_query(std::string_view url)
{
    return std::string{url.substr(0, url.find('?'))};
}

} // namespace etl
