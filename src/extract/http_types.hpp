// What goes out over HTTP and what comes back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace etl {

struct http_header {
    std::string name;
    std::string value;
};

// Parameters of a query, not yet encoded.
using http_query = std::vector<std::pair<std::string, std::string>>;

struct http_request {
    std::string method = "GET";
    std::string url;                  // absolute, query included; http or https
    std::vector<http_header> headers; // the caller's own; credentials are the client's business
    std::optional<std::string> body;
    // Whether it may be sent again when nobody knows whether it was acted on. A GET always may.
    bool idempotent = false;
};

// In seconds from the beginning of the last attempt, each as curl counts them; of all attempts: total.
struct http_timing {
    double name_lookup = 0;
    double connect = 0;
    double tls = 0;
    double first_byte = 0;
    double total = 0;
    int attempts = 0;
};

// The room behind the end of a body that simdjson reads: capacity() is at least so much more than size().
inline constexpr std::size_t body_padding = 64;

struct http_response {
    int status = 0;
    std::string url; // what was asked at last, without what the credentials added
    std::vector<http_header> headers;
    std::string body; // decoded, as long as the server said
    http_timing timing;

    // The first of that name, in whatever case.
    std::optional<std::string_view> header(std::string_view name) const noexcept;
};

bool same_header(std::string_view name, std::string_view other) noexcept;

} // namespace etl
