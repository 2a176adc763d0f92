// Parameters in the query of a URL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace etl {

// The URL with that parameter in place of all that have its name.
std::string with_param(std::string_view url, std::string_view name, std::string_view value);
std::string without_param(std::string_view url, std::string_view name);
// The first of that name, decoded.
std::optional<std::string> param_of(std::string_view url, std::string_view name);

// From the path on: /events?page=2.
std::string path_of(std::string_view url);
// Up to the path: https://api.example.com
std::string origin_of(std::string_view url);
// For messages: without the query, which may hold secrets.
std::string without_query(std::string_view url);

} // namespace etl
