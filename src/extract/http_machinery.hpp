// The inside of the client: all exchanges of one multi handle of libcurl.
#pragma once

#include "extract/http_client.hpp"
#include "extract/http_exchange.hpp"
#include "extract/redaction.hpp"

#include <map>
#include <optional>
#include <random>

namespace etl {

class http_client::machinery {
  public:
    machinery(http_settings settings, poll_fn stop, wait_marks marks);
    ~machinery();
    machinery(const machinery&) = delete;
    machinery& operator=(const machinery&) = delete;

    const http_settings& settings() const noexcept { return settings_; }
    const http_url& base() const noexcept { return base_; }
    void require_origin(const http_url& url) const;
    std::string redacted(std::string_view text) const { return redaction_.apply(text); }

    ticket start(http_request request);
    bool is_done(ticket which) const noexcept;
    http_response wait(ticket which);
    void cancel(ticket which) noexcept;
    // Begins what is due, lets transfers move, and ends what has come to its end. Sleeps no longer than that.
    void advance(milliseconds longest_sleep);

  private:
    using entry = std::pair<const ticket, http_exchange>;

    ticket add(http_exchange exchange);
    http_exchange& find(ticket which);

    // Forward, from waiting to running.
    void begin_what_is_due();
    bool has_place() const noexcept;
    bool is_in_time(http_exchange& exchange);
    bool has_token(http_exchange& exchange);
    void begin_attempt(http_exchange& exchange);
    std::vector<http_header> headers_for(http_exchange& exchange) const;

    // And on, to another attempt or to the end.
    void let_transfers_move();
    void end_what_is_over();
    void end_attempt(http_exchange& exchange, attempt_end end);
    bool is_asked_anew(http_exchange& exchange, const http_response& response);
    bool follow_redirect(http_exchange& exchange, const http_response& response);
    void check_clock(http_exchange& exchange, steady::time_point now);
    void add_to_clocks(steady::duration idle);
    void finish(http_exchange& exchange, http_response response);
    void fail(http_exchange& exchange, const error& why);
    void take_token(http_exchange& exchange);
    void drop_transfer(http_exchange& exchange) noexcept;
    void sleep(milliseconds longest);

    http_settings settings_;
    http_url base_;
    redaction redaction_;
    poll_fn stop_;
    wait_marks marks_;
    CURLM* multi_;
    std::map<ticket, http_exchange> exchanges_; // the oldest first
    ticket last_ticket_ = 0;
    int running_ = 0;
    steady::time_point last_advance_;
    std::minstd_rand random_;

    std::string token_; // of OAuth 2
    std::optional<steady::time_point> token_ends_;
    std::optional<ticket> token_ticket_;
};

} // namespace etl
