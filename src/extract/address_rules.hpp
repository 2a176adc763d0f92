// pg_etl.allowed_hosts: which hosts may be asked, and at which addresses.
//
// A host must be listed by its name, or as an address. That is looked at before anything is resolved. What a name
// resolves to is looked at where the socket is opened, each time: an address of the internet at large will do, any
// other must be listed itself. So a name that somebody else points at an address inside (DNS rebinding) leads nowhere.
#pragma once

#include "extract/ip_address.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

class address_rules {
  public:
    // Nothing is allowed.
    address_rules() = default;

    // A list with commas: api.example.com, *.example.com (any name that ends so, not example.com), localhost (at
    // addresses of the loopback only), 192.0.2.7, 10.0.0.0/8, 2001:db8::/32; what has a port behind it (host:8080,
    // [2001:db8::7]:8080) is allowed at this port alone. Throws 22023 with the entry at fault.
    static address_rules parse(std::string_view list);

    bool empty() const noexcept { return names_.empty() && ranges_.empty(); }

    // host: as http_url has it: in small letters, no brackets.
    bool allows_host(std::string_view host, int port) const noexcept;
    // Whether a socket may be opened to this address for that host, which is allowed.
    bool allows_address(std::string_view host, int port, const ip_address& address) const noexcept;

    // Throws 42501 unless the host is allowed.
    void require_host(std::string_view host, int port) const;

  private:
    struct name_rule {
        std::string name; // ".example.com" of *.example.com
        int port = 0;     // 0 is any
    };
    struct range_rule {
        ip_range range;
        int port = 0;
    };

    void add(std::string_view entry);
    bool lists_name(std::string_view host, int port) const noexcept;
    bool lists_address(const ip_address& address, int port) const noexcept;

    std::vector<name_rule> names_;
    std::vector<range_rule> ranges_;
};

} // namespace etl
