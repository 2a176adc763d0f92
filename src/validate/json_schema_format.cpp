#include "validate/json_schema_format.hpp"

#include "core/error.hpp"
#include "validate/json_schema_regex.hpp"
#include "validate/json_schema_value.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

bool is_uuid(std::string_view text)
{
    constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return text.size() == shape.size() && std::equal(text.begin(), text.end(), shape.begin(), [](char c, char wanted) {
               return wanted == 'x' ? hex_digit(c) >= 0 : c == wanted;
           });
}

bool is_json_pointer(std::string_view text)
{
    if (!text.empty() && text.front() != '/') {
        return false;
    }
    for (std::size_t at = text.find('~'); at != std::string_view::npos; at = text.find('~', at + 1)) {
        if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) {
            return false;
        }
    }
    return true;
}

bool is_relative_json_pointer(std::string_view text)
{
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const std::string_view rest = text.substr(digits);
    return digits > 0 && (digits == 1 || text.front() != '0') && (rest == "#" || is_json_pointer(rest));
}

// Also one that is valid and that this library cannot run.
bool is_regex(std::string_view text)
{
    try {
        const regex made{text};
        return true;
    } catch (const error& e) {
        return std::strcmp(e.sqlstate(), sqlstate::feature_not_supported) == 0;
    }
}

struct named_format {
    std::string_view name;
    format_check check;
};
constexpr std::array formats{
    named_format{"date", is_date},
    named_format{"date-time", is_date_time},
    named_format{"duration", is_duration},
    named_format{"email", is_email},
    named_format{"hostname", is_hostname},
    named_format{"idn-email", is_international_email},
    named_format{"idn-hostname", is_international_hostname},
    named_format{"ipv4", is_ipv4},
    named_format{"ipv6", is_ipv6},
    named_format{"iri", is_iri},
    named_format{"iri-reference", is_iri_reference},
    named_format{"json-pointer", is_json_pointer},
    named_format{"regex", is_regex},
    named_format{"relative-json-pointer", is_relative_json_pointer},
    named_format{"time", is_time},
    named_format{"uri", is_uri},
    named_format{"uri-reference", is_uri_reference},
    named_format{"uri-template", is_uri_template},
    named_format{"uuid", is_uuid},
};

} // namespace

format_check find_format(std::string_view name, draft in)
{
    if (in < draft::draft7 && name == "hostname") {
        return is_old_hostname;
    }
    const auto* found =
        std::find_if(formats.begin(), formats.end(), [name](const named_format& each) { return each.name == name; });
    return found != formats.end() ? found->check : nullptr;
}

} // namespace etl::validate::schema
