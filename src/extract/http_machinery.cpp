#include "extract/http_machinery.hpp"

#include "extract/http_error.hpp"
#include "extract/http_request_checks.hpp"
#include "extract/oauth_token.hpp"
#include "extract/page_url.hpp"

#include "core/text.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <new>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr milliseconds poll_interval{25}; // of stop
constexpr milliseconds idle_is_free{100}; // between two turns of one who waits
constexpr double slowest_speed = 100;     // bytes a second

// libcurl resolves names in threads of its own, which inherit the mask: handlers of signals are the main thread's.
class signals_blocked {
  public:
    signals_blocked() noexcept
    {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

  private:
    sigset_t before_;
};

CURLM* new_multi()
{
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM* multi = ready == CURLE_OK ? curl_multi_init() : nullptr;
    if (multi == nullptr) {
        throw std::bad_alloc{};
    }
    return multi;
}

std::string in_seconds(milliseconds time)
{
    return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s" : std::to_string(time.count()) + " ms";
}

} // namespace

http_client::machinery::machinery(http_settings settings, poll_fn stop, wait_marks marks)
    : settings_{std::move(settings)}, base_{settings_.base_url, "base_url"}, redaction_{settings_.secrets}, stop_{stop},
      marks_{marks}, multi_{new_multi()}, last_advance_{steady::now()}, random_{std::random_device{}()}
{
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(settings_.parallel));
}

http_client::machinery::~machinery()
{
    for (auto& [ticket, exchange] : exchanges_) {
        drop_transfer(exchange);
    }
    curl_multi_cleanup(multi_);
}

void http_client::machinery::require_origin(const http_url& url) const
{
    if (url.origin() != base_.origin()) {
        throw error(http_sqlstate::insufficient_privilege,
                    "URL " + in_quotes(redacted(url.shown())) + " is not of the server's origin",
                    "The server's base_url is of " + base_.origin() + ", and nothing else is asked.",
                    "Make a server of its own for the other origin: CREATE SERVER … FOREIGN DATA WRAPPER etl_http.");
    }
}

http_client::ticket http_client::machinery::start(http_request request)
{
    http_url url{request.url};
    require_origin(url);
    check_request(request, settings_);
    require_allowed(url, settings_);
    return add(http_exchange{std::move(request), std::move(url)});
}

http_client::ticket http_client::machinery::add(http_exchange exchange)
{
    exchange.request.idempotent = exchange.request.idempotent || is_idempotent(exchange.request.method);
    exchange.started = exchange.due = steady::now();
    exchanges_.emplace(++last_ticket_, std::move(exchange));
    return last_ticket_;
}

http_exchange& http_client::machinery::find(ticket which)
{
    const auto found = exchanges_.find(which);
    if (found == exchanges_.end()) {
        throw error(sqlstate::internal_error, "there is no request " + std::to_string(which));
    }
    return found->second;
}

bool http_client::machinery::is_done(ticket which) const noexcept
{
    const auto found = exchanges_.find(which);
    return found == exchanges_.end() || found->second.state == exchange_state::done;
}

http_response http_client::machinery::wait(ticket which)
{
    const struct spent_ticket {
        machinery& owner;
        ticket which;
        ~spent_ticket() { owner.cancel(which); }
    } spent{*this, which};
    while (find(which).state != exchange_state::done) {
        stop_();
        advance(poll_interval);
    }
    http_exchange& exchange = find(which);
    if (exchange.failure) {
        std::rethrow_exception(exchange.failure);
    }
    return std::move(*exchange.response);
}

void http_client::machinery::cancel(ticket which) noexcept
{
    const auto found = exchanges_.find(which);
    if (found == exchanges_.end()) {
        return;
    }
    drop_transfer(found->second);
    if (const auto taken = found->second.taken) {
        settings_.limiter->give_back(settings_.rate_key, settings_.rate_interval, *taken);
    }
    exchanges_.erase(found);
}

void http_client::machinery::drop_transfer(http_exchange& exchange) noexcept
{
    if (exchange.transfer) {
        curl_multi_remove_handle(multi_, exchange.transfer->handle());
        exchange.transfer.reset();
        --running_;
    }
}

void http_client::machinery::advance(milliseconds longest_sleep)
{
    const auto idle = steady::now() - last_advance_;
    if (idle > idle_is_free) {
        add_to_clocks(idle);
    }
    std::erase_if(exchanges_, [](const entry& each) {
        return each.second.is_for_token && each.second.state == exchange_state::done; // nobody waits for it
    });
    begin_what_is_due();
    let_transfers_move();
    if (longest_sleep.count() > 0) {
        sleep(longest_sleep);
    }
    last_advance_ = steady::now();
}

// Those who have a place but must wait for the rate keep it, so that the oldest are the first to be sent.
void http_client::machinery::begin_what_is_due()
{
    const auto now = steady::now();
    const auto has_turn = [](const entry& each) {
        return each.second.state == exchange_state::waiting && each.second.taken.has_value();
    };
    auto places =
        settings_.parallel - running_ - static_cast<int>(std::count_if(exchanges_.begin(), exchanges_.end(), has_turn));
    for (entry& each : exchanges_) {
        http_exchange& exchange = each.second;
        if (exchange.state != exchange_state::waiting || exchange.due > now) {
            continue;
        }
        if (!exchange.is_for_token && !exchange.taken && places-- <= 0) {
            return;
        }
        try {
            if (has_token(exchange) && is_in_time(exchange)) {
                begin_attempt(exchange);
            }
        } catch (const error& why) {
            fail(exchange, why);
        }
    }
}

bool http_client::machinery::is_in_time(http_exchange& exchange)
{
    if (exchange.is_for_token || !settings_.limiter || settings_.rate_interval.count() == 0) {
        return true;
    }
    const auto now = rate_limiter::now();
    if (!exchange.taken) {
        exchange.taken = settings_.limiter->take(settings_.rate_key, settings_.rate_interval, now);
    }
    if (*exchange.taken > now) {
        exchange.due = steady::now() + (*exchange.taken - now);
        return false;
    }
    return true;
}

bool http_client::machinery::has_token(http_exchange& exchange)
{
    const auto* client = std::get_if<oauth2_client>(&settings_.credentials);
    if (client == nullptr || exchange.is_for_token) {
        return true;
    }
    if (token_ends_ && steady::now() >= *token_ends_) {
        token_.clear();
    }
    if (!token_.empty()) {
        return true;
    }
    exchange.state = exchange_state::no_token;
    if (!token_ticket_) {
        http_url url{client->token_url, "token_url"};
        require_allowed(url, settings_);
        http_exchange asking{token_request(*client), std::move(url)};
        asking.is_for_token = true;
        token_ticket_ = add(std::move(asking));
    }
    return false;
}

std::vector<http_header> http_client::machinery::headers_for(http_exchange& exchange) const
{
    std::vector<http_header> headers = exchange.request.headers;
    if (exchange.is_for_token) {
        return headers;
    }
    for (const http_header& each : settings_.headers) {
        if (std::none_of(exchange.request.headers.begin(), exchange.request.headers.end(),
                         [&each](const http_header& own) { return same_header(own.name, each.name); })) {
            headers.push_back(each);
        }
    }
    if (const auto* secret = std::get_if<header_secret>(&settings_.credentials)) {
        headers.push_back({secret->name, secret->value});
    } else if (std::holds_alternative<oauth2_client>(settings_.credentials)) {
        exchange.token = token_;
        headers.push_back({"Authorization", "Bearer " + token_});
    }
    return headers;
}

void http_client::machinery::begin_attempt(http_exchange& exchange)
{
    const auto* secret = std::get_if<query_secret>(&settings_.credentials);
    exchange.taken.reset();
    ++exchange.attempts;
    try {
        exchange.sent_url =
            secret != nullptr && !exchange.is_for_token ? exchange.url.with(secret->name, secret->value) : exchange.url;
        exchange.transfer =
            std::make_unique<http_transfer>(settings_, *exchange.sent_url, exchange.request, headers_for(exchange));
    } catch (const error& why) {
        fail(exchange, why);
        return;
    }
    if (curl_multi_add_handle(multi_, exchange.transfer->handle()) != CURLM_OK) {
        exchange.transfer.reset();
        throw std::bad_alloc{};
    }
    curl_easy_setopt(exchange.transfer->handle(), CURLOPT_PRIVATE, &exchange);
    ++running_;
    exchange.state = exchange_state::running;
    exchange.clock = {steady::now(), steady::now(), 0};
}

void http_client::machinery::let_transfers_move()
{
    {
        const signals_blocked blocked;
        int still_running = 0;
        curl_multi_perform(multi_, &still_running);
    }
    end_what_is_over();
    const auto now = steady::now();
    for (entry& each : exchanges_) {
        if (each.second.state == exchange_state::running) {
            check_clock(each.second, now);
        }
    }
}

void http_client::machinery::end_what_is_over()
{
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg == CURLMSG_DONE) {
            http_exchange* exchange = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
            end_attempt(*exchange, exchange->transfer->end(message->data.result));
        }
    }
}

void http_client::machinery::check_clock(http_exchange& exchange, steady::time_point now)
{
    attempt_clock& clock = exchange.clock;
    const auto over = [&](const std::string& what) { end_attempt(exchange, exchange.transfer->end_of_time(what)); };
    if (now - clock.begun > settings_.timeout) {
        over("took longer than " + in_seconds(settings_.timeout));
    } else if (now - clock.begun > settings_.connect_timeout && !exchange.transfer->is_connected()) {
        over("was not connected after " + in_seconds(settings_.connect_timeout));
    } else if (now - clock.window > settings_.stall_timeout) {
        const std::size_t received = exchange.transfer->received();
        const std::chrono::duration<double> seconds = now - clock.window;
        if (static_cast<double>(received - clock.received) < slowest_speed * seconds.count()) {
            over("was slower than " + std::to_string(static_cast<int>(slowest_speed)) + " bytes a second for " +
                 in_seconds(settings_.stall_timeout));
            return;
        }
        clock.window = now;
        clock.received = received;
    }
}

void http_client::machinery::add_to_clocks(steady::duration idle)
{
    for (entry& each : exchanges_) {
        each.second.clock.begun += idle;
        each.second.clock.window += idle;
    }
}

void http_client::machinery::end_attempt(http_exchange& exchange, attempt_end end)
{
    drop_transfer(exchange);
    exchange.state = exchange_state::waiting;
    exchange.due = steady::now();
    if (end.response) {
        end.response->url = exchange.url.text();
        if (is_asked_anew(exchange, *end.response) || follow_redirect(exchange, *end.response)) {
            return;
        }
    }
    const double chance = std::uniform_real_distribution<double>{}(random_);
    if (const auto delay = settings_.retry.delay(end.outcome, exchange.request.idempotent, exchange.attempts, chance)) {
        exchange.due += *delay;
    } else if (end.response) {
        finish(exchange, std::move(*end.response));
    } else {
        fail(exchange, *end.failure);
    }
}

// A token may be taken back before its time: once for each request another is got, and the request sent again.
bool http_client::machinery::is_asked_anew(http_exchange& exchange, const http_response& response)
{
    constexpr int unauthorized = 401;
    if (response.status != unauthorized || exchange.is_for_token || exchange.was_refused ||
        !std::holds_alternative<oauth2_client>(settings_.credentials)) {
        return false;
    }
    exchange.was_refused = true;
    if (token_ == exchange.token) {
        token_.clear();
    }
    --exchange.attempts;
    return true;
}

bool http_client::machinery::follow_redirect(http_exchange& exchange, const http_response& response)
{
    const auto to = response.header("Location");
    if (!settings_.follow_redirects || exchange.is_for_token || !is_redirect(response.status) || !to) {
        return false;
    }
    try {
        http_url next = exchange.url.resolve(*to);
        if (const auto* secret = std::get_if<query_secret>(&settings_.credentials)) {
            next = http_url{without_param(next.text(), secret->name)}; // the server may have kept it; it is added again
        }
        require_origin(next);
        count_redirect(++exchange.redirects, exchange.request, redacted(next.shown()));
        change_method(exchange.request, response.status);
        exchange.url = std::move(next);
        --exchange.attempts;
    } catch (const error& why) {
        const bool is_no_url = std::string_view{why.sqlstate()} == sqlstate::invalid_parameter_value;
        fail(exchange,
             error{is_no_url ? http_sqlstate::protocol_violation : why.sqlstate(),
                   "redirect of " + redacted(exchange.url.shown()) + ": " + why.what(), why.detail(), why.hint()});
    }
    return true;
}

void http_client::machinery::finish(http_exchange& exchange, http_response response)
{
    response.timing.attempts = exchange.attempts;
    response.timing.total = std::chrono::duration<double>(steady::now() - exchange.started).count();
    exchange.response = std::move(response);
    exchange.state = exchange_state::done;
    if (exchange.is_for_token) {
        take_token(exchange);
    }
}

void http_client::machinery::fail(http_exchange& exchange, const error& why)
{
    const std::string tries =
        exchange.attempts > 1 ? " (attempt " + std::to_string(exchange.attempts) + ", the last)" : "";
    exchange.failure = std::make_exception_ptr(
        error{why.sqlstate(), redacted(why.what()) + tries, redacted(why.detail()), redacted(why.hint())});
    exchange.state = exchange_state::done;
    if (exchange.is_for_token) {
        take_token(exchange);
    }
}

// For all who wait for it; or its failure is theirs. The one who asked for it belongs to nobody else.
void http_client::machinery::take_token(http_exchange& asked)
{
    std::exception_ptr failure = asked.failure;
    try {
        if (!failure) {
            access_token token = parse_token(*asked.response);
            redaction_.add(token.value);
            token_ = std::move(token.value);
            token_ends_.reset();
            if (token.lifetime) { // a tenth early, so that none ends on its way
                token_ends_ = asked.started + std::chrono::duration_cast<milliseconds>(*token.lifetime) * 9 / 10;
            }
        }
    } catch (const error&) {
        failure = std::current_exception();
    }
    for (auto& [ticket, exchange] : exchanges_) {
        if (exchange.state == exchange_state::no_token) {
            exchange.state = failure ? exchange_state::done : exchange_state::waiting;
            exchange.failure = failure;
        }
    }
    token_ticket_.reset();
}

void http_client::machinery::sleep(milliseconds longest)
{
    const auto now = steady::now();
    auto until = now + longest;
    for (const entry& each : exchanges_) {
        if (each.second.state == exchange_state::done) {
            return;
        }
        if (each.second.state == exchange_state::waiting && each.second.due > now) {
            until = std::min(until, each.second.due);
        }
    }
    const auto time = std::chrono::ceil<milliseconds>(until - now);
    marks_.begins();
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(time.count()), nullptr);
    marks_.ends();
}

} // namespace etl
