#include "extract/http_request_checks.hpp"

#include "extract/http_error.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr int most_redirects = 10;
constexpr int moved = 301;
constexpr int see_other = 303;
constexpr int temporary = 307;
constexpr int permanent = 308;

// Headers that frame the message, or that the client decides.
constexpr std::array<std::string_view, 13> own_headers = {"Host",
                                                          "Content-Length",
                                                          "Transfer-Encoding",
                                                          "Connection",
                                                          "Keep-Alive",
                                                          "TE",
                                                          "Trailer",
                                                          "Upgrade",
                                                          "Expect",
                                                          "Accept-Encoding",
                                                          "Proxy-Connection",
                                                          "Proxy-Authorization",
                                                          "HTTP2-Settings"};

bool is_token(std::string_view text) noexcept
{
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
    });
}

} // namespace

bool is_idempotent(std::string_view method) noexcept
{
    constexpr std::string_view methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
    return std::find(std::begin(methods), std::end(methods), method) != std::end(methods);
}

bool is_redirect(int status) noexcept
{
    return (status >= moved && status <= see_other) || status == temporary || status == permanent;
}

void count_redirect(int redirects, const http_request& request, const std::string& to)
{
    if (redirects > most_redirects) {
        throw error(http_sqlstate::protocol_violation,
                    request.method + " is redirected more than " + std::to_string(most_redirects) + " times",
                    "The last one leads to " + to + '.');
    }
}

void change_method(http_request& request, int status)
{
    if (status <= see_other && request.method != "HEAD" && request.method != "GET") {
        request.method = "GET";
        request.body.reset();
        std::erase_if(request.headers, [](const http_header& each) { return same_header(each.name, "Content-Type"); });
    }
}

void check_header(const http_header& header)
{
    if (!is_token(header.name)) {
        throw error(sqlstate::invalid_parameter_value, in_quotes(header.name) + " is not the name of a header");
    }
    if (std::any_of(own_headers.begin(), own_headers.end(),
                    [&header](std::string_view own) { return same_header(own, header.name); })) {
        throw error(sqlstate::invalid_parameter_value, "header " + in_quotes(header.name) + " is not yours to set",
                    "The client sets it itself.");
    }
    const bool is_line = std::all_of(header.value.begin(), header.value.end(), [](char c) {
        return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7F);
    });
    if (!is_line) { // the value may be a secret
        throw error(sqlstate::invalid_parameter_value,
                    "the value of header " + in_quotes(header.name) + " holds a control character");
    }
}

void check_request(const http_request& request, const http_settings& settings)
{
    const bool is_upper =
        std::all_of(request.method.begin(), request.method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (request.method.empty() || !is_upper || request.method == "CONNECT" || request.method == "TRACE") {
        throw error(sqlstate::invalid_parameter_value, "method " + in_quotes(request.method) + " cannot be used", {},
                    "GET and POST can, and HEAD, PUT, PATCH, DELETE and OPTIONS.");
    }
    const auto* secret = std::get_if<header_secret>(&settings.credentials);
    const bool is_oauth = std::holds_alternative<oauth2_client>(settings.credentials);
    for (const http_header& each : request.headers) {
        check_header(each);
        if ((secret != nullptr && same_header(each.name, secret->name)) ||
            (is_oauth && same_header(each.name, "Authorization"))) {
            throw error(sqlstate::invalid_parameter_value, "header " + in_quotes(each.name) + " is not yours to set",
                        "The user mapping says what it is.");
        }
    }
}

void require_allowed(const http_url& url, const http_settings& settings)
{
    settings.rules.require_host(url.host(), url.port());
    if (!settings.proxy.empty()) {
        const http_url proxy{settings.proxy, "proxy"};
        settings.rules.require_host(proxy.host(), proxy.port());
    }
}

} // namespace etl
