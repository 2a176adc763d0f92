// Tokens for a client's own name and secret: RFC 6749, section 4.4.
#pragma once

#include "extract/http_settings.hpp"
#include "extract/http_types.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace etl {

struct access_token {
    std::string value;
    std::optional<std::chrono::seconds> lifetime; // from when it was asked for
};

// Name and secret as HTTP Basic has them, each encoded by itself (RFC 6749, section 2.3.1).
std::string basic_credentials(const oauth2_client& client);

http_request token_request(const oauth2_client& client);

// Throws 28000 for all but a bearer token. Nothing that was answered is part of the error but its code (RFC 6749,
// section 5.2).
access_token parse_token(const http_response& response);

} // namespace etl
