#include "extract/http_client.hpp"

#include "extract/http_error.hpp"
#include "extract/http_exchange.hpp"
#include "extract/http_machinery.hpp"

#include "core/text.hpp"

#include <simdjson.h>

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr std::size_t shown_of_body = 200;
constexpr std::size_t looked_at_of_body = std::size_t{16} << 10U; // secrets are taken out before it is cut

// Printable, without a half of a character at its end.
std::string excerpt(std::string_view text)
{
    std::string made{text.substr(0, shown_of_body)};
    while (text.size() > made.size() && !made.empty() &&
           (static_cast<unsigned char>(text[made.size()]) & 0xC0U) == 0x80) {
        made.pop_back();
    }
    std::replace_if(
        made.begin(), made.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; }, ' ');
    if (!simdjson::validate_utf8(made)) { // a text of the server must be: it is stored as what went wrong
        std::replace_if(
            made.begin(), made.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    }
    return made + (text.size() > made.size() ? "…" : "");
}

// Where a redirect leads, without what may be secret in it: no query, and nothing where it has a user.
std::string place_of_redirect(const http_response& response)
{
    const auto location = response.header("Location");
    if (!location || response.status < 300 || response.status > 399) {
        return {};
    }
    try {
        return http_url{response.url}.resolve(*location).shown();
    } catch (const error&) { // it is no URL that could be asked
        return {};
    }
}

std::string hint_of_redirect(const std::string& place)
{
    return place.empty() ? ""
                         : "It redirects to " + excerpt(place) +
                               ". Ask there, or let redirects within the origin be followed: ALTER SERVER … OPTIONS "
                               "(ADD redirects 'same_origin').";
}

} // namespace

http_client::http_client(http_settings settings, poll_fn stop, wait_marks marks)
    : machinery_{std::make_unique<machinery>(std::move(settings), stop, marks)}
{
}

http_client::~http_client() = default;

const http_settings& http_client::settings() const noexcept
{
    return machinery_->settings();
}

std::string http_client::url(std::string_view path, const http_query& query) const
{
    const bool is_whole = path.find("://") < path.find_first_of("/?");
    const http_url made = is_whole ? http_url{path} : machinery_->base().below(path);
    machinery_->require_origin(made);
    if (query.empty()) {
        return made.text();
    }
    return made.text() + (made.has_query() ? '&' : '?') + encoded_query(query);
}

std::string http_client::url_of_link(std::string_view url, std::string_view link) const
{
    const http_url made = http_url{url}.resolve(link);
    machinery_->require_origin(made);
    return made.text();
}

http_client::ticket http_client::start(http_request request)
{
    return machinery_->start(std::move(request));
}

bool http_client::is_done(ticket which) const noexcept
{
    return machinery_->is_done(which);
}

http_response http_client::wait(ticket which)
{
    return machinery_->wait(which);
}

void http_client::cancel(ticket which) noexcept
{
    machinery_->cancel(which);
}

void http_client::pump()
{
    machinery_->advance(milliseconds{0});
}

void http_client::require_success(const http_response& response) const
{
    if (response.status >= 200 && response.status <= 299) {
        return;
    }
    const bool is_refusal = response.status == 401 || response.status == 403;
    const std::string body = redacted(std::string_view{response.body}.substr(0, looked_at_of_body));
    std::string message = redacted(response.url.substr(0, response.url.find('?'))) + " answers with status " +
                          std::to_string(response.status);
    if (response.timing.attempts > 1) {
        message += " after " + std::to_string(response.timing.attempts) + " attempts";
    }
    throw error(is_refusal ? http_sqlstate::invalid_authorization : http_sqlstate::protocol_violation, message,
                body.empty() ? "The body is empty." : "The body begins: " + excerpt(body),
                is_refusal ? "The options of the user mapping say how the server is told who asks."
                           : hint_of_redirect(redacted(place_of_redirect(response))));
}

std::string http_client::redacted(std::string_view text) const
{
    return machinery_->redacted(text);
}

} // namespace etl
