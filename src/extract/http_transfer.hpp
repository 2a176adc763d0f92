// One attempt at one request: a handle of libcurl with all of its settings and callbacks.
#pragma once

#include "extract/body_decoder.hpp"
#include "extract/http_settings.hpp"
#include "extract/http_url.hpp"
#include "extract/retry_policy.hpp"

#include "core/error.hpp"

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <string>

namespace etl {

// How an attempt ended: with an answer, or with an error.
struct attempt_end {
    attempt_outcome outcome;
    std::optional<http_response> response;
    std::optional<error> failure;
};

class http_transfer {
  public:
    // All three must outlive it. The headers are all of those that are to be sent.
    http_transfer(const http_settings& settings, const http_url& url, const http_request& request,
                  const std::vector<http_header>& headers);
    ~http_transfer() = default;
    http_transfer(const http_transfer&) = delete;
    http_transfer& operator=(const http_transfer&) = delete;

    CURL* handle() const noexcept { return handle_.get(); }
    bool is_connected() const noexcept;
    // Bytes that have come so far, of headers too, as they came.
    std::size_t received() const noexcept;

    attempt_end end(CURLcode code);
    // Gives up: there is no more time. `what` says so: "took longer than 30 s".
    attempt_end end_of_time(const std::string& what);

  private:
    enum class flaw { none, body, ratio, headers, lengths, coding, data };
    struct handle_deleter {
        void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
    };
    struct list_deleter {
        void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
    };

    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept;
    static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;

    template <class Value>
    void set(CURLoption option, Value value);
    void set_safety();
    void set_request();
    void set_headers(const std::vector<http_header>& headers);
    bool take_body(std::string_view data);
    bool begin_body();
    bool keep_body(std::string_view data);
    bool is_cut() const;
    bool take_header(std::string_view line);
    bool has_one_length(std::string_view length) const noexcept;
    bool may_have_acted() const noexcept;
    std::string where() const;
    error describe(CURLcode code) const;
    error describe_connection(CURLcode code, const std::string& detail) const;
    error describe_refusal() const;
    error describe_flaw() const;
    http_response finish();
    double seconds(CURLINFO info) const noexcept;
    curl_off_t number(CURLINFO info) const noexcept;

    const http_settings& settings_;
    const http_url& url_;
    const http_request& request_;
    std::string host_; // that the socket is opened for: the proxy's, where there is one
    int port_;
    std::unique_ptr<curl_slist, list_deleter> headers_;
    std::unique_ptr<CURL, handle_deleter> handle_;
    http_response response_;
    std::string refused_address_;
    std::unique_ptr<body_decoder> decoder_;
    std::size_t header_bytes_ = 0;
    std::size_t body_bytes_ = 0; // as they came
    flaw flaw_ = flaw::none;     // for which the transfer was ended
    bool body_began_ = false;
    bool out_of_memory_ = false;
    char message_[CURL_ERROR_SIZE] = {};
};

} // namespace etl
