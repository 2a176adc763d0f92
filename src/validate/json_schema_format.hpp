// The formats of strings that JSON Schema defines (keyword format), where they are to be asserted.
#pragma once

#include "validate/json_schema_dialect.hpp"

#include <string_view>

namespace etl::validate::schema {

using format_check = bool (*)(std::string_view text);

// What a draft means by a format; nullptr where the format is unknown: then any text is of it.
format_check find_format(std::string_view name, draft in);

// Dates, times and durations of RFC 3339.
bool is_date(std::string_view text);
bool is_time(std::string_view text);
bool is_date_time(std::string_view text);
bool is_duration(std::string_view text);

// Names and addresses of the internet. Host names are those of RFC 1123 until draft 6, then also looked at for what
// their Punycode stands for; the international forms of mail addresses and references (RFC 6531, RFC 3987) allow any
// character beyond ASCII.
bool is_old_hostname(std::string_view text);
bool is_hostname(std::string_view text);
bool is_international_hostname(std::string_view text);
bool is_email(std::string_view text);
bool is_international_email(std::string_view text);
bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);
bool is_uri(std::string_view text);
bool is_uri_reference(std::string_view text);
bool is_iri(std::string_view text);
bool is_iri_reference(std::string_view text);
bool is_uri_template(std::string_view text);

} // namespace etl::validate::schema
