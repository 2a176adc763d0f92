#include "extract/connection_secrets.hpp"

#include "extract/http_error.hpp"
#include "extract/http_request_checks.hpp"
#include "extract/http_url.hpp"
#include "extract/oauth_token.hpp"
#include "extract/redaction.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr std::size_t longest_secret = std::size_t{64} << 10U;

// A way of saying who asks: the option that is the secret (or else its _file or _env), those that must be there beside
// it, and those that may.
struct way {
    const char* secret;
    std::array<const char*, 2> needed;
    std::array<const char*, 2> more;
};

constexpr way ways[] = {
    {"bearer_token", {}, {}},
    {"api_key", {}, {"api_key_header", "api_key_query"}},
    {"password", {"username", nullptr}, {}},
    {"client_secret", {"client_id", "token_url"}, {"scope", "client_auth"}},
};
constexpr const char* sources[] = {"", "_file", "_env"};

const connection_option* find(std::span<const connection_option> options, std::string_view name) noexcept
{
    const auto found =
        std::find_if(options.begin(), options.end(), [name](const auto& each) { return each.name == name; });
    return found == options.end() ? nullptr : &*found;
}

std::string value_of(std::span<const connection_option> options, std::string_view name)
{
    const connection_option* found = find(options, name);
    return found == nullptr ? std::string{} : found->value;
}

std::vector<std::string> names_of(const way& each)
{
    std::vector<std::string> names;
    for (const char* source : sources) {
        names.push_back(std::string{each.secret} + source);
    }
    for (const auto& list : {each.needed, each.more}) {
        for (const char* name : list) {
            if (name != nullptr) {
                names.emplace_back(name);
            }
        }
    }
    return names;
}

bool has_option(const way& each, std::string_view name)
{
    const auto names = names_of(each);
    return std::find(names.begin(), names.end(), name) != names.end();
}

const way& way_of(std::string_view name) noexcept
{
    return *std::find_if(std::begin(ways), std::end(ways), [name](const way& each) { return has_option(each, name); });
}

[[noreturn]] void refuse_value(std::string_view name, const std::string& why, const std::string& hint = {})
{
    throw error(http_sqlstate::invalid_option_value, "option " + in_quotes(name) + ' ' + why, {}, hint);
}

[[noreturn]] void miss(std::string_view name, std::string_view beside)
{
    throw error(http_sqlstate::option_name_not_found, "option " + in_quotes(name) + " is missing",
                "It is needed beside " + in_quotes(beside) + '.');
}

// A line that can stand in a header; what it is is not told.
void check_line(std::string_view name, std::string_view value)
{
    const bool is_line = std::all_of(value.begin(), value.end(),
                                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7F; });
    if (value.empty() || !is_line) {
        refuse_value(name, value.empty() ? "is empty" : "holds a control character");
    }
}

void check_token(std::string_view name, std::string_view value)
{
    check_line(name, value);
    if (!std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7F; })) {
        refuse_value(name, "holds a blank or a letter that is not of ASCII");
    }
}

void check_one_source(std::span<const connection_option> options, const way& each)
{
    const auto given = std::count_if(std::begin(sources), std::end(sources), [&](const char* source) {
        return find(options, std::string{each.secret} + source) != nullptr;
    });
    if (given == 0) {
        miss(each.secret, options.front().name);
    }
    if (given > 1) {
        refuse_value(each.secret, "is given more than once, with _file or _env");
    }
    for (const char* name : each.needed) {
        if (name != nullptr && find(options, name) == nullptr) {
            miss(name, each.secret);
        }
    }
}

void check_values(std::span<const connection_option> options)
{
    for (const auto& [name, value] : options) {
        if (name == "bearer_token") {
            check_token(name, value);
        } else if (name == "token_url") {
            const http_url checked{value, "token_url"};
        } else if (name == "api_key_header") {
            check_header({value, ""});
        } else if (name.ends_with("_file") && !value.starts_with('/')) {
            refuse_value(name, "is not the absolute path of a file");
        } else if (name == "client_auth" && value != "basic" && value != "body") {
            refuse_value(name, "is neither basic nor body");
        } else if (name == "username" && value.find(':') != std::string::npos) {
            refuse_value(name, "holds a colon, which ends it in HTTP");
        } else if (name != "password" || !value.empty()) { // some who have the secret for a name have no password
            check_line(name, value);
        }
    }
    if (find(options, "api_key_header") != nullptr && find(options, "api_key_query") != nullptr) {
        refuse_value("api_key_query", "is given beside \"api_key_header\"", "A key goes one way.");
    }
}

// Without the end of the line that editors put behind it.
std::string read_file(const std::string& name, const std::string& path)
{
    std::ifstream in{path, std::ios::binary};
    std::string text(longest_secret + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.eof()) {
        throw error(file_sqlstate::undefined_file,
                    "the file of option " + in_quotes(name) + (in.is_open() ? " is too long" : " cannot be read"), {},
                    "It is on the machine that PostgreSQL runs on, and its user must be able to read it.");
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.pop_back();
    }
    return text;
}

std::string read_secret(std::span<const connection_option> options, const way& each)
{
    const std::string name = each.secret;
    if (const auto* file = find(options, name + "_file")) {
        return read_file(file->name, file->value);
    }
    if (const auto* variable = find(options, name + "_env")) {
        const char* value = std::getenv(variable->value.c_str()); // NOLINT(concurrency-mt-unsafe): nobody sets any
        if (value == nullptr) {
            refuse_value(variable->name, "names a variable that the server's environment has not");
        }
        return value;
    }
    return value_of(options, name);
}

} // namespace

bool is_secret_option(std::string_view name) noexcept
{
    return std::any_of(std::begin(ways), std::end(ways), [name](const way& each) { return has_option(each, name); });
}

std::vector<std::string> secret_option_names()
{
    std::vector<std::string> names;
    for (const way& each : ways) {
        const auto more = names_of(each);
        names.insert(names.end(), more.begin(), more.end());
    }
    return names;
}

bool is_of_the_machine(std::string_view name) noexcept
{
    return name.ends_with("_file") || name.ends_with("_env");
}

void check_secrets(std::span<const connection_option> options)
{
    if (options.empty()) {
        return;
    }
    const way& first = way_of(options.front().name);
    for (const connection_option& each : options) {
        if (!has_option(first, each.name)) {
            throw error(http_sqlstate::invalid_option_name,
                        "options " + in_quotes(options.front().name) + " and " + in_quotes(each.name) +
                            " do not go together",
                        {},
                        "A user mapping has one of: bearer_token; api_key; username and password; client_id, "
                        "client_secret and token_url.");
        }
    }
    check_one_source(options, first);
    check_values(options);
}

void read_secrets(std::span<const connection_option> options, http_settings& settings)
{
    if (options.empty()) {
        return;
    }
    const way& found = way_of(options.front().name);
    const std::string_view kind = found.secret;
    std::string secret = read_secret(options, found);
    settings.secrets.push_back(secret);
    if (kind == "bearer_token") {
        check_token(kind, secret);
        settings.credentials = header_secret{"Authorization", "Bearer " + secret};
        return;
    }
    if (kind != "password" || !secret.empty()) {
        check_line(kind, secret);
    }
    if (kind == "password") {
        const std::string pair = base64(value_of(options, "username") + ':' + secret);
        settings.secrets.push_back(pair);
        settings.credentials = header_secret{"Authorization", "Basic " + pair};
    } else if (kind == "client_secret") {
        oauth2_client client{value_of(options, "token_url"), value_of(options, "client_id"), std::move(secret),
                             value_of(options, "scope"), value_of(options, "client_auth") == "body"};
        settings.secrets.push_back(basic_credentials(client));
        settings.credentials = std::move(client);
    } else if (find(options, "api_key_query") != nullptr) {
        settings.credentials = query_secret{value_of(options, "api_key_query"), std::move(secret)};
    } else {
        const std::string header = value_of(options, "api_key_header");
        settings.credentials = header_secret{header.empty() ? "X-API-Key" : header, std::move(secret)};
    }
}

} // namespace etl
