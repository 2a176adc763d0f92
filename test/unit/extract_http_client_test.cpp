// The client against a server that answers what each test decides.
#include "unit/scripted_server.hpp"

#include "core/error.hpp"
#include "extract/http_client.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace {

using etl::http_client;
using etl::http_request;
using etl::http_settings;
using answer = scripted_server::answer;
using request = scripted_server::request;
using namespace std::chrono_literals;

http_settings settings_for(const scripted_server& server)
{
    http_settings settings;
    settings.base_url = server.url() + "/v1";
    settings.rules = etl::address_rules::parse("127.0.0.1");
    settings.retry.first_delay = 1ms;
    return settings;
}

http_request get(const http_client& client, const char* path = "x")
{
    http_request made;
    made.url = client.url(path);
    return made;
}

http_request post(const http_client& client)
{
    http_request made = get(client);
    made.method = "POST";
    made.body = "{}";
    return made;
}

template <class Call>
std::string failure_of(Call call)
{
    try {
        call();
        return "";
    } catch (const etl::error& e) {
        return std::string{e.sqlstate()} + ' ' + e.what() + " / " + e.detail();
    }
}

std::string failure(http_client& client, http_request request)
{
    return failure_of([&] { client.wait(client.start(std::move(request))); });
}

TEST(HttpClient, Answers)
{
    scripted_server server{[](const request& asked) {
        EXPECT_TRUE(asked.text.starts_with("GET /v1/x HTTP/1.1\r\n")) << asked.text;
        return answer{"HTTP/1.1 100 Continue\r\nX-Not: this\r\n\r\nHTTP/1.1 200 OK\r\nX-Folded: one\r\n  two\r\n"
                      "x-TWICE:  a \r\nX-Twice: b\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n"
                      "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Late: 1\r\n\r\n"};
    }};
    http_client client{settings_for(server), etl::never_poll};
    const auto response = client.wait(client.start(get(client)));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.url, server.url() + "/v1/x");
    EXPECT_EQ(response.body, "hello world");
    EXPECT_GE(response.body.capacity(), response.body.size() + etl::body_padding);
    EXPECT_EQ(response.header("X-Folded"), "one two");
    EXPECT_EQ(response.header("X-Twice"), "a");
    EXPECT_FALSE(response.header("X-Not"));
    EXPECT_FALSE(response.header("X-Late"));
    EXPECT_EQ(response.timing.attempts, 1);
}

TEST(HttpClient, RequireSuccessTellsNoSecret)
{
    std::string body = "you sent s3cret, and c%20d\n";
    body += std::string(160, '.') + "\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC";
    scripted_server server{[&body](const request&) {
        return answer{"HTTP/1.1 404 s3cret\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body};
    }};
    auto settings = settings_for(server);
    settings.secrets = {"s3cret", "c d"};
    http_client client{settings, etl::never_poll};
    auto response = client.wait(client.start(get(client, "s3cret?key=s3cret")));
    const std::string said = failure_of([&] { client.require_success(response); });
    EXPECT_EQ(said.find("s3cret"), std::string::npos);
    EXPECT_TRUE(said.starts_with("08P01 " + server.url() +
                                 "/v1/*** answers with status 404 / The body begins: you sent "
                                 "***, and *** ...."))
        << said;
    EXPECT_TRUE(said.ends_with("\xC3\xBC…")) << said;
    response.status = 403;
    EXPECT_TRUE(failure_of([&] { client.require_success(response); }).starts_with("28000"));
    response.status = 204;
    EXPECT_EQ(failure_of([&] { client.require_success(response); }), "");
}

TEST(HttpClient, HintsOfRedirectsAreWithoutSecrets)
{
    std::string location;
    scripted_server server{[&location](const request&) {
        return answer{"HTTP/1.1 302 Found\r\nLocation: " + location + "\r\nContent-Length: 0\r\n\r\n"};
    }};
    auto settings = settings_for(server);
    settings.secrets = {"s3cret-key"};
    http_client client{settings, etl::never_poll};
    const auto hint = [&](std::string to) {
        location = std::move(to);
        const auto response = client.wait(client.start(get(client)));
        try {
            client.require_success(response);
        } catch (const etl::error& e) {
            return e.hint();
        }
        return std::string{"none"};
    };
    EXPECT_TRUE(hint("/v2/x?token=abc").starts_with("It redirects to " + server.url() + "/v2/x. Ask there"));
    EXPECT_TRUE(hint("/v2/x#token=abc").starts_with("It redirects to " + server.url() + "/v2/x. Ask there"));
    EXPECT_EQ(hint("http://user:abc@example.com/x"), "");
    EXPECT_EQ(hint("http://user:abc@example.com").find("abc"), std::string::npos);
    EXPECT_TRUE(hint("/s3cret-key/x").starts_with("It redirects to " + server.url() + "/***/x. Ask there"));
}

TEST(HttpClient, SecretsGoToTheOriginOnly)
{
    scripted_server server{[](const request& asked) {
        EXPECT_NE(asked.text.find("\r\nAuthorization: Bearer abc\r\n"), std::string::npos);
        return scripted_server::ok("");
    }};
    auto settings = settings_for(server);
    settings.credentials = etl::header_secret{"Authorization", "Bearer abc"};
    http_client client{settings, etl::never_poll};
    client.wait(client.start(get(client)));
    for (const char* url :
         {"http://127.0.0.1:1/x", "http://127.0.0.2/x", "https://example.com/", "http://localhost/"}) {
        http_request elsewhere;
        elsewhere.url = url;
        EXPECT_TRUE(failure_of([&] { client.start(elsewhere); }).starts_with("42501")) << url;
        EXPECT_TRUE(failure_of([&] { client.url(url); }).starts_with("42501")) << url;
        EXPECT_TRUE(failure_of([&] { client.url_of_link(server.url(), url); }).starts_with("42501")) << url;
    }
    EXPECT_TRUE(failure_of([&] { client.url_of_link(server.url(), "//example.com/"); }).starts_with("42501"));
    EXPECT_EQ(client.url_of_link(server.url() + "/v1/x?page=1", "?page=2"), server.url() + "/v1/x?page=2");
    EXPECT_EQ(client.url("x?a=1", {{"b", "2"}}), server.url() + "/v1/x?a=1&b=2");
    EXPECT_EQ(server.requests(), 1);
}

TEST(HttpClient, Retries)
{
    scripted_server server{
        [](const request& asked) { return asked.number < 3 ? answer{} : scripted_server::ok("at last"); }};
    http_client client{settings_for(server), etl::never_poll};
    const auto response = client.wait(client.start(get(client)));
    EXPECT_EQ(response.body, "at last");
    EXPECT_EQ(response.timing.attempts, 3);
}

// A connection that is kept may be gone when the next request needs it. A GET is sent again on another; a POST must not
// be, so it never takes one that is kept.
TEST(HttpClient, PostIsNeverSentTwice)
{
    scripted_server server{[](const request& asked) {
        const bool is_post = asked.text.starts_with("POST");
        return is_post || asked.number == 1 ? scripted_server::ok("") : answer{};
    }};
    http_client client{settings_for(server), etl::never_poll};
    client.wait(client.start(get(client)));
    EXPECT_EQ(client.wait(client.start(post(client))).status, 200);
    EXPECT_EQ(server.requests(), 2);
    scripted_server deaf{[](const request&) { return answer{}; }};
    http_client other{settings_for(deaf), etl::never_poll};
    EXPECT_TRUE(failure(other, post(other)).starts_with("08006"));
    EXPECT_EQ(deaf.requests(), 1);
    http_request again = post(other);
    again.idempotent = true;
    EXPECT_TRUE(failure(other, again).starts_with("08006"));
    EXPECT_EQ(deaf.requests(), 4);
}

TEST(HttpClient, SideBySide)
{
    std::atomic<int> now = 0;
    std::atomic<int> most = 0;
    scripted_server server{[&](const request& asked) {
        const int mine = ++now;
        for (int seen = most; mine > seen && !most.compare_exchange_weak(seen, mine);) {
        }
        std::this_thread::sleep_for(20ms);
        --now;
        return scripted_server::ok(asked.text.substr(8, asked.text.find(' ', 5) - 8));
    }};
    auto settings = settings_for(server);
    settings.parallel = 3;
    http_client client{settings, etl::never_poll};
    std::vector<http_client::ticket> tickets;
    for (int i = 0; i < 20; ++i) {
        tickets.push_back(client.start(get(client, std::to_string(i).c_str())));
    }
    for (int i = 19; i >= 0; --i) {
        EXPECT_EQ(client.wait(tickets[static_cast<std::size_t>(i)]).body, std::to_string(i));
    }
    EXPECT_EQ(most, 3);
}

struct stopped {};
int polls_left = 0;
void stop_soon()
{
    if (polls_left-- == 0) {
        throw stopped{};
    }
}

TEST(HttpClient, Stop)
{
    scripted_server server{[](const request& asked) {
        std::this_thread::sleep_for(asked.text.starts_with("GET /v1/slow") ? 500ms : 100ms);
        return scripted_server::ok("");
    }};
    polls_left = 2;
    http_client client{settings_for(server), stop_soon};
    const auto slow = client.start(get(client, "slow"));
    const auto fast = client.start(get(client, "fast"));
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_THROW(client.wait(slow), stopped);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 90ms);
    EXPECT_TRUE(client.is_done(slow)) << "the ticket is spent";
    EXPECT_TRUE(failure_of([&] { client.wait(slow); }).starts_with("XX000"));
    polls_left = 1000;
    EXPECT_EQ(client.wait(fast).status, 200);
    client.cancel(slow);
    client.cancel(client.start(get(client, "slow")));
    client.start(get(client, "slow"));
    client.pump();
} // and ends with one under way

// Who works on a page for longer than the timeout finds the next one there.
TEST(HttpClient, TimeInBetweenDoesNotCount)
{
    scripted_server server{[](const request&) { return scripted_server::ok(std::string(1 << 20, 'x')); }};
    auto settings = settings_for(server);
    settings.timeout = 300ms;
    settings.stall_timeout = 200ms;
    settings.retry.attempts = 1;
    http_client client{settings, etl::never_poll};
    const auto ticket = client.start(get(client));
    client.pump();
    std::this_thread::sleep_for(600ms);
    EXPECT_EQ(client.wait(ticket).body.size(), 1U << 20U);
}

TEST(HttpClient, WhatIsNoHttp)
{
    const std::string gzip_begins{"\x1F\x8B\x08\0\0\0\0\0\0\x03", 10};
    const std::pair<std::string, const char*> texts[] = {
        {"hello\r\n\r\n", "08P01"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "08P01"},
        {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello", "08P01"},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "08P01"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 5\r\n\r\nhello", "08P01"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", "08P01"},
        {std::string{"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n"} + gzip_begins, "08006"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "08006"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", "08006"},
        {"HTTP/1.1 200 OK\r\n" + std::string(300'000, 'a') + ": b\r\n\r\n", "53400"},
        {[] {
             std::string many = "HTTP/1.1 200 OK\r\n";
             for (int i = 0; i < 20'000; ++i) {
                 many += "X: 123456789\r\n";
             }
             return many + "\r\n";
         }(),
         "53400"},
    };
    for (const auto& [text, state] : texts) {
        scripted_server server{[&text](const request&) { return answer{text, true}; }};
        auto settings = settings_for(server);
        settings.retry.attempts = 1;
        http_client client{settings, etl::never_poll};
        EXPECT_EQ(failure(client, get(client)).substr(0, 5), state) << text.substr(0, 100);
    }
}

TEST(HttpClient, EmptyBodies)
{
    scripted_server server{[](const request& asked) {
        return answer{std::string{"HTTP/1.1 "} + (asked.number == 1 ? "200 OK" : "204 No Content") +
                      "\r\nContent-Encoding: gzip\r\n" + (asked.number == 1 ? "Content-Length: 0\r\n\r\n" : "\r\n")};
    }};
    http_client client{settings_for(server), etl::never_poll};
    EXPECT_EQ(client.wait(client.start(get(client))).body, "");
    EXPECT_EQ(client.wait(client.start(get(client))).status, 204);
}

TEST(HttpClient, OneTokenForAll)
{
    std::atomic<int> tokens = 0;
    scripted_server server{[&tokens](const request& asked) {
        if (asked.text.starts_with("POST /token")) {
            return scripted_server::ok(R"({"access_token": "t)" + std::to_string(++tokens) +
                                       R"(", "token_type": "Bearer"})");
        }
        const bool fresh = asked.text.find("Authorization: Bearer t2\r\n") != std::string::npos;
        return fresh ? scripted_server::ok("") : answer{"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"};
    }};
    auto settings = settings_for(server);
    settings.credentials = etl::oauth2_client{server.url() + "/token", "id", "secret", "", false};
    http_client client{settings, etl::never_poll};
    std::vector<http_client::ticket> tickets;
    for (int i = 0; i < 5; ++i) {
        tickets.push_back(client.start(get(client)));
    }
    for (const auto each : tickets) {
        const auto response = client.wait(each);
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.timing.attempts, 1);
    }
    EXPECT_EQ(tokens, 2) << "the first token was refused to all five";
}

TEST(HttpClient, TheTokenIsForAllowedHosts)
{
    scripted_server server{[](const request&) { return scripted_server::ok(""); }};
    auto settings = settings_for(server);
    settings.credentials = etl::oauth2_client{"https://evil.example/token", "id", "secret", "", false};
    http_client client{settings, etl::never_poll};
    EXPECT_TRUE(failure(client, get(client)).starts_with("42501 host \"evil.example\" (port 443) is not allowed"));
    EXPECT_EQ(server.requests(), 0);
}

} // namespace
