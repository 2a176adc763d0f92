// HTTP requests of one server's: side by side, retried, held to a rate, and cancelled at any moment.
//
// A client is bound to one origin, that of its base URL; nothing else is asked, and its credentials go nowhere else but
// to the URL that tokens are got from. Everything runs in the thread that calls it; transfers move while any function
// that waits or pumps runs, and the time in between counts for no timeout.
//
//   const auto ticket = client.start({.url = client.url("events", {{"page", "1"}})});
//   const http_response answer = client.wait(ticket);
//   client.require_success(answer);
#pragma once

#include "extract/http_settings.hpp"
#include "extract/http_types.hpp"

#include "core/error.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace etl {

// What a client tells while it waits for the network.
struct wait_marks {
    void (*begins)() = [] {};
    void (*ends)() = [] {};
};

class http_client {
  public:
    using ticket = std::uint64_t;

    // stop is polled at least every 50 ms while something is waited for; what it throws ends the wait.
    http_client(http_settings settings, poll_fn stop, wait_marks marks = {});
    ~http_client();
    http_client(const http_client&) = delete;
    http_client& operator=(const http_client&) = delete;

    const http_settings& settings() const noexcept;

    // The base URL with a path below it (which may have a query of its own) and a query. A path that is a whole URL is
    // taken as it is. Throws 42501 for one of another origin.
    std::string url(std::string_view path, const http_query& query = {}) const;
    // What a link means that stands in the answer to a URL. Throws 42501 where it leads to another origin.
    std::string url_of_link(std::string_view url, std::string_view link) const;

    // Begins a request; the rate limit and all attempts are part of it. Throws 22023 for a request that cannot be
    // sent, 42501 for a URL of another origin and for a host that is not allowed.
    ticket start(http_request request);
    // Whether its end is there, so that wait() does not wait.
    bool is_done(ticket which) const noexcept;
    // Waits for its end, whatever the status is; or throws: 08001 no connection, 08006 a connection that broke, a body
    // that was cut, or time that was up, 08P01 no HTTP, 28000 no token, 42501 an address that is not allowed, 53400 a
    // body that is too large. The ticket is spent, also where stop throws.
    http_response wait(ticket which);
    // Ends a request; one that is not there any more is none.
    void cancel(ticket which) noexcept;
    // Lets transfers move, without waiting.
    void pump();

    // Throws where the status is not from 200 to 299: 28000 for 401 and 403, 08P01 for all others. The error tells the
    // status, the URL without its query, and how the body begins, without any secret.
    void require_success(const http_response& response) const;

    // Takes the secrets of the client out of a text for messages.
    std::string redacted(std::string_view text) const;

  private:
    class machinery;
    std::unique_ptr<machinery> machinery_;
};

} // namespace etl
