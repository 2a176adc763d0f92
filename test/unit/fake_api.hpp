// An API in memory: answers are computed from requests, and nothing is sent.
#pragma once

#include "extract/page_stream.hpp"
#include "extract/page_url.hpp"

#include "extract/http_error.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

class fake_api final : public etl::page_client {
  public:
    using answer_fn = std::function<etl::http_response(const etl::http_request&)>;

    explicit fake_api(answer_fn answer) : answer_{std::move(answer)} {}

    ticket start(etl::http_request request) override
    {
        asked.push_back(request.url);
        under_way_[++last_] = std::move(request);
        most_under_way = std::max(most_under_way, under_way_.size());
        return last_;
    }
    etl::http_response wait(ticket which) override
    {
        const etl::http_request request = under_way_.at(which);
        under_way_.erase(which);
        auto made = answer_(request);
        made.url = request.url;
        return made;
    }
    void require_success(const etl::http_response& response) const override
    {
        if (response.status < 200 || response.status > 299) {
            throw etl::error(etl::http_sqlstate::protocol_violation, "status " + std::to_string(response.status));
        }
    }
    void cancel(ticket which) noexcept override { under_way_.erase(which); }
    void pump() override {}
    std::string redacted(std::string_view text) const override
    {
        std::string made{text};
        const std::size_t at = secret.empty() ? std::string::npos : made.find(secret);
        return at == std::string::npos ? made : made.replace(at, secret.size(), "***");
    }

    bool is_idle() const noexcept { return under_way_.empty(); }

    std::vector<std::string> asked;
    std::size_t most_under_way = 0;
    std::string secret;

  private:
    answer_fn answer_;
    std::map<ticket, etl::http_request> under_way_;
    ticket last_ = 0;
};

inline etl::http_response answer_of(std::string body, std::vector<etl::http_header> headers = {}, int status = 200)
{
    etl::http_response made;
    made.status = status;
    made.headers = std::move(headers);
    made.body = std::move(body);
    return made;
}

// [{"id":from}, …, {"id":to - 1}]
inline std::string records_text(std::int64_t from, std::int64_t to)
{
    std::string made = "[";
    for (std::int64_t i = from; i < to; ++i) {
        made += (i == from ? "" : ",") + std::string{"{\"id\":"} + std::to_string(i) + '}';
    }
    return made + ']';
}

inline std::int64_t number_param(const std::string& url, const char* name, std::int64_t otherwise)
{
    const auto text = etl::param_of(url, name);
    return text && !text->empty() ? std::stoll(*text) : otherwise;
}
