#include "extract/ip_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr int bits_before_v4 = 96;
constexpr int bits_of_v4 = 32;

// https://www.iana.org/assignments/iana-ipv4-special-registry, multicast, the reserved rest, and the one address of a
// public range that a cloud has for its own service (Azure's 168.63.129.16; all others' are link-local or private).
constexpr const char* special_v4[] = {"0.0.0.0/8",        "10.0.0.0/8",     "100.64.0.0/10",  "127.0.0.0/8",
                                      "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",  "192.0.0.0/24",
                                      "192.0.2.0/24",     "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
                                      "198.51.100.0/24",  "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4"};

// https://www.iana.org/assignments/iana-ipv6-special-registry, as far as it lies in the only range that is assigned.
constexpr const char* assigned_v6 = "2000::/3";
constexpr const char* special_v6[] = {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"};
constexpr const char* nat64 = "64:ff9b::/96";

bool is_in(const char* range, const ip_address& address)
{
    return ip_range::parse(range)->contains(address);
}

template <class Ranges>
bool is_in_any(const Ranges& ranges, const ip_address& address)
{
    return std::any_of(std::begin(ranges), std::end(ranges), [&](const char* each) { return is_in(each, address); });
}

} // namespace

ip_address ip_address::mapped(const void* four) noexcept
{
    ip_address made;
    made.bytes_[10] = made.bytes_[11] = 0xFF;
    std::memcpy(made.bytes_.data() + 12, four, 4);
    return made;
}

std::optional<ip_address> ip_address::parse(std::string_view text) noexcept
{
    char copy[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof copy) {
        return std::nullopt;
    }
    copy[text.copy(copy, sizeof copy - 1)] = '\0';
    in_addr four;
    if (inet_pton(AF_INET, copy, &four) == 1) {
        return mapped(&four);
    }
    ip_address made;
    if (inet_pton(AF_INET6, copy, made.bytes_.data()) == 1) {
        return made;
    }
    return std::nullopt;
}

std::optional<ip_address> ip_address::of(const sockaddr* address) noexcept
{
    if (address->sa_family == AF_INET) {
        sockaddr_in four;
        std::memcpy(&four, address, sizeof four);
        return mapped(&four.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        sockaddr_in6 six;
        std::memcpy(&six, address, sizeof six);
        ip_address made;
        std::memcpy(made.bytes_.data(), &six.sin6_addr, made.bytes_.size());
        return made;
    }
    return std::nullopt;
}

bool ip_address::is_v4() const noexcept
{
    constexpr std::array<std::uint8_t, 12> before = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    return std::equal(before.begin(), before.end(), bytes_.begin());
}

bool ip_address::is_loopback() const noexcept
{
    return is_in("127.0.0.0/8", *this) || is_in("::1", *this);
}

bool ip_address::is_public() const noexcept
{
    if (is_v4()) {
        return !is_in_any(special_v4, *this);
    }
    if (is_in(nat64, *this)) {
        return mapped(bytes_.data() + 12).is_public();
    }
    return is_in(assigned_v6, *this) && !is_in_any(special_v6, *this);
}

std::string ip_address::text() const
{
    char made[INET6_ADDRSTRLEN];
    const bool four = is_v4();
    inet_ntop(four ? AF_INET : AF_INET6, bytes_.data() + (four ? 12 : 0), made, sizeof made);
    return made;
}

std::optional<ip_range> ip_range::parse(std::string_view text) noexcept
{
    const std::size_t slash = text.find('/');
    const auto address = ip_address::parse(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    ip_range made{*address, 128};
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const bool four = text.find(':') == std::string_view::npos;
        int bits = 0;
        const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        if (code != std::errc{} || end != digits.data() + digits.size() || digits.front() == '-' ||
            bits > (four ? bits_of_v4 : 128)) {
            return std::nullopt;
        }
        made.bits = four ? bits_before_v4 + bits : bits;
    }
    for (int bit = made.bits; bit < 128; ++bit) {
        if ((made.first.bytes()[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0) {
            return std::nullopt;
        }
    }
    return made;
}

bool ip_range::contains(const ip_address& address) const noexcept
{
    const auto whole = static_cast<std::size_t>(bits / 8);
    if (!std::equal(first.bytes().begin(), first.bytes().begin() + whole, address.bytes().begin())) {
        return false;
    }
    const int rest = bits % 8;
    return rest == 0 || ((first.bytes()[whole] ^ address.bytes()[whole]) >> (8 - rest)) == 0;
}

} // namespace etl
