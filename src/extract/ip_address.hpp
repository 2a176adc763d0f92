// Addresses of the internet protocol, version 4 among those of version 6 (::ffff:a.b.c.d), so that both spellings of
// one address are one value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace etl {

class ip_address {
  public:
    // Four decimal numbers, or an address of version 6 without brackets and zone: what inet_pton() takes.
    static std::optional<ip_address> parse(std::string_view text) noexcept;
    // nullopt for other families.
    static std::optional<ip_address> of(const sockaddr* address) noexcept;

    bool is_v4() const noexcept;
    bool is_loopback() const noexcept;
    // Whether it is one of the internet at large, according to IANA's registries of special-purpose addresses: not
    // private, loopback, link-local, shared (RFC 6598), multicast, reserved, for documentation, of a tunnel (6to4,
    // Teredo), nor of a cloud's own service. One of NAT64 (64:ff9b::/96) is what the address inside of it is.
    bool is_public() const noexcept;
    std::string text() const;

    const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
    friend bool operator==(const ip_address&, const ip_address&) = default;

  private:
    static ip_address mapped(const void* four) noexcept;

    std::array<std::uint8_t, 16> bytes_{};
};

// The addresses that share their first bits, counted from the first of the sixteen bytes.
struct ip_range {
    ip_address first;
    int bits = 128;

    // address, or address/bits; nullopt for what is none, and where a bit behind the first ones is set.
    static std::optional<ip_range> parse(std::string_view text) noexcept;
    bool contains(const ip_address& address) const noexcept;
};

} // namespace etl
