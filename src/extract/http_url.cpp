#include "extract/http_url.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <new>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr char hex_digits[] = "0123456789ABCDEF";

bool is_alphanumeric(unsigned char c) noexcept
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void append_encoded(std::string& to, unsigned char c)
{
    to += '%';
    to += hex_digits[c >> 4U];
    to += hex_digits[c & 15U];
}

// RFC 3986, section 2.3: what never needs to be encoded.
void append_component(std::string& to, std::string_view text)
{
    for (const char each : text) {
        const auto c = static_cast<unsigned char>(each);
        if (is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            to += each;
        } else {
            append_encoded(to, c);
        }
    }
}

// Of a text that may be secret only what is not, so the text itself is never shown.
[[noreturn]] void refuse(const char* what, const std::string& why)
{
    throw error(sqlstate::invalid_parameter_value, std::string{what} + ' ' + why, {},
                "It reads as https://api.example.com/v1, or with http and a port.");
}

void check_characters(std::string_view text, const char* what)
{
    for (const char each : text) {
        const auto c = static_cast<unsigned char>(each);
        if (c <= ' ' || c == 0x7F) {
            refuse(what, "holds a blank or a control character");
        }
        if (c == '\\') {
            refuse(what, "holds a backslash");
        }
        if (c == '#') {
            refuse(what, "holds a fragment");
        }
    }
}

std::string lower(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text;
}

// libcurl takes any number of slashes in front of a host, and an empty user: others do not.
void check_authority(std::string_view text, const char* what)
{
    const std::size_t colon = text.find_first_of(":/?");
    const std::string scheme = colon == std::string_view::npos ? "" : lower(std::string{text.substr(0, colon)});
    const bool has_scheme = (scheme == "http" || scheme == "https") && text[colon] == ':';
    std::string_view rest = has_scheme ? text.substr(colon + 1) : text;
    if (!rest.starts_with("//")) {
        if (has_scheme) {
            refuse(what, "has no two slashes behind its scheme");
        }
        return;
    }
    rest = rest.substr(2, rest.find_first_of("/?", 2) - 2);
    if (rest.empty() || rest.find('@') != std::string_view::npos) {
        refuse(what, rest.empty() ? "has no host" : "holds a user or a password");
    }
}

std::string part_of(CURLU* handle, CURLUPart part, unsigned flags = 0)
{
    char* text = nullptr;
    if (curl_url_get(handle, part, &text, flags) != CURLUE_OK || text == nullptr) {
        return {};
    }
    const std::unique_ptr<char, void (*)(void*)> owned{text, curl_free};
    return text;
}

} // namespace

void http_url::deleter::operator()(CURLU* handle) const noexcept
{
    curl_url_cleanup(handle);
}

http_url::http_url(std::string_view text, const char* what) : http_url{handle_ptr{curl_url()}, text, what} {}

http_url::http_url(handle_ptr handle, std::string_view text, const char* what) : handle_{std::move(handle)}
{
    if (!handle_) {
        throw std::bad_alloc{};
    }
    read(text, what);
}

http_url::http_url(const http_url& other)
    : handle_{curl_url_dup(other.handle_.get())}, origin_{other.origin_}, host_{other.host_}, port_{other.port_},
      is_tls_{other.is_tls_}, has_query_{other.has_query_}
{
    if (!handle_) {
        throw std::bad_alloc{};
    }
}

http_url& http_url::operator=(http_url other) noexcept
{
    std::swap(handle_, other.handle_);
    std::swap(origin_, other.origin_);
    std::swap(host_, other.host_);
    std::swap(port_, other.port_);
    std::swap(is_tls_, other.is_tls_);
    std::swap(has_query_, other.has_query_);
    return *this;
}

// A link is read into a handle that has a URL already, to which it is relative.
void http_url::read(std::string_view text, const char* what)
{
    check_characters(text, what);
    check_authority(text, what);
    CURLU* handle = handle_.get();
    const CURLUcode code = curl_url_set(handle, CURLUPART_URL, std::string{text}.c_str(), 0);
    if (code != CURLUE_OK) {
        refuse(what, std::string{"cannot be read: "} + curl_url_strerror(code));
    }
    const std::string scheme = lower(part_of(handle, CURLUPART_SCHEME));
    if (scheme != "http" && scheme != "https") {
        refuse(what, "is of scheme " + in_quotes(scheme) + ", not of http or https");
    }
    if (!part_of(handle, CURLUPART_USER).empty() || !part_of(handle, CURLUPART_PASSWORD).empty()) {
        refuse(what, "holds a user or a password");
    }
    if (!part_of(handle, CURLUPART_ZONEID).empty()) {
        refuse(what, "holds the zone of an address");
    }
    is_tls_ = scheme == "https";
    host_ = lower(part_of(handle, CURLUPART_HOST));
    if (host_.empty() || !is_ascii(host_) || host_.find('%') != std::string::npos) {
        refuse(what, "has a host that is not of ASCII letters; write it in punycode (xn--…)");
    }
    const std::string port = part_of(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    std::from_chars(port.data(), port.data() + port.size(), port_);
    if (port_ < 1 || port_ > 65535) {
        refuse(what, "has no port from 1 to 65535");
    }
    origin_ = scheme + "://" + host_ + ':' + std::to_string(port_);
    if (host_.front() == '[') {
        host_ = host_.substr(1, host_.size() - 2);
    }
    has_query_ = !part_of(handle, CURLUPART_QUERY).empty();
}

std::string http_url::text() const
{
    return part_of(handle_.get(), CURLUPART_URL);
}

std::string http_url::path() const
{
    return part_of(handle_.get(), CURLUPART_PATH);
}

std::string http_url::shown() const
{
    const std::string whole = text();
    return whole.substr(0, whole.find('?'));
}

http_url http_url::resolve(std::string_view link) const
{
    const std::string_view plain = link.substr(0, link.find('#')); // no fragment is ever sent
    http_url copy{*this};
    if (!plain.empty()) {
        copy.read(plain, "link");
    }
    return copy;
}

http_url http_url::with(std::string_view name, std::string_view value) const
{
    http_url copy{*this};
    const std::string query = encoded_query({{std::string{name}, std::string{value}}});
    if (curl_url_set(copy.handle(), CURLUPART_QUERY, query.c_str(), CURLU_APPENDQUERY) != CURLUE_OK) {
        throw std::bad_alloc{};
    }
    copy.has_query_ = true;
    return copy;
}

http_url http_url::below(std::string_view path) const
{
    std::string whole = text();
    if (path.substr(0, 2) == "//") {
        refuse("path", "begins with two slashes, as if it named a host");
    }
    while (whole.back() == '/') {
        whole.pop_back();
    }
    if (!path.empty() && path.front() != '/' && path.front() != '?') {
        whole += '/';
    }
    for (const char each : path) {
        const auto c = static_cast<unsigned char>(each);
        if (c == ' ' || c >= 0x80) {
            append_encoded(whole, c);
        } else {
            whole += each;
        }
    }
    return http_url{whole, "path"};
}

std::string encoded_component(std::string_view text)
{
    std::string made;
    append_component(made, text);
    return made;
}

std::string encoded_query(const http_query& query)
{
    std::string text;
    for (const auto& [name, value] : query) {
        text += text.empty() ? "" : "&";
        append_component(text, name);
        text += '=';
        append_component(text, value);
    }
    return text;
}

} // namespace etl
