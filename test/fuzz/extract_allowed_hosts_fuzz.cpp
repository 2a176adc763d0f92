// Any text as pg_etl.allowed_hosts, and any text as a URL that is asked: what is allowed is what was listed, and a URL
// that was read once is read the same way again. The first line is the list, the rest the URL.
#include "core/error.hpp"
#include "extract/address_rules.hpp"
#include "extract/http_url.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using etl::address_rules;
using etl::http_url;
using etl::ip_address;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

bool is_plain(std::string_view host)
{
    return host.find_first_of("@\\/?#% \t\n\r") == std::string_view::npos;
}

void check_rules(const address_rules& rules, std::string_view host, int port)
{
    if (!rules.allows_host(host, port)) {
        return;
    }
    demand(!rules.empty() && is_plain(host) && !host.ends_with('.'));
    if (const auto address = ip_address::parse(host)) {
        demand(rules.allows_address(host, port, *address));
    }
}

void check_url(const http_url& url, const address_rules& listed)
{
    const http_url again{url.text()};
    demand(again.origin() == url.origin() && again.host() == url.host() && again.port() == url.port());
    check_rules(listed, url.host(), url.port());
    static const auto ours = address_rules::parse("example.com, *.example.com");
    if (ours.allows_host(url.host(), url.port())) {
        demand(url.host() == "example.com" || url.host().ends_with(".example.com"));
        demand(!ip_address::parse(url.host()));
        demand(!ours.allows_address(url.host(), url.port(), *ip_address::parse("127.0.0.1")));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const std::size_t line = text.find('\n');
    const std::string_view rest = line == std::string_view::npos ? "" : text.substr(line + 1);
    address_rules rules;
    try {
        rules = address_rules::parse(text.substr(0, line));
    } catch (const etl::error&) {
    }
    check_rules(rules, rest, 443);
    static const http_url base{"https://api.example.com/v1"};
    try {
        check_url(http_url{rest}, rules);
    } catch (const etl::error&) {
    }
    try {
        demand(base.below(rest).origin() == base.origin());
    } catch (const etl::error&) {
    }
    try {
        check_url(base.resolve(rest), rules);
    } catch (const etl::error&) {
    }
    return 0;
}
