#include "extract/page_position.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t shown_bytes = 100;

[[noreturn]] void refuse(const std::string& why)
{
    throw error(
        sqlstate::invalid_parameter_value, "position " + why, {},
        "It reads as {\"page\": 3}, {\"offset\": 2000}, {\"cursor\": \"…\"} or {\"url\": \"/…\"}, as etl gave it; "
        "{} is the first page.");
}

std::int64_t number_of(const std::string& key, const json& value)
{
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0) {
        refuse("has no whole number from 0 on as " + in_quotes(key));
    }
    return value.get<std::int64_t>();
}

std::string text_of(const std::string& key, const json& value)
{
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
        refuse("has no text as " + in_quotes(key));
    }
    return value.get<std::string>();
}

json cursor_of(const json& value)
{
    const bool is_whole = value.is_number_integer() || (value.is_structured() && !value.empty());
    return is_whole ? value : json(text_of("cursor", value));
}

// As a whole or not at all: what is left of a secret that was cut would not be known for one.
std::string short_or_none(const std::string& text)
{
    return text.size() <= shown_bytes ? text : "… (" + std::to_string(text.size()) + " bytes)";
}

} // namespace

bool page_position::is_place_of(const page_position& other) const noexcept
{
    return page == other.page && offset == other.offset && cursor == other.cursor && url == other.url;
}

page_position page_position::from(const json& document)
{
    page_position made;
    if (document.is_null()) {
        return made;
    }
    if (!document.is_object()) {
        refuse("is no JSON object");
    }
    for (const auto& [key, value] : document.items()) {
        if (key == "page") {
            made.page = number_of(key, value);
        } else if (key == "offset") {
            made.offset = number_of(key, value);
        } else if (key == "cursor") {
            made.cursor = cursor_of(value);
        } else if (key == "url") {
            made.url = text_of(key, value);
        } else if (key == "records") {
            made.records = number_of(key, value);
        } else if (key == "total") {
            made.total = number_of(key, value);
        } else {
            refuse("cannot have " + in_quotes(key));
        }
    }
    if (int{made.page.has_value()} + int{made.offset.has_value()} + int{made.cursor.has_value()} +
            int{made.url.has_value()} >
        1) {
        refuse("names more than one place");
    }
    return made;
}

json page_position::document() const
{
    json made = json::object();
    if (page) {
        made["page"] = *page;
    }
    if (offset) {
        made["offset"] = *offset;
    }
    if (cursor) {
        made["cursor"] = *cursor;
    }
    if (url) {
        made["url"] = *url;
    }
    if (records) {
        made["records"] = *records;
    }
    if (total) {
        made["total"] = *total;
    }
    return made;
}

std::string page_position::shown() const
{
    page_position plain = *this;
    if (plain.cursor) {
        const std::string text = plain.cursor->is_string() ? plain.cursor->get<std::string>() : plain.cursor->dump();
        plain.cursor = text.size() <= shown_bytes ? *plain.cursor : json(short_or_none(text));
    }
    if (plain.url) {
        plain.url = short_or_none(plain.url->substr(0, plain.url->find('?')));
    }
    return plain.document().dump();
}

} // namespace etl
