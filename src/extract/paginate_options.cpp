#include "extract/paginate_options.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::array<std::pair<std::string_view, page_kind>, 7> kinds = {{{"auto", page_kind::automatic},
                                                                          {"none", page_kind::none},
                                                                          {"page", page_kind::page},
                                                                          {"offset", page_kind::offset},
                                                                          {"cursor", page_kind::cursor},
                                                                          {"next", page_kind::next},
                                                                          {"link", page_kind::link}}};

[[noreturn]] void refuse(const std::string& message, std::string hint = {})
{
    throw error(sqlstate::invalid_parameter_value, "paginate " + message, {}, std::move(hint));
}

// The options that each type has, beside those that all have.
std::vector<std::string> options_of(std::string_view type)
{
    std::vector<std::string> made = {"type", "null_is_empty", "missing_is_empty", "total"};
    const auto add = [&made](std::initializer_list<std::string> more) { made.insert(made.end(), more); };
    if (type != "none") {
        add({"has_more", "allow_repeats"});
    }
    if (type == "auto") {
        add({"param"});
    }
    if (type == "page" || type == "offset" || type == "has_more") {
        add({"param", "in", "size", "size_param", "start", "end"});
    }
    if (type == "page" || type == "has_more" || type == "auto") {
        add({"pages", "current"});
    }
    if (type == "cursor") {
        add({"at", "param", "in", "size", "size_param", "end"});
    }
    if (type == "next") {
        add({"at", "size", "size_param", "end"});
    }
    if (type == "link") {
        add({"size", "size_param", "end"});
    }
    if (type == "has_more") {
        add({"at"});
    }
    return made;
}

std::string text_in(const json& document, const char* key, const char* otherwise)
{
    const auto found = document.find(key);
    if (found == document.end()) {
        return otherwise;
    }
    if (!found->is_string() || found->get_ref<const std::string&>().empty()) {
        refuse("has no text as " + in_quotes(key));
    }
    return found->get<std::string>();
}

std::optional<std::int64_t> number_in(const json& document, const char* key, std::int64_t least)
{
    const auto found = document.find(key);
    if (found == document.end()) {
        return std::nullopt;
    }
    if (!found->is_number_integer() || found->get<std::int64_t>() < least) {
        refuse("has no whole number from " + std::to_string(least) + " on as " + in_quotes(key));
    }
    return found->get<std::int64_t>();
}

bool flag_in(const json& document, const char* key)
{
    const auto found = document.find(key);
    if (found == document.end()) {
        return false;
    }
    if (!found->is_boolean()) {
        refuse("has neither true nor false as " + in_quotes(key));
    }
    return found->get<bool>();
}

told_at read_place(std::string_view text)
{
    constexpr std::string_view header = "header:";
    constexpr std::string_view record = "record:";
    if (text.starts_with(header) && text.size() > header.size()) {
        return {told_at::where::header, {}, std::string{text.substr(header.size())}};
    }
    if (text.starts_with(record)) {
        return {told_at::where::last_record, json_path::parse(text.substr(record.size()), "paginate"), {}};
    }
    return {told_at::where::body, json_path::parse(text, "paginate"), {}};
}

signal_option signal_in(const json& document, const char* key)
{
    const auto found = document.find(key);
    if (found == document.end()) {
        return {};
    }
    if (found->is_boolean() && !found->get<bool>()) {
        return {std::nullopt, true};
    }
    return {read_place(text_in(document, key, "")), false};
}

page_end end_in(const json& document, bool by_number)
{
    const std::string text = text_in(document, "end", "signal");
    if (text == "signal") {
        return page_end::signal;
    }
    if (by_number && text == "short") {
        return page_end::short_page;
    }
    if (by_number && text == "404") {
        return page_end::not_found;
    }
    if (!by_number && text == "missing") {
        return page_end::missing;
    }
    if (text == "empty") {
        return page_end::empty;
    }
    refuse("cannot have " + in_quotes(text) + " as \"end\"", by_number
                                                                 ? "It is \"signal\", \"empty\", \"short\" or \"404\"."
                                                                 : "It is \"signal\", \"missing\" or \"empty\".");
}

const char* usual_param(page_kind kind)
{
    switch (kind) {
    case page_kind::offset:
        return "offset";
    case page_kind::cursor:
        return "cursor";
    default:
        return "page";
    }
}

page_kind kind_of(const std::string& type)
{
    const auto found =
        std::find_if(kinds.begin(), kinds.end(), [&type](const auto& each) { return each.first == type; });
    if (type == "has_more") {
        return page_kind::page;
    }
    if (found == kinds.end()) {
        refuse("knows no type " + in_quotes(type),
               "The types are auto, none, page, offset, cursor, next, link and has_more.");
    }
    return found->second;
}

void check_names(const json& document, const std::string& type)
{
    const auto known = options_of(type);
    for (const auto& [key, value] : document.items()) {
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            refuse("of type " + in_quotes(type) + " has no option " + in_quotes(key),
                   "The options are " + joined(known) + ".");
        }
    }
}

void check_together(const paginate_options& made)
{
    if (made.size ? made.size_param.empty() && made.end != page_end::short_page : !made.size_param.empty()) {
        refuse("needs \"size\" and \"size_param\" together");
    }
    if (made.end == page_end::short_page && !made.size) {
        refuse("of \"end\": \"short\" needs \"size\", the number of records of a full page");
    }
    if ((made.kind == page_kind::cursor || made.kind == page_kind::next) && !made.at) {
        refuse("of type " + in_quotes(name_of(made.kind)) + " needs \"at\"",
               made.kind == page_kind::cursor ? "For example \"at\": \"/meta/next_cursor\" or \"header:X-Next-Cursor\"."
                                              : "For example \"at\": \"/links/next\".");
    }
    if (made.at && made.at->in == told_at::where::last_record && made.kind != page_kind::cursor) {
        refuse("takes only a cursor from the last record");
    }
}

} // namespace

std::string_view name_of(page_kind kind) noexcept
{
    return std::find_if(kinds.begin(), kinds.end(), [kind](const auto& each) { return each.second == kind; })->first;
}

std::string told_at::shown() const
{
    switch (in) {
    case where::header:
        return "header " + name;
    case where::last_record:
        return path.pointer() + " of the last record";
    default:
        return path.pointer();
    }
}

paginate_options paginate_options::parse(const json& document)
{
    paginate_options made;
    if (document.is_null()) {
        return made;
    }
    if (!document.is_object()) {
        refuse("must be a JSON object", "For example paginate => '{\"type\": \"page\", \"param\": \"page\"}'.");
    }
    const std::string type = text_in(document, "type", "auto");
    made.kind = kind_of(type);
    check_names(document, type);
    const bool by_number = made.kind == page_kind::page || made.kind == page_kind::offset;
    made.param = text_in(document, "param", made.kind == page_kind::automatic ? "" : usual_param(made.kind));
    const std::string in = text_in(document, "in", "query");
    if (in != "query" && in != "body") {
        refuse("cannot have " + in_quotes(in) + " as \"in\"", "It is \"query\" or \"body\".");
    }
    made.in_body = in == "body";
    made.size_param = text_in(document, "size_param", "");
    made.size = number_in(document, "size", 1);
    made.start = number_in(document, "start", 0);
    made.has_more = signal_in(document, "has_more");
    made.total = signal_in(document, "total");
    made.pages = signal_in(document, "pages");
    made.current = signal_in(document, "current");
    made.must_tell_more = type == "has_more";
    if (document.contains("at")) {
        (made.must_tell_more ? made.has_more.at : made.at) = read_place(text_in(document, "at", ""));
    }
    made.end = end_in(document, by_number);
    made.allows_repeats = flag_in(document, "allow_repeats");
    made.null_is_empty = flag_in(document, "null_is_empty");
    made.missing_is_empty = flag_in(document, "missing_is_empty");
    check_together(made);
    return made;
}

} // namespace etl
