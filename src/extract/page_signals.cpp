#include "extract/page_signals.hpp"

#include "core/text.hpp"
#include "extract/http_error.hpp"
#include "extract/link_header.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t most_digits = 18; // within 64 bits

using names = std::vector<const char*>;

[[noreturn]] void refuse(const std::string& why)
{
    throw error(http_sqlstate::protocol_violation, why);
}

json last_record(const page_contents& contents)
{
    try {
        return json::parse(quote_unusual_numbers(contents.records.back()));
    } catch (const json::exception&) {
        refuse("its last record cannot be read, from which the next page follows");
    }
}

std::optional<std::int64_t> number_in_text(std::string_view text)
{
    std::int64_t number = 0;
    const char* end = text.data() + text.size();
    const bool fits = !text.empty() && text.size() <= most_digits &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    return fits && std::from_chars(text.data(), end, number).ptr == end ? std::optional{number} : std::nullopt;
}

std::optional<std::int64_t> number_of(const json& value)
{
    if (value.is_number_integer()) {
        return value.get<std::int64_t>();
    }
    return value.is_string() ? number_in_text(value.get_ref<const std::string&>()) : std::nullopt;
}

std::optional<bool> flag_of(const json& value)
{
    if (value.is_boolean()) {
        return value.get<bool>();
    }
    if (value == "true" || value == 1) {
        return true;
    }
    return value == "false" || value == 0 ? std::optional{false} : std::nullopt;
}

bool begins_as_url(std::string_view text)
{
    const auto begins = [text](std::string_view with) {
        return text.size() >= with.size() && same_header(text.substr(0, with.size()), with);
    };
    return begins("http://") || begins("https://") || text[0] == '/' || text[0] == '?' || text[0] == '.';
}

bool is_link(std::string_view text)
{
    const std::size_t query = text.find('?');
    return begins_as_url(text) || (query != std::string_view::npos && text.find('=', query) != std::string_view::npos);
}

// For messages. Long values are left out, not cut: what is left of a secret would not be known for one.
std::string shown(const json& value)
{
    const std::string text = value.dump(-1, ' ', true);
    return text.size() > 100 ? "what is there is long" : text;
}

// Headers may hold any bytes.
void check_utf8(const http_header& header)
{
    if (!simdjson::validate_utf8(header.value)) {
        refuse("its header " + header.name + " is not UTF-8");
    }
}

bool is_within_null(const json_path& path, const json& document)
{
    const json* at = &document;
    for (const auto& step : path.steps()) {
        if (!at->is_object() || !at->contains(step)) {
            break;
        }
        at = &(*at)[step];
    }
    return at->is_null();
}

told_at in_body(const char* pointer)
{
    return {told_at::where::body, json_path::parse(pointer, "place"), {}};
}

// The first place that has a value of the kind that is read. Where the user has named the place, it must be there.
template <class Told, class Read>
std::optional<Told> told(const signal_option& option, const names& usual, const page_answer& answer, Read read,
                         const char* what)
{
    if (option.is_ignored) {
        return std::nullopt;
    }
    if (option.at) {
        const auto value = value_at(*option.at, answer);
        if (!value || value->is_null()) {
            return std::nullopt;
        }
        const auto found = read(*value);
        if (!found) {
            refuse("it has no " + std::string{what} + " at " + option.at->shown() + ": " + shown(*value));
        }
        return Told{*found, option.at->shown()};
    }
    for (const char* pointer : usual) {
        if (const auto value = value_at(in_body(pointer), answer); value && read(*value)) {
            return Told{*read(*value), pointer};
        }
    }
    return std::nullopt;
}

std::optional<told_number> told_count(const signal_option& option, const names& usual, const page_answer& answer,
                                      const char* what)
{
    const auto read = [](const json& value) -> std::optional<std::int64_t> {
        const auto number = number_of(value);
        return number && *number >= 0 ? number : std::nullopt;
    };
    return told<told_number>(option, usual, answer, read, what);
}

// By usual headers, where the user has said nothing.
std::optional<told_number> told_by_header(const signal_option& option, const names& usual, const page_answer& answer)
{
    if (option.at || option.is_ignored) {
        return std::nullopt;
    }
    for (const char* name : usual) {
        const signal_option header{told_at{told_at::where::header, {}, name}, false};
        if (auto found = told_count(header, {}, answer, "number")) {
            return found;
        }
    }
    return std::nullopt;
}

std::vector<web_link> links_in(const http_header& header)
{
    check_utf8(header);
    try {
        return parse_link_header(header.value);
    } catch (const error& e) {
        refuse(std::string{"its Link header "} + e.what());
    }
}

bool tells_of_pages(const std::string& rel)
{
    return rel == "next" || rel == "prev" || rel == "previous" || rel == "first" || rel == "last";
}

} // namespace

std::optional<json> value_at(const told_at& place, const page_answer& answer)
{
    if (place.in == told_at::where::header) {
        const auto found = std::find_if(answer.headers.begin(), answer.headers.end(),
                                        [&place](const auto& each) { return same_header(each.name, place.name); });
        if (found == answer.headers.end()) {
            return std::nullopt;
        }
        check_utf8(*found);
        return json(found->value);
    }
    if (place.in == told_at::where::last_record) {
        if (answer.contents.records.empty()) {
            return std::nullopt;
        }
        const json record = last_record(answer.contents);
        const json* found = place.path.find(record);
        return found == nullptr ? std::nullopt : std::optional{*found};
    }
    const json* found = answer.contents.find(place.path);
    if (found == nullptr && is_within_null(place.path, answer.contents.envelope)) {
        return json{};
    }
    return found == nullptr ? std::nullopt : std::optional{*found};
}

next_word read_next_word(const json& value, const std::string& at)
{
    const bool is_empty = value.is_string() && value.get_ref<const std::string&>().empty();
    if (value.is_null() || value == false || is_empty) {
        return {};
    }
    if (value.is_number_integer()) {
        return {next_word::is::number, value.get<std::int64_t>(), value.dump()};
    }
    if (const auto href = value.is_object() ? value.find("href") : value.end();
        value.is_object() && href != value.end() && href->is_string()) {
        return {next_word::is::link, 0, href->get<std::string>()};
    }
    if (!value.is_string()) {
        throw error(http_sqlstate::protocol_violation,
                    "it has neither a number nor a text at " + at + ": " + shown(value), {},
                    value.is_object() ? "Tell the place within it, for example paginate => '{\"type\": \"cursor\", "
                                        "\"at\": \"/next_page/offset\", \"param\": \"offset\"}'."
                                      : "");
    }
    const auto& text = value.get_ref<const std::string&>();
    if (const auto number = number_in_text(text)) {
        return {next_word::is::number, *number, text};
    }
    return {is_link(text) ? next_word::is::link : next_word::is::token, 0, text};
}

std::optional<told_flag> told_has_more(const signal_option& option, const page_answer& answer)
{
    static const names usual = {"/pagination/has_more", "/pagination/hasMore", "/has_more", "/hasMore"};
    return told<told_flag>(option, usual, answer, flag_of, "true or false");
}

std::optional<told_number> told_total(const signal_option& option, const page_answer& answer)
{
    static const names usual = {"/pagination/total",
                                "/pagination/total_count",
                                "/pagination/totalCount",
                                "/total",
                                "/total_count",
                                "/totalCount",
                                "/meta/total"};
    if (auto found = told_count(option, usual, answer, "number")) {
        return found;
    }
    return told_by_header(option, {"X-Total-Count", "X-WP-Total"}, answer);
}

std::optional<told_number> told_pages(const signal_option& option, const page_answer& answer)
{
    static const names usual = {"/pagination/total_pages", "/pagination/totalPages", "/total_pages", "/totalPages"};
    const auto found = told_count(option, usual, answer, "number");
    return found ? found : told_by_header(option, {"X-Total-Pages", "X-WP-TotalPages"}, answer);
}

std::optional<told_number> told_current(const signal_option& option, const page_answer& answer)
{
    static const names usual = {"/pagination/page",        "/pagination/current_page",
                                "/pagination/currentPage", "/page",
                                "/current_page",           "/currentPage"};
    return told_count(option, usual, answer, "number");
}

std::optional<told_number> told_offset(const page_answer& answer)
{
    static const names usual = {"/pagination/offset", "/offset"};
    return told_count({}, usual, answer, "number");
}

std::optional<told_number> told_limit(const page_answer& answer)
{
    static const names usual = {"/pagination/limit", "/limit"};
    return told_count({}, usual, answer, "number");
}

told_links links_of(const std::vector<http_header>& headers)
{
    told_links made;
    for (const auto& header : headers) {
        if (!same_header(header.name, "Link")) {
            continue;
        }
        for (const auto& link : links_in(header)) {
            const bool has_next = std::find(link.rels.begin(), link.rels.end(), "next") != link.rels.end();
            if (link.has_other_context) {
                continue;
            }
            made.has_any = made.has_any || std::any_of(link.rels.begin(), link.rels.end(), tells_of_pages);
            made.has_self = made.has_self || std::find(link.rels.begin(), link.rels.end(), "self") != link.rels.end();
            if (has_next && made.next && *made.next != link.target) {
                refuse("its Link headers name two different next pages");
            }
            if (has_next) {
                made.next = link.target;
            }
        }
    }
    return made;
}

const std::vector<usual_next>& usual_places_of_next()
{
    using kind = usual_next::kind;
    static const std::vector<usual_next> places = {{"/pagination/next_page", kind::page},
                                                   {"/pagination/nextPage", kind::page},
                                                   {"/next_page", kind::page},
                                                   {"/nextPage", kind::page},
                                                   {"/next_page_url", kind::link},
                                                   {"/links/next", kind::link},
                                                   {"/pagination/next", kind::link},
                                                   {"/next", kind::link},
                                                   {"/pagination/next_cursor", kind::token},
                                                   {"/pagination/nextCursor", kind::token},
                                                   {"/next_cursor", kind::token},
                                                   {"/nextCursor", kind::token},
                                                   {"/response_metadata/next_cursor", kind::token}};
    return places;
}

} // namespace etl
