#include "extract/field_paths.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <charconv>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t deepest = 100; // keys of a path

[[noreturn]] void refuse(std::string_view path, const char* why)
{
    throw error(sqlstate::invalid_parameter_value, in_quotes(path) + " is no path to a field", why,
                "Write a key, keys with dots between them, or a JSON pointer as /a/b.");
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

// A key of a JSON pointer: ~1 is a slash, ~0 a tilde.
std::string pointer_key(std::string_view part, std::string_view path)
{
    std::string key;
    for (std::size_t i = 0; i < part.size(); ++i) {
        if (part[i] != '~') {
            key += part[i];
            continue;
        }
        ++i;
        if (i == part.size() || (part[i] != '0' && part[i] != '1')) {
            refuse(path, "In a JSON pointer ~ is written ~0, and / in a key ~1.");
        }
        key += part[i] == '0' ? '~' : '/';
    }
    return key;
}

field_path parse_pointer(std::string_view text)
{
    field_path path;
    for (const std::string_view part : split(text.substr(1), '/')) {
        path.push_back(pointer_key(part, text));
    }
    return path;
}

field_path parse_dotted(std::string_view text, std::string_view keys)
{
    field_path path;
    for (const std::string_view part : split(keys, '.')) {
        if (part.empty()) {
            refuse(text, "A key is empty.");
        }
        path.emplace_back(part);
    }
    return path;
}

std::size_t place_of(const std::string& key)
{
    std::size_t place = path_tree::no_place;
    const char* end = key.data() + key.size();
    const bool is_plain = !key.empty() && (key[0] != '0' || key.size() == 1);
    const auto [stopped, failure] = std::from_chars(key.data(), end, place);
    return is_plain && failure == std::errc{} && stopped == end ? place : path_tree::no_place;
}

} // namespace

field_path parse_field_path(std::string_view text)
{
    field_path path;
    if (text.starts_with('/')) {
        path = parse_pointer(text);
    } else if (text.starts_with("$.")) {
        path = parse_dotted(text, text.substr(2));
    } else if (text != "$") {
        path = parse_dotted(text, text);
    }
    if (path.size() > deepest) {
        refuse(text, "It has more than 100 keys.");
    }
    return path;
}

int path_tree::child_of(int parent, const std::string& key)
{
    auto& children = nodes_[static_cast<std::size_t>(parent)].children;
    const auto found = std::ranges::find(children, key, &child::key);
    if (found != children.end()) {
        return found->node;
    }
    const int made = static_cast<int>(nodes_.size());
    children.push_back({key, made, place_of(key)});
    nodes_.emplace_back();
    return made;
}

int path_tree::add(const field_path& path)
{
    int at = 0;
    for (const std::string& key : path) {
        at = child_of(at, key);
    }
    nodes_[static_cast<std::size_t>(at)].slot = 0;
    return at;
}

int path_tree::number_from(int at, int next)
{
    node& here = nodes_[static_cast<std::size_t>(at)];
    here.first = next;
    if (here.slot >= 0) {
        here.slot = next++;
    }
    for (const child& each : here.children) {
        next = number_from(each.node, next);
        here.by_key.emplace(each.key, static_cast<int>(&each - here.children.data()));
    }
    here.last = next;
    return next;
}

void path_tree::finish()
{
    number_from(0, 0);
}

} // namespace etl
