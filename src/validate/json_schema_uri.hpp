// URI references as schemas use them: resolved against a base (RFC 3986, section 5.2), and the JSON pointers of their
// fragments (RFC 6901).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate::schema {

struct uri_parts {
    std::optional<std::string_view> scheme;
    std::optional<std::string_view> authority;
    std::string_view path;
    std::optional<std::string_view> query;
    std::optional<std::string_view> fragment;
};

// The components of any text; whether their characters are allowed is not looked at.
uri_parts split_uri(std::string_view text);

// The reference as seen from the base, without its fragment.
std::string resolve_uri(std::string_view base, std::string_view reference);

// The reference without its fragment, and the fragment with its percent escapes decoded; empty where there is none.
std::string_view without_fragment(std::string_view reference);
std::string fragment_of(std::string_view reference);

// The names and indexes of a JSON pointer, which is empty or starts with a slash.
std::vector<std::string> split_pointer(std::string_view pointer);

// A name as a part of a JSON pointer.
std::string pointer_token(std::string_view name);

// An element's number in a pointer: digits without a leading zero.
std::optional<std::size_t> pointer_index(std::string_view token);

} // namespace etl::validate::schema
