// What an HTTP client is made with: the options of a server and of a user mapping, read.
#pragma once

#include "extract/address_rules.hpp"
#include "extract/http_types.hpp"
#include "extract/rate_limiter.hpp"
#include "extract/retry_policy.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace etl {

// A secret that goes with each request, as a header or as a parameter of the query.
struct header_secret {
    std::string name;
    std::string value;
};
struct query_secret {
    std::string name;
    std::string value;
};

// RFC 6749, section 4.4: a token is got for the client's own name and secret.
struct oauth2_client {
    std::string token_url;
    std::string client_id;
    std::string client_secret;
    std::string scope;
    bool secret_in_body = false; // or else as HTTP Basic
};

using http_credentials = std::variant<std::monostate, header_secret, query_secret, oauth2_client>;

struct http_settings {
    std::string base_url;         // its origin is the only one that is asked, and that credentials go to
    milliseconds timeout{30'000}; // of one attempt, with all of its body
    milliseconds connect_timeout{10'000};
    milliseconds stall_timeout{30'000}; // how long a transfer may be slower than slowest_speed
    retry_policy retry;
    std::size_t max_body = std::size_t{32} << 20U; // decoded
    int parallel = 8;                              // requests under way at once
    bool follow_redirects = false;                 // within the origin
    std::string proxy;                             // a URL
    std::string ca_file;
    std::string user_agent = "pg_etl";
    std::vector<http_header> headers; // with each request
    http_credentials credentials;
    std::vector<std::string> secrets; // what no message may hold
    address_rules rules;

    // One request in each interval, over all who have this limiter and key; no limit where the interval is 0.
    std::shared_ptr<rate_limiter> limiter;
    std::uint64_t rate_key = 0;
    std::chrono::nanoseconds rate_interval{0};
};

} // namespace etl
