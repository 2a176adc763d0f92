// URLs as libcurl reads them, and no other way: what is checked here is the very handle that the transfer is given, so
// that no two readers can disagree about the host.
#pragma once

#include "extract/http_types.hpp"

#include <memory>
#include <string>
#include <string_view>

typedef struct Curl_URL CURLU; // NOLINT(modernize-use-using): as curl declares it

namespace etl {

class http_url {
  public:
    // Throws 22023, naming it `what`, for all but an absolute URL of http or https with a plain host: no user or
    // password, no fragment, no backslash, blank or control character, and no host in other letters than ASCII.
    explicit http_url(std::string_view text, const char* what = "URL");
    http_url(const http_url& other);
    http_url(http_url&&) noexcept = default;
    http_url& operator=(http_url other) noexcept;
    ~http_url() = default;

    CURLU* handle() const noexcept { return handle_.get(); }
    std::string text() const;
    // Scheme, host in small letters and port, the latter always there: https://api.example.com:443
    const std::string& origin() const noexcept { return origin_; }
    // In small letters; an IPv6 address without brackets.
    const std::string& host() const noexcept { return host_; }
    int port() const noexcept { return port_; }
    bool is_tls() const noexcept { return is_tls_; }
    std::string path() const;
    bool has_query() const noexcept { return has_query_; }
    // For messages: without the query, which may hold secrets.
    std::string shown() const;

    // What a link in an answer to this URL means (RFC 3986, section 5.2), whatever its origin is.
    http_url resolve(std::string_view link) const;
    // With one more parameter, encoded.
    http_url with(std::string_view name, std::string_view value) const;
    // With more behind its path, which begins at a slash of its own: "events/7?limit=10". What is not ASCII, and
    // blanks, are encoded; what else must not stand in a URL throws 22023.
    http_url below(std::string_view path) const;

  private:
    struct deleter {
        void operator()(CURLU* handle) const noexcept;
    };
    using handle_ptr = std::unique_ptr<CURLU, deleter>;

    http_url(handle_ptr handle, std::string_view text, const char* what);
    void read(std::string_view text, const char* what);

    handle_ptr handle_;
    std::string origin_;
    std::string host_;
    int port_ = 0;
    bool is_tls_ = false;
    bool has_query_ = false;
};

// name=value&…, encoded as forms are.
std::string encoded_query(const http_query& query);
std::string encoded_component(std::string_view text);

} // namespace etl
