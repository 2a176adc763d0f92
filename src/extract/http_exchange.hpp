// A request from its start to its end: all of its attempts, redirects and waits. The client moves it on.
#pragma once

#include "extract/http_transfer.hpp"
#include "extract/http_url.hpp"

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

namespace etl {

using steady = std::chrono::steady_clock;

enum class exchange_state {
    waiting,  // for its time, and for a place among those that are under way
    no_token, // for a token that has been asked for
    running,
    done,
};

// What the client watches while an attempt runs. Time that nobody spent in the client is added to all of it.
struct attempt_clock {
    steady::time_point begun;
    steady::time_point window; // of the speed
    std::size_t received = 0;  // when the window began
};

struct http_exchange {
    http_exchange(http_request asked, http_url at) : request{std::move(asked)}, url{std::move(at)} {}

    http_request request;
    http_url url;
    bool is_for_token = false;

    exchange_state state = exchange_state::waiting;
    steady::time_point due{}; // while waiting
    steady::time_point started{};
    std::optional<std::chrono::nanoseconds> taken; // of the rate, and not used yet
    int attempts = 0;
    int redirects = 0;
    bool was_refused = false; // by 401, with a token that has been got anew since
    std::string token;        // that the attempt was sent with

    std::optional<http_url> sent_url; // of the attempt, with the secret
    std::unique_ptr<http_transfer> transfer;
    attempt_clock clock;

    std::optional<http_response> response;
    std::exception_ptr failure;
};

} // namespace etl
