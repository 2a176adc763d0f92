// What the SQL functions of pages are given, as a plan, and the client that it is for.
#pragma once

#include "extract/page_stream.hpp"
#include "pg/function.hpp"

#include <map>
#include <memory>
#include <string>

namespace etl {

// The client of a connection, as page_stream needs it. It may become another one while requests of the former are under
// way, when the server or the user mapping has changed.
class connection_pages final : public page_client {
  public:
    explicit connection_pages(std::string server);

    // What the catalog says now counts for the requests that follow. Throws or raises as open_connection().
    void renew();

    ticket start(http_request request) override;
    http_response wait(ticket which) override;
    void require_success(const http_response& response) const override { client_->require_success(response); }
    void cancel(ticket which) noexcept override;
    void pump() override { client_->pump(); }
    std::string redacted(std::string_view text) const override { return client_->redacted(text); }
    const http_client& client() const noexcept { return *client_; }

  private:
    struct sent {
        std::shared_ptr<http_client> client;
        http_client::ticket of_client;
    };

    std::string server_;
    std::shared_ptr<http_client> client_;
    std::map<ticket, sent> started_;
    ticket latest_ = 0;
};

// Whether records_path and paginate, the arguments from `at` on, are what asked_pages takes. Throws etl::error.
void check_paging(pg::arguments args, int at);

// Pages of a server, from the arguments server, path, query, headers, method, body, records_path, paginate, position
// (only where has_position), max_pages and parallel of an SQL function, in this order. Not NULL are the first two.
class asked_pages {
  public:
    asked_pages(pg::arguments args, bool has_position);

    // Whether the role may still ask, and how: for the requests that follow.
    void renew() { client_.renew(); }
    // The next page, which takes the place of the one before; nullptr behind the last one.
    std::shared_ptr<const page> next();
    const std::shared_ptr<const page>& current() const noexcept { return current_; }
    void pump() { stream_.pump(); }
    std::string chosen() const { return stream_.chosen(); }
    // For people: without its query, and without secrets.
    std::string shown_url(const page& of) const;
    // What a user needs to be told once, who has left to etl where the records are and how the pages follow each other.
    bool has_chosen() const noexcept { return has_chosen_; }

  private:
    connection_pages client_;
    bool has_chosen_;
    page_stream stream_;
    std::shared_ptr<const page> current_;
};

} // namespace etl
