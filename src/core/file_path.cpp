#include "core/file_path.hpp"

#include "core/error.hpp"
#include "core/file_error.hpp"
#include "core/text.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::string_view scheme = "file://";

bool is_part(std::string_view part) noexcept
{
    return !part.empty() && part != "." && part != "..";
}

std::string_view without_slashes_at_end(std::string_view path) noexcept
{
    while (path.ends_with('/')) {
        path.remove_suffix(1);
    }
    return path;
}

std::vector<std::string> parts_of(std::string_view path)
{
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t slash = path.find('/');
        parts.emplace_back(path.substr(0, slash));
        if (slash == std::string_view::npos) {
            return parts;
        }
        path.remove_prefix(slash + 1);
    }
}

bool has_control_character(std::string_view text) noexcept
{
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::string with_article(const char* name)
{
    return (std::string_view{"aeiou"}.find(*name) == std::string_view::npos ? "a " : "an ") + std::string{name};
}

[[noreturn]] void refuse_location(const file_kind& kind, std::string_view location, std::string detail)
{
    throw error(sqlstate::invalid_parameter_value,
                in_quotes(location) + " is not the location of " + with_article(kind.name), std::move(detail),
                kind.hint);
}

} // namespace

bool is_file_root(std::string_view setting) noexcept
{
    if (setting.empty()) {
        return true;
    }
    std::string_view path = without_slashes_at_end(setting);
    if (!path.starts_with('/')) {
        return false;
    }
    while (!path.empty()) {
        const std::size_t slash = path.rfind('/');
        if (!is_part(path.substr(slash + 1))) {
            return false;
        }
        path = path.substr(0, slash);
    }
    return true;
}

std::string require_file_root(const file_kind& kind, std::string_view setting)
{
    const std::string named = kind.setting;
    if (setting.empty()) {
        throw error(file_sqlstate::object_not_in_prerequisite_state,
                    "no directory for " + std::string{kind.name} + "s is set", named + " is empty.",
                    "Let a superuser name one, for new sessions: ALTER DATABASE … SET " + named + " = '/path';");
    }
    if (!is_file_root(setting)) {
        throw error(sqlstate::invalid_parameter_value, named + ' ' + in_quotes(setting) + " is not an absolute path");
    }
    return std::string{without_slashes_at_end(setting)};
}

file_path file_path::parse(const file_kind& kind, std::string_view location, const std::string& root)
{
    if (!location.starts_with(scheme) || !location.substr(scheme.size()).starts_with('/')) {
        refuse_location(kind, location, {});
    }
    return below(kind, location.substr(scheme.size()), root);
}

file_path file_path::below(const file_kind& kind, std::string_view path, const std::string& root)
{
    if (has_control_character(path)) {
        refuse_location(kind, path, "It holds a control character.");
    }
    std::string_view inside = path;
    if (path.starts_with('/')) {
        if (path.size() <= root.size() + 1 || !path.starts_with(root) || path[root.size()] != '/') {
            throw error(file_sqlstate::insufficient_privilege,
                        std::string{kind.name} + ' ' + in_quotes(path) + " does not lie below the directory for " +
                            kind.name + 's',
                        std::string{kind.setting} + " is " + in_quotes(root) + ".",
                        "Name a file below this directory.");
        }
        inside.remove_prefix(root.size() + 1);
    }
    std::vector<std::string> parts = parts_of(inside);
    if (!std::all_of(parts.begin(), parts.end(), is_part)) {
        refuse_location(kind, path, "A part of the path is empty, \".\" or \"..\".");
    }
    std::string name = std::move(parts.back());
    parts.pop_back();
    return {&kind, root, std::move(parts), std::move(name)};
}

std::string file_path::folder_text() const
{
    std::string made = root;
    for (const std::string& folder : folders) {
        made += '/' + folder;
    }
    return made;
}

std::string file_path::subject() const
{
    return kind->name + (' ' + in_quotes(text()));
}

std::string file_path::text() const
{
    return folder_text() + '/' + name;
}

} // namespace etl
