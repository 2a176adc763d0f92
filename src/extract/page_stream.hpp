// The pages of an API one after the other, in order, while the next ones are already under way.
//
// Requests side by side: where positions are known ahead (page numbers, offsets), as many as pages have come, up to
// `parallel`, so that a list costs at most as many requests in vain as it has pages, and none beyond a total that is
// told; otherwise the next one, as soon as it is told. Pages that were asked for in vain, because the end
// came before them, are thrown away, whatever they are. Pages that are large are not asked for ahead in numbers: what
// waits here is at most the page that is read and 32 MB for each request.
//
// It throws where anything is wrong, and says where: which page, its URL without the query, and its position. All pages
// that were handed out before are right.
#pragma once

#include "extract/http_client.hpp"
#include "extract/page_reader.hpp"
#include "extract/pagination.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace etl {

// What a stream needs of an HTTP client.
class page_client {
  public:
    using ticket = std::uint64_t;

    page_client() = default;
    virtual ~page_client() = default;
    page_client(const page_client&) = delete;
    page_client& operator=(const page_client&) = delete;

    virtual ticket start(http_request request) = 0;
    virtual http_response wait(ticket which) = 0;
    virtual void require_success(const http_response& response) const = 0;
    virtual void cancel(ticket which) noexcept = 0;
    virtual void pump() = 0;
    virtual std::string redacted(std::string_view text) const = 0;
};

struct page_plan {
    http_request first;
    record_path records;
    paginate_options paginate;
    page_position from;
    std::int64_t max_pages = 10'000;
    int parallel = 6;
    scan_limits limits;
    std::string hidden; // the parameter of a query that the credentials add
};

struct page {                // NOLINT(bugprone-exception-escape): a json that is moved throws nothing
    std::int64_t number = 0; // from 1 on in each stream
    page_position at;
    std::optional<page_position> next; // nullopt: it is the last one
    http_response answer;
    page_contents contents; // views into the answer's body
    double seconds = 0;     // that were waited for it
};

class page_stream {
  public:
    // Starts the first request. The client must live longer.
    page_stream(page_client& client, page_plan plan, poll_fn poll);
    ~page_stream();
    page_stream(const page_stream&) = delete;
    page_stream& operator=(const page_stream&) = delete;

    // Waits for the next page; nullptr behind the last one.
    std::unique_ptr<page> next();
    // Lets requests move that are under way, while a page is worked on.
    void pump() { client_.pump(); }
    // Where the records are and how the pages follow each other, for people; known from the first page on.
    std::string chosen() const;

  private:
    struct request {
        page_position at;
        page_client::ticket ticket;
        std::string url;
    };

    void ask(const page_position& at);
    void ask_ahead(const page_position& next);
    void forget_requests() noexcept;
    std::unique_ptr<page> receive();
    page_contents read(const http_response& answer) const;
    std::string beginning_of(std::string_view body) const;
    page_decision decide(page& came);
    page_decision probe(const page_decision& asked);
    std::string hint_of_choice() const;
    [[noreturn]] void rethrow_with_place(const error& e, const request& from) const;

    page_client& client_;
    page_plan plan_;
    page_format format_;
    pagination pagination_;
    poll_fn poll_;
    std::deque<request> requests_; // in the order of their pages
    std::optional<page_position> next_;
    std::int64_t number_ = 0; // of the latest page
    std::size_t largest_ = 0; // bytes
    int window_ = 1;          // requests to have under way
    std::string records_at_;
};

} // namespace etl
