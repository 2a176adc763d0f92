#include "extract/http_arguments_pg.hpp"

#include "extract/content_type.hpp"

#include "core/json.hpp"
#include "core/text.hpp"
#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"
#include "pg/jsonb_members.hpp"

#include <algorithm>
#include <map>

namespace etl {

namespace {

constexpr char bad_character[] = "22021"; // character_not_in_repertoire

// Headers have no encoding of their own. What is no UTF-8 is taken for ISO 8859-1, as HTTP had it once.
std::string as_utf8(const std::string& value)
{
    if (pg_verify_mbstr_len(PG_UTF8, value.data(), static_cast<int>(value.size()), true) >= 0) {
        return value;
    }
    std::string made;
    for (const char each : value) {
        const auto c = static_cast<unsigned char>(each);
        if (c < 0x80) {
            made += each;
        } else {
            made += static_cast<char>(0xC0U | c >> 6U);
            made += static_cast<char>(0x80U | (c & 0x3FU));
        }
    }
    return made;
}

int encoding_of(const std::string& charset)
{
    if (charset.empty() || same_header(charset, "us-ascii")) {
        return PG_UTF8;
    }
    const int encoding = pg_char_to_encoding(charset.c_str());
    if (encoding < 0) {
        throw error(sqlstate::feature_not_supported, "charset " + in_quotes(charset) + " is not known",
                    "The server says that the body is in it.");
    }
    return encoding;
}

} // namespace

http_query query_argument(pg::arguments args, int which)
{
    return args.is_null(which) ? http_query{} : pg::jsonb_members(args.datum(which), "query");
}

std::vector<http_header> headers_argument(pg::arguments args, int which)
{
    std::vector<http_header> made;
    if (!args.is_null(which)) {
        for (auto& [name, value] : pg::jsonb_members(args.datum(which), "headers")) {
            made.push_back({std::move(name), std::move(value)});
        }
    }
    return made;
}

void set_body(http_request& request, std::string body, const char* type)
{
    request.body = std::move(body);
    if (std::none_of(request.headers.begin(), request.headers.end(),
                     [](const http_header& each) { return same_header(each.name, "Content-Type"); })) {
        request.headers.push_back({"Content-Type", type});
    }
}

Datum headers_result(const std::vector<http_header>& headers)
{
    std::map<std::string, json> named;
    for (const http_header& each : headers) {
        std::string name = as_utf8(each.name);
        std::transform(name.begin(), name.end(), name.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
        json& values = named[name];
        if (!values.is_array()) {
            values = json::array();
        }
        values.push_back(as_utf8(each.value));
    }
    json object = json::object();
    for (auto& [name, values] : named) {
        object[name] = values.size() == 1 ? values[0] : values;
    }
    return pg::make_jsonb(object.dump());
}

Datum body_result(const http_response& response)
{
    const auto type = response.header("Content-Type");
    const int encoding = encoding_of(type ? charset_of(*type) : std::string{});
    const int size = static_cast<int>(response.body.size());
    const int good = pg::call([&] { return pg_encoding_verifymbstr(encoding, response.body.data(), size); });
    if (good != size) {
        throw error(bad_character,
                    "the body is not in the encoding " + in_quotes(pg_encoding_to_char(encoding)) + " from byte " +
                        std::to_string(good + 1) + " on",
                    "Its Content-Type is " + in_quotes(type.value_or("")) + '.');
    }
    const std::string_view text = pg::call([&]() -> std::string_view {
        const char* made = pg_any_to_server(response.body.data(), size, encoding);
        return {made, made == response.body.data() ? response.body.size() : strlen(made)};
    });
    return pg::make_text(text);
}

Datum timing_result(const http_timing& timing)
{
    return pg::make_jsonb(json{
        {"name_lookup", timing.name_lookup},
        {"connect", timing.connect},
        {"tls", timing.tls},
        {"first_byte", timing.first_byte},
        {"total", timing.total},
        {"attempts",
         timing.attempts}}.dump());
}

} // namespace etl
