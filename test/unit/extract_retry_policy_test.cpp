// When a request is sent again, and how long after.
#include "extract/retry_policy.hpp"

#include <gtest/gtest.h>

namespace {

using etl::attempt_outcome;
using etl::milliseconds;
using etl::parse_retry_after;
using etl::retry_policy;
using namespace std::chrono_literals;

attempt_outcome status(int code, std::optional<milliseconds> after = std::nullopt)
{
    attempt_outcome made;
    made.status = code;
    made.retry_after = after;
    return made;
}

attempt_outcome broken(bool passing, bool acted)
{
    attempt_outcome made;
    made.is_passing = passing;
    made.may_have_acted = acted;
    return made;
}

TEST(RetryPolicy, DelaysDouble)
{
    const retry_policy policy{.attempts = 20};
    EXPECT_EQ(policy.delay(status(500), true, 1, 0.5), 1s);
    EXPECT_EQ(policy.delay(status(500), true, 2, 0.5), 2s);
    EXPECT_EQ(policy.delay(status(500), true, 3, 0.5), 4s);
    EXPECT_EQ(policy.delay(status(500), true, 1, 0.0), 750ms);
    EXPECT_EQ(policy.delay(status(500), true, 1, 1.0), 1250ms);
    EXPECT_EQ(policy.delay(status(500), true, 19, 0.5), 60s) << "and end at the longest wait";
}

TEST(RetryPolicy, Attempts)
{
    const retry_policy policy;
    EXPECT_TRUE(policy.delay(status(503), true, 2, 0.5));
    EXPECT_FALSE(policy.delay(status(503), true, 3, 0.5));
    EXPECT_FALSE((retry_policy{.attempts = 1}.delay(status(503), true, 1, 0.5)));
}

TEST(RetryPolicy, WhatIsWorthIt)
{
    const retry_policy policy;
    const auto again = [&policy](const attempt_outcome& outcome, bool idempotent) {
        return policy.delay(outcome, idempotent, 1, 0.5).has_value();
    };
    for (const int code : {500, 501, 502, 504, 520, 599}) {
        EXPECT_TRUE(again(status(code), true)) << code;
        EXPECT_FALSE(again(status(code), false)) << code;
    }
    for (const int code : {429, 503}) {
        EXPECT_TRUE(again(status(code), true)) << code;
        EXPECT_TRUE(again(status(code), false)) << code;
    }
    for (const int code : {200, 204, 301, 304, 400, 401, 403, 404, 408, 409, 418, 422}) {
        EXPECT_FALSE(again(status(code), true)) << code;
    }
    EXPECT_TRUE(again(broken(true, true), true));
    EXPECT_FALSE(again(broken(true, true), false));
    EXPECT_TRUE(again(broken(true, false), false));
    EXPECT_FALSE(again(broken(false, false), true));
}

TEST(RetryPolicy, RetryAfter)
{
    const retry_policy policy;
    EXPECT_EQ(policy.delay(status(429, 7s), true, 1, 0.5), 7s);
    EXPECT_EQ(policy.delay(status(429, 0s), true, 1, 0.5), 0s);
    EXPECT_EQ(policy.delay(status(503, 60s), true, 2, 0.5), 60s);
    EXPECT_FALSE(policy.delay(status(429, 61s), true, 1, 0.5)) << "who asks for longer is not asked again";
}

TEST(RetryAfter, Seconds)
{
    EXPECT_EQ(parse_retry_after("0", {}, 0), 0s);
    EXPECT_EQ(parse_retry_after("120", {}, 0), 120s);
    EXPECT_GT(parse_retry_after("99999999999999999999999", {}, 0), 24h);
    EXPECT_GT(parse_retry_after("9223372036854775807", {}, 0), 24h);
    for (const char* text : {"", "-1", "1.5", "1 s", "soon", "+3", "0x10"}) {
        EXPECT_FALSE(parse_retry_after(text, {}, 0)) << text;
    }
}

TEST(RetryAfter, Dates)
{
    constexpr std::time_t noon = 784'111'777 - 37; // Sun, 06 Nov 1994 08:49:00 GMT
    for (const char* text :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
        EXPECT_EQ(parse_retry_after(text, {}, noon), 37s) << text;
    }
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:48:00 GMT", {}, noon), 0s) << "a moment that is over";
    // The clock of the server is a year ahead of ours.
    EXPECT_EQ(parse_retry_after("Mon, 06 Nov 1995 08:49:37 GMT", "Mon, 06 Nov 1995 08:49:30 GMT", noon), 7s);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", "no date", noon), 37s);
    EXPECT_GT(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", {}, noon), 24h);
}

} // namespace
