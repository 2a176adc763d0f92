// When a request that failed is sent again.
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string_view>

namespace etl {

using std::chrono::milliseconds;

// How an attempt ended that may be worth another.
struct attempt_outcome {
    int status = 0; // 0: no answer, or not all of it
    // Without an answer: whether another attempt may do better (the connection broke, time was up, …), and whether
    // the server may have acted on the request.
    bool is_passing = false;
    bool may_have_acted = true;
    std::optional<milliseconds> retry_after; // what the server asks for
};

struct retry_policy {
    int attempts = 3;
    milliseconds first_delay{1000};    // doubled from one attempt to the next
    milliseconds longest_wait{60'000}; // a server that asks to wait for longer is not asked again

    // How long to wait before the next attempt; nullopt when there is none. `made` attempts were made; chance is a
    // number from 0 to 1 that spreads those who failed at the same time over half of the delay around it.
    std::optional<milliseconds> delay(const attempt_outcome& outcome, bool idempotent, int made,
                                      double chance) const noexcept;
};

// What Retry-After says (RFC 9110, section 10.2.3): seconds, or a date, which is compared with the server's own Date
// when there is one, for its clock may differ from ours. nullopt for what is neither.
std::optional<milliseconds> parse_retry_after(std::string_view value, std::optional<std::string_view> date,
                                              std::time_t now) noexcept;

} // namespace etl
