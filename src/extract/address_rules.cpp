#include "extract/address_rules.hpp"

#include "extract/http_error.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <charconv>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr std::size_t longest_name = 253; // RFC 1035, section 2.3.4, without the last dot
constexpr std::size_t longest_label = 63;

std::string_view trimmed(std::string_view text)
{
    const std::size_t begin = text.find_first_not_of(" \t\n\r");
    return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\n\r") + 1 - begin);
}

[[noreturn]] void refuse(std::string_view entry, const std::string& why)
{
    throw error(sqlstate::invalid_parameter_value, "host " + in_quotes(entry.substr(0, 200)) + ' ' + why, {},
                "Hosts are listed as api.example.com, *.example.com, localhost, 192.0.2.7, 10.0.0.0/8 or "
                "[2001:db8::7], each with :port behind it where only one is meant, with commas between them.");
}

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

bool is_label(std::string_view label) noexcept
{
    return !label.empty() && label.size() <= longest_label && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_'; });
}

// A name whose last label begins with a digit may be read as a number, and so as an address, by somebody.
bool is_host_name(std::string_view name) noexcept
{
    if (name.empty() || name.size() > longest_name) {
        return false;
    }
    for (std::size_t at = 0;;) {
        const std::size_t dot = name.find('.', at);
        const std::string_view label = name.substr(at, dot - at);
        if (!is_label(label)) {
            return false;
        }
        if (dot == std::string_view::npos) {
            return !is_digit(label.front());
        }
        at = dot + 1;
    }
}

// Takes ":port" off the end of an entry; 0 where there is none.
int take_port(std::string_view& entry)
{
    const std::string_view whole = entry;
    const std::size_t colon = entry.rfind(':');
    const bool in_brackets = entry.front() == '[';
    if (colon == std::string_view::npos || (in_brackets ? entry[colon - 1] != ']' : entry.find(':') != colon)) {
        return 0;
    }
    const std::string_view digits = entry.substr(colon + 1);
    int port = 0;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (code != std::errc{} || end != digits.data() + digits.size() || !is_digit(digits.front()) || port < 1 ||
        port > 65535) {
        refuse(whole, "has no port from 1 to 65535");
    }
    entry = entry.substr(0, colon);
    return port;
}

} // namespace

address_rules address_rules::parse(std::string_view list)
{
    address_rules made;
    if (trimmed(list).empty()) {
        return made;
    }
    for (std::size_t at = 0;;) {
        const std::size_t comma = list.find(',', at);
        made.add(trimmed(list.substr(at, comma - at)));
        if (comma == std::string_view::npos) {
            return made;
        }
        at = comma + 1;
    }
}

void address_rules::add(std::string_view entry)
{
    if (entry.empty()) {
        refuse(entry, "is no host");
    }
    std::string_view rest = entry;
    const int port = take_port(rest);
    if (rest.size() > 2 && rest.front() == '[' && rest.back() == ']') {
        rest = rest.substr(1, rest.size() - 2);
        if (rest.find(':') == std::string_view::npos) {
            refuse(entry, "is no address of version 6");
        }
    }
    if (const auto range = ip_range::parse(rest)) {
        ranges_.push_back({*range, port});
        return;
    }
    std::string name{rest};
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const bool any_below = name.starts_with("*.");
    if (!is_host_name(std::string_view{name}.substr(any_below ? 2 : 0))) {
        refuse(entry, is_ascii(entry) ? "is neither a name nor an address, nor a range of addresses"
                                      : "is not of ASCII letters; write it in punycode (xn--…)");
    }
    names_.push_back({name.substr(any_below ? 1 : 0), port});
}

bool address_rules::lists_name(std::string_view host, int port) const noexcept
{
    return std::any_of(names_.begin(), names_.end(), [host, port](const name_rule& rule) {
        const bool is_it =
            rule.name.front() == '.' ? host.size() > rule.name.size() && host.ends_with(rule.name) : host == rule.name;
        return is_it && (rule.port == 0 || rule.port == port);
    });
}

bool address_rules::lists_address(const ip_address& address, int port) const noexcept
{
    return std::any_of(ranges_.begin(), ranges_.end(), [&address, port](const range_rule& rule) {
        return rule.range.contains(address) && (rule.port == 0 || rule.port == port);
    });
}

bool address_rules::allows_host(std::string_view host, int port) const noexcept
{
    if (const auto address = ip_address::parse(host)) {
        return lists_address(*address, port);
    }
    return is_host_name(host) && lists_name(host, port);
}

bool address_rules::allows_address(std::string_view host, int port, const ip_address& address) const noexcept
{
    return lists_address(address, port) ||
           (!ip_address::parse(host) && (address.is_public() || (host == "localhost" && address.is_loopback())));
}

void address_rules::require_host(std::string_view host, int port) const
{
    if (!allows_host(host, port)) {
        throw error(http_sqlstate::insufficient_privilege,
                    "host " + in_quotes(host) + " (port " + std::to_string(port) + ") is not allowed",
                    empty() ? "The setting pg_etl.allowed_hosts is empty: no host is allowed."
                            : "The setting pg_etl.allowed_hosts does not list it.",
                    "A superuser adds it to the list, with ALTER SYSTEM SET pg_etl.allowed_hosts = '" +
                        (empty() ? "" : std::string{"…, "}) + std::string{host} + "'; and SELECT pg_reload_conf();");
    }
}

} // namespace etl
