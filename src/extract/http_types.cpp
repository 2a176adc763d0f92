#include "extract/http_types.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl {

bool same_header(std::string_view name, std::string_view other) noexcept
{
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(name.begin(), name.end(), other.begin(), other.end(),
                      [lower](char a, char b) { return lower(a) == lower(b); });
}

std::optional<std::string_view> http_response::header(std::string_view name) const noexcept
{
    const auto found =
        std::find_if(headers.begin(), headers.end(), [name](const auto& each) { return same_header(each.name, name); });
    return found == headers.end() ? std::nullopt : std::optional<std::string_view>{found->value};
}

} // namespace etl
