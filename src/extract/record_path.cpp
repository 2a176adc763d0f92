#include "extract/record_path.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "extract/http_error.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::array<std::string_view, 22> usual_names = {
    "data",      "results",  "items",  "records",  "rows",      "entries",   "elements", "objects",
    "documents", "docs",     "hits",   "list",     "content",   "value",     "values",   "nodes",
    "edges",     "features", "result", "response", "resources", "collection"};

// What is told beside records.
constexpr std::array<std::string_view, 4> names_of_others = {"errors", "warnings", "links", "_links"};

constexpr char hint[] = "Tell where the records are, for example records_path => '/data/items'.";

std::string lower(std::string_view text)
{
    std::string made{text};
    std::transform(made.begin(), made.end(), made.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return made;
}

std::string last_step(const std::string& pointer)
{
    return lower(std::string_view{pointer}.substr(pointer.rfind('/') + 1));
}

bool has_usual_name(const record_array& array)
{
    return std::find(usual_names.begin(), usual_names.end(), last_step(array.pointer)) != usual_names.end();
}

bool is_of_others(const record_array& array)
{
    const std::string pointer = lower(array.pointer);
    return std::any_of(names_of_others.begin(), names_of_others.end(), [&pointer](std::string_view name) {
        const std::size_t at = pointer.find('/' + std::string{name});
        return at != std::string::npos && is_within(std::string_view{pointer}.substr(at + 1), name);
    });
}

std::ptrdiff_t depth_of(const record_array& array)
{
    return std::count(array.pointer.begin(), array.pointer.end(), '/');
}

using places = std::vector<std::size_t>;

template <class Fits>
places places_of(const std::vector<record_array>& arrays, Fits fits)
{
    places found;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        if (fits(arrays[i])) {
            found.push_back(i);
        }
    }
    return found;
}

[[noreturn]] void refuse_several(const std::vector<record_array>& arrays, const places& found)
{
    std::vector<std::string> names;
    for (const std::size_t each : found) {
        names.push_back(arrays[each].pointer);
    }
    throw error(http_sqlstate::protocol_violation, "several arrays may be the records: " + joined(names), {}, hint);
}

std::optional<std::size_t> only_one(const std::vector<record_array>& arrays, const places& found)
{
    if (found.size() > 1) {
        refuse_several(arrays, found);
    }
    return found.empty() ? std::nullopt : std::optional{found.front()};
}

// What may be meant as well as the one that was found, as it stands no deeper.
template <class Fits>
void refuse_others(const std::vector<record_array>& arrays, std::size_t found, Fits fits)
{
    places others = places_of(arrays, [&](const auto& each) {
        return fits(each) && !is_of_others(each) && depth_of(each) <= depth_of(arrays[found]);
    });
    if (!others.empty()) {
        others.push_back(found);
        std::sort(others.begin(), others.end());
        refuse_several(arrays, others);
    }
}

} // namespace

record_path record_path::parse(std::string_view text)
{
    if (text == "auto") {
        return {};
    }
    if (text == "ndjson") {
        return {kind::lines, {}};
    }
    return {kind::told, json_path::parse(text, "records_path")};
}

std::size_t choose_records(const std::vector<record_array>& arrays)
{
    const auto is_whole = [](const auto& each) { return each.pointer.empty(); };
    if (const auto whole = std::find_if(arrays.begin(), arrays.end(), is_whole); whole != arrays.end()) {
        if (!whole->is_uniform()) {
            throw error(http_sqlstate::protocol_violation, "the array mixes objects, arrays and plain values", {},
                        hint);
        }
        return static_cast<std::size_t>(whole - arrays.begin());
    }
    const auto is_of_objects = [](const auto& each) { return each.has_objects && each.is_uniform(); };
    for (std::ptrdiff_t depth = 1; depth <= deepest_records; ++depth) {
        const auto usual = [depth](const auto& each) {
            return depth_of(each) == depth && !each.is_null && each.is_uniform() && has_usual_name(each);
        };
        if (const auto found = only_one(arrays, places_of(arrays, usual))) {
            if (arrays[*found].has_scalars) { // "values": ["a"], beside a list of objects
                refuse_others(arrays, *found, is_of_objects);
            }
            return *found;
        }
    }
    const auto of_objects = [is_of_objects](const auto& each) { return is_of_objects(each) && !is_of_others(each); };
    if (const auto found = only_one(arrays, places_of(arrays, of_objects))) {
        refuse_others(arrays, *found, [](const auto& each) { return each.is_empty() && !each.is_null; });
        return *found;
    }
    const auto without_elements = [](const auto& each) {
        return each.is_empty() && (!each.is_null || has_usual_name(each)) && !is_of_others(each);
    };
    const auto found = only_one(arrays, places_of(arrays, without_elements));
    if (!found) {
        throw error(http_sqlstate::protocol_violation, "it has no array of records", {}, hint);
    }
    return *found;
}

} // namespace etl
