#include "extract/connection_options.hpp"

#include "extract/connection_secrets.hpp"
#include "extract/http_error.hpp"
#include "extract/http_request_checks.hpp"
#include "extract/http_url.hpp"
#include "extract/units.hpp"

#include "core/json.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr int headers_nest = 2;
constexpr milliseconds longest_duration{std::chrono::hours{24}};
constexpr std::size_t largest_body = (std::size_t{1} << 30U) - 1024; // PostgreSQL's values have no more than 1 GB

using text = const std::string&;

[[noreturn]] void refuse(text name, text value, const std::string& how)
{
    throw error(http_sqlstate::invalid_option_value,
                "invalid value for option " + in_quotes(name) + ": " + in_quotes(value.substr(0, 200)), {}, how);
}

milliseconds duration(text name, text value)
{
    const auto parsed = parse_duration(value);
    if (!parsed || parsed->count() < 1 || *parsed > longest_duration) {
        refuse(name, value, "It is a whole number with its unit, ms, s, min or h, from 1ms to 24h.");
    }
    return *parsed;
}

int number(text name, text value, int least, int most)
{
    int parsed = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    if (code != std::errc{} || end != value.data() + value.size() || parsed < least || parsed > most) {
        refuse(name, value, "It is a whole number from " + std::to_string(least) + " to " + std::to_string(most) + '.');
    }
    return parsed;
}

// A URL that requests are made from, or sent to: with nothing behind its path.
std::string url(text name, text value)
{
    const http_url parsed{value, name.c_str()};
    if (parsed.has_query() || value.find('?') != std::string::npos) {
        refuse(name, "…?…", "It has no query.");
    }
    return parsed.text();
}

std::vector<http_header> headers(text name, text value)
{
    std::vector<http_header> made;
    const json object = parse_json(value, "headers", headers_nest);
    if (!object.is_object()) {
        refuse(name, value, R"(It is a JSON object of texts, as {"Accept": "application/json"}.)");
    }
    for (const auto& [key, member] : object.items()) {
        if (!member.is_string()) {
            refuse(name, value, R"(It is a JSON object of texts, as {"Accept": "application/json"}.)");
        }
        made.push_back({key, member.get<std::string>()});
        check_header(made.back());
        if (same_header(key, "Authorization") || same_header(key, "Cookie")) {
            throw error(http_sqlstate::invalid_option_value,
                        "header " + in_quotes(key) + " does not belong into the options of a server",
                        "All roles can read them.", "Secrets are options of a user mapping.");
        }
    }
    return made;
}

struct server_option {
    const char* name;
    bool for_superusers;
    void (*set)(http_settings&, text name, text value);
};

constexpr server_option server_options[] = {
    {"base_url", false, [](http_settings& s, text name, text value) { s.base_url = url(name, value); }},
    {"timeout", false, [](http_settings& s, text name, text value) { s.timeout = duration(name, value); }},
    {"connect_timeout", false,
     [](http_settings& s, text name, text value) { s.connect_timeout = duration(name, value); }},
    {"stall_timeout", false, [](http_settings& s, text name, text value) { s.stall_timeout = duration(name, value); }},
    {"attempts", false, [](http_settings& s, text name, text value) { s.retry.attempts = number(name, value, 1, 20); }},
    {"retry_delay", false,
     [](http_settings& s, text name, text value) { s.retry.first_delay = duration(name, value); }},
    {"max_retry_after", false,
     [](http_settings& s, text name, text value) { s.retry.longest_wait = duration(name, value); }},
    {"rate_limit", false,
     [](http_settings& s, text name, text value) {
         const auto interval = parse_rate(value);
         if (!interval) {
             refuse(name, value, "It is a whole number of requests and a time, as 10/s, 600/min, 1000/h or 20000/d.");
         }
         s.rate_interval = *interval;
     }},
    {"max_body", false,
     [](http_settings& s, text name, text value) {
         const auto size = parse_size(value);
         if (!size || *size < 1 || *size > largest_body) {
             refuse(name, value, "It is a whole number with its unit, B, kB or MB, of less than 1 GB.");
         }
         s.max_body = *size;
     }},
    {"parallel", false, [](http_settings& s, text name, text value) { s.parallel = number(name, value, 1, 64); }},
    {"redirects", false,
     [](http_settings& s, text name, text value) {
         if (value != "none" && value != "same_origin") {
             refuse(name, value, "It is none or same_origin.");
         }
         s.follow_redirects = value == "same_origin";
     }},
    {"user_agent", false,
     [](http_settings& s, text name, text value) {
         check_header({"User-Agent", value});
         s.user_agent = value;
         static_cast<void>(name);
     }},
    {"headers", false, [](http_settings& s, text name, text value) { s.headers = headers(name, value); }},
    {"proxy", true, [](http_settings& s, text name, text value) { s.proxy = url(name, value); }},
    {"ca_file", true,
     [](http_settings& s, text name, text value) {
         if (!value.starts_with('/')) {
             refuse(name, value, "It is the absolute path of a file on the server.");
         }
         s.ca_file = value;
     }},
};

const server_option* find_server_option(text name) noexcept
{
    const auto* found = std::find_if(std::begin(server_options), std::end(server_options),
                                     [&name](const server_option& each) { return name == each.name; });
    return found == std::end(server_options) ? nullptr : found;
}

[[noreturn]] void refuse_name(text name, const std::string& valid)
{
    throw error(http_sqlstate::invalid_option_name, "invalid option " + in_quotes(name), {},
                valid.empty() ? "There are no valid options in this context."
                              : "Valid options in this context are: " + valid);
}

void require_superuser(text name, bool is_superuser)
{
    if (!is_superuser) {
        throw error(
            http_sqlstate::insufficient_privilege,
            "only a superuser may set option " + in_quotes(name) + ", or change what has it",
            "It names a file or a variable of the machine that PostgreSQL runs on, or a host beside the rules.");
    }
}

void check_server(std::span<const connection_option> options, bool is_superuser)
{
    http_settings settings;
    for (const auto& [name, value] : options) {
        const server_option* option = find_server_option(name);
        if (option == nullptr) {
            std::vector<std::string> valid;
            for (const server_option& each : server_options) {
                valid.emplace_back(each.name);
            }
            refuse_name(name, joined(valid));
        }
        if (option->for_superusers) {
            require_superuser(name, is_superuser);
        }
        option->set(settings, name, value);
    }
    if (settings.base_url.empty()) {
        throw error(http_sqlstate::option_name_not_found, "option \"base_url\" is missing", {},
                    "A server says where its paths begin: OPTIONS (base_url 'https://api.example.com/v1').");
    }
}

void check_user_mapping(std::span<const connection_option> options, bool is_superuser)
{
    for (const auto& [name, value] : options) {
        if (!is_secret_option(name)) {
            refuse_name(name, joined(secret_option_names()));
        }
        if (is_of_the_machine(name)) {
            require_superuser(name, is_superuser);
        }
    }
    check_secrets(options);
}

} // namespace

void check_options(option_place place, std::span<const connection_option> options, bool is_superuser)
{
    if (place == option_place::server) {
        check_server(options, is_superuser);
    } else if (place == option_place::user_mapping) {
        check_user_mapping(options, is_superuser);
    } else if (!options.empty()) {
        refuse_name(options.front().name, "");
    }
}

bool reads_the_machine(std::span<const connection_option> user_mapping) noexcept
{
    return std::any_of(user_mapping.begin(), user_mapping.end(),
                       [](const connection_option& each) { return is_of_the_machine(each.name); });
}

http_settings make_settings(std::span<const connection_option> server, std::span<const connection_option> user_mapping)
{
    http_settings settings;
    for (const auto& [name, value] : server) {
        if (const server_option* option = find_server_option(name)) {
            option->set(settings, name, value);
        }
    }
    read_secrets(user_mapping, settings);
    return settings;
}

} // namespace etl
