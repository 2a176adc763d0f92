#include "extract/page_stream.hpp"

#include "core/text.hpp"
#include "extract/http_error.hpp"
#include "extract/page_url.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t shown_of_body = 100;
constexpr std::size_t looked_at_of_body = std::size_t{16} << 10U;
constexpr std::size_t largest_side_by_side = std::size_t{24} << 20U;

double seconds_since(std::chrono::steady_clock::time_point from)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
}

} // namespace

page_stream::page_stream(page_client& client, page_plan plan, poll_fn poll)
    : client_{client}, plan_{std::move(plan)}, format_{plan_.records, plan_.limits, false},
      pagination_{plan_.paginate, plan_.first, plan_.hidden}, poll_{poll}, next_{plan_.from}
{
    format_.records.null_is_empty = plan_.paginate.null_is_empty;
    format_.records.missing_is_empty = plan_.paginate.missing_is_empty;
    if (plan_.paginate.missing_is_empty && plan_.records.is != record_path::kind::told) {
        throw error(sqlstate::invalid_parameter_value,
                    "paginate of \"missing_is_empty\" needs to be told where the records are otherwise", {},
                    "For example records_path => '/data/items'.");
    }
    pagination_.check_position(plan_.from);
    ask(plan_.from);
}

page_stream::~page_stream()
{
    forget_requests();
}

void page_stream::forget_requests() noexcept
{
    for (const auto& each : requests_) {
        client_.cancel(each.ticket);
    }
    requests_.clear();
}

void page_stream::ask(const page_position& at)
{
    http_request made = pagination_.request_for(at);
    request entry{at, 0, made.url};
    try {
        entry.ticket = client_.start(std::move(made));
    } catch (const error& e) {
        rethrow_with_place(e, entry);
    }
    requests_.push_back(std::move(entry));
}

// Asks for the page that is next, and for those that are likely to follow it.
void page_stream::ask_ahead(const page_position& next)
{
    if (!requests_.empty() && !requests_.front().at.is_place_of(next)) {
        forget_requests();
        window_ = 1;
    }
    if (requests_.empty()) {
        ask(next);
    }
    requests_.front().at = next;
    const auto most = static_cast<std::size_t>(
        std::min<std::int64_t>(largest_ > largest_side_by_side ? 1 : window_, plan_.max_pages - number_));
    window_ = std::min(window_ + 1, std::max(1, plan_.parallel));
    while (requests_.size() < most) {
        const auto likely = pagination_.likely_after(requests_.back().at);
        if (!likely) {
            return;
        }
        ask(*likely);
    }
}

void page_stream::rethrow_with_place(const error& e, const request& from) const
{
    const std::string url = client_.redacted(without_query(from.url));
    const std::string what = client_.redacted(e.what());
    std::string detail = client_.redacted(e.detail());
    while (!detail.empty() && detail.back() == ' ') { // of what a body began with
        detail.pop_back();
    }
    detail += (detail.empty() ? "" : " ") + std::string{"Position: "} + client_.redacted(from.at.shown()) + '.';
    throw error(e.sqlstate(),
                "page " + std::to_string(number_ + 1) + (what.find(url) == std::string::npos ? " of " + url : "") +
                    ": " + what,
                std::move(detail), client_.redacted(e.hint().empty() ? hint_of_choice() : e.hint()));
}

// Where something fails after the user has left the choice to us, it may have been the wrong one.
std::string page_stream::hint_of_choice() const
{
    if (plan_.paginate.kind != page_kind::automatic || !pagination_.has_chosen()) {
        return {};
    }
    return "How the pages follow each other was found out from the first one: " + pagination_.chosen() +
           ". If the server wants something else, say what with paginate.";
}

// For messages: without secrets, and only then cut.
std::string page_stream::beginning_of(std::string_view body) const
{
    if (body.empty()) {
        return {};
    }
    std::string made = client_.redacted(body.substr(0, looked_at_of_body));
    const bool is_longer = made.size() > shown_of_body || body.size() > looked_at_of_body;
    made.resize(std::min(made.size(), shown_of_body));
    std::replace_if(
        made.begin(), made.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    std::replace_if(
        made.begin(), made.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x7F; }, '?');
    return "The page begins: " + made + (is_longer ? "…" : "");
}

page_contents page_stream::read(const http_response& answer) const
{
    page_format format = format_;
    format.is_lines = is_type_of_lines(answer.header("Content-Type").value_or(""));
    try {
        return read_page(answer.body, format, poll_);
    } catch (const error& e) {
        throw error(e.sqlstate(), e.what(), beginning_of(answer.body), e.hint());
    }
}

std::unique_ptr<page> page_stream::next()
{
    if (!next_) {
        return nullptr;
    }
    if (number_ >= plan_.max_pages) {
        throw error(http_sqlstate::limit_exceeded,
                    "there are more than " + std::to_string(plan_.max_pages) + " pages at " +
                        client_.redacted(without_query(plan_.first.url)),
                    "Position: " + client_.redacted(next_->shown()) + '.',
                    "If so many are expected, give a greater max_pages.");
    }
    if (requests_.empty()) {
        ask(*next_);
    }
    return receive();
}

std::unique_ptr<page> page_stream::receive()
{
    const request from = std::move(requests_.front());
    requests_.pop_front();
    const auto began = std::chrono::steady_clock::now();
    auto came = std::make_unique<page>();
    try {
        came->at = from.at;
        came->answer = client_.wait(from.ticket);
        came->seconds = seconds_since(began);
        const page_decision decision = decide(*came);
        came->number = ++number_;
        next_ = decision.what == page_decision::is::next ? std::optional{decision.next} : std::nullopt;
        came->next = next_;
    } catch (const error& e) {
        forget_requests();
        rethrow_with_place(e, from);
    }
    if (!next_) {
        forget_requests();
    } else if (number_ < plan_.max_pages) {
        ask_ahead(*next_);
        client_.pump();
    }
    return came;
}

page_decision page_stream::decide(page& came)
{
    if (pagination_.is_end(came.answer.status, came.at)) {
        came.answer.body.clear();
        return pagination_.after_missing(came.at);
    }
    client_.require_success(came.answer);
    came.answer.body.reserve(came.answer.body.size() + body_padding);
    largest_ = std::max(largest_, came.answer.body.size());
    if (came.answer.status != 204) {
        came.contents = read(came.answer);
        records_at_ = came.contents.records_at;
        if (format_.records.is == record_path::kind::automatic && records_at_ != "ndjson") {
            format_.records.is = record_path::kind::told;
            format_.records.path = json_path::parse(records_at_, "records_path");
        }
        format_.records.may_be_object = format_.records.may_be_object && came.contents.is_object;
    }
    const page_answer answer{came.contents, came.answer.headers};
    const page_decision decision = pagination_.after(came.at, answer, came.answer.url);
    return decision.what == page_decision::is::probe ? probe(decision) : decision;
}

page_decision page_stream::probe(const page_decision& asked)
{
    ask(asked.next);
    const page_client::ticket ticket = requests_.back().ticket;
    requests_.pop_back();
    const http_response answer = client_.wait(ticket);
    client_.require_success(answer);
    const page_contents contents = read(answer);
    return pagination_.after_probe({contents, answer.headers});
}

std::string page_stream::chosen() const
{
    return "records at " + (records_at_.empty() ? std::string{"the top"} : records_at_) + "; " + pagination_.chosen();
}

} // namespace etl
