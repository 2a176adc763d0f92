// URLs: their parts, what lies below them, where links lead, and texts that are no URL.
#include "core/error.hpp"
#include "extract/http_url.hpp"

#include <gtest/gtest.h>

namespace {

using etl::http_url;

TEST(HttpUrl, Parts)
{
    const http_url url{"HTTPS://Api.Example.com/v1/a%20b?x=1"};
    EXPECT_EQ(url.origin(), "https://api.example.com:443");
    EXPECT_EQ(url.host(), "api.example.com");
    EXPECT_EQ(url.port(), 443);
    EXPECT_TRUE(url.is_tls());
    EXPECT_TRUE(url.has_query());
    EXPECT_EQ(url.shown(), "https://Api.Example.com/v1/a%20b");
    EXPECT_EQ(http_url{"http://[2001:DB8::1]:8080/"}.origin(), "http://[2001:db8::1]:8080");
    EXPECT_EQ(http_url{"http://[2001:DB8::1]:8080/"}.host(), "2001:db8::1");
    EXPECT_EQ(http_url{"http://example.com:80"}.origin(), http_url{"http://EXAMPLE.com/x"}.origin());
    EXPECT_NE(http_url{"http://example.com"}.origin(), http_url{"https://example.com"}.origin());
}

TEST(HttpUrl, Below)
{
    const http_url base{"https://example.com/v1"};
    EXPECT_EQ(base.below("events").text(), "https://example.com/v1/events");
    EXPECT_EQ(base.below("/events/7?limit=10").text(), "https://example.com/v1/events/7?limit=10");
    EXPECT_EQ(http_url{"https://example.com/v1/"}.below("events").text(), "https://example.com/v1/events");
    EXPECT_EQ(http_url{"https://example.com"}.below("a b/\xC3\xBC").text(), "https://example.com/a%20b/%C3%BC");
    EXPECT_EQ(base.below("a@evil.net:8080/x").host(), "example.com");
    EXPECT_EQ(base.below("").text(), "https://example.com/v1");
    EXPECT_EQ(base.below("?a=b").text(), "https://example.com/v1?a=b");
    for (const char* path : {"//evil.net/x", "a\\b", "a#b", "a\nb", "a\tb", "\\\\evil.net"}) {
        EXPECT_THROW(base.below(path), etl::error) << path;
    }
}

TEST(HttpUrl, Links)
{
    const http_url url{"https://example.com/v1/events?page=1"};
    const auto leads = [&url](const char* link) { return url.resolve(link).text(); };
    EXPECT_EQ(leads("?page=2"), "https://example.com/v1/events?page=2");
    EXPECT_EQ(leads("more?page=2"), "https://example.com/v1/more?page=2");
    EXPECT_EQ(leads("/v2/x"), "https://example.com/v2/x");
    EXPECT_EQ(leads("https://example.com/v1/events?page=2#top"), "https://example.com/v1/events?page=2");
    EXPECT_EQ(leads(""), "https://example.com/v1/events?page=1");
    EXPECT_EQ(url.resolve("//evil.net/x").host(), "evil.net") << "the client refuses it by its origin";
    EXPECT_EQ(url.resolve("https://evil.net/").origin(), "https://evil.net:443");
    for (const char* link : {"file:///etc/passwd", "https://user:pw@example.com/", "https://example.com\\@evil.net/",
                             "ftp://example.com/", "http://exa mple.com/"}) {
        EXPECT_THROW(url.resolve(link), etl::error) << link;
    }
}

TEST(HttpUrl, Queries)
{
    EXPECT_EQ(etl::encoded_query({{"a b", "1&2=3"}, {"\xC3\xBC", ""}, {"a b", "~-._"}}),
              "a%20b=1%262%3D3&%C3%BC=&a%20b=~-._");
    EXPECT_EQ(http_url{"http://a/x"}.with("key", "s e&c").text(), "http://a/x?key=s%20e%26c");
    EXPECT_EQ(http_url{"http://a/x?y=1"}.with("key", "v").text(), "http://a/x?y=1&key=v");
}

TEST(HttpUrl, ErrorsShowNoSecrets)
{
    try {
        const http_url url{"https://someone:s3cret@example.com/?key=s3cret"};
        FAIL();
    } catch (const etl::error& e) {
        EXPECT_STREQ(e.what(), "URL holds a user or a password");
        EXPECT_EQ(e.hint().find("s3cret"), std::string::npos);
    }
}

} // namespace
