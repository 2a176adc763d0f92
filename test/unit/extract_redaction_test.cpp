// Secrets in texts, however they are encoded there; tokens, and the charset of a body.
#include "core/error.hpp"
#include "core/json.hpp"
#include "extract/content_type.hpp"
#include "extract/http_url.hpp"
#include "extract/oauth_token.hpp"
#include "extract/redaction.hpp"

#include <gtest/gtest.h>

namespace {

using etl::redaction;

TEST(Redaction, Forms)
{
    const redaction secrets{{"p/w \"<\xC3\xBC>\"&%"}};
    for (const char* text : {"p/w \"<\xC3\xBC>\"&%", "p%2Fw%20%22%3C%C3%BC%3E%22%26%25",
                             "p%2fw%20%22%3c%c3%bc%3e%22%26%25", "p/w \\\"<\xC3\xBC>\\\"&%", "p/w \\\"<\\u00fc>\\\"&%",
                             "p\\/w \\\"<\\u00fc>\\\"&%", "p/w &quot;&lt;\xC3\xBC&gt;&quot;&amp;%"}) {
        EXPECT_EQ(secrets.apply(std::string{"("} + text + ")"), "(***)") << text;
    }
    EXPECT_EQ(secrets.apply('(' + etl::base64("p/w \"<\xC3\xBC>\"&%") + ')'), "(***)");
}

TEST(Redaction, LongestFirst)
{
    const redaction secrets{{"abc", "abcdef", ""}};
    EXPECT_EQ(secrets.apply("xabcdefabcab"), "x******ab");
    EXPECT_EQ(redaction{}.apply("abc"), "abc");
}

// What an answer begins with is cut at any place of it, and so of a secret in it.
TEST(Redaction, Cut)
{
    const std::string secret = "Zq9/\"\xC3\xBC"
                               "klmnopqrstuvwxyz012345";
    const redaction secrets{{secret, etl::base64("user:" + secret)}};
    const std::string forms[] = {secret, etl::base64(secret), etl::base64("user:" + secret),
                                 etl::encoded_component(secret), etl::json(secret).dump()};
    for (const std::string& form : forms) {
        for (std::size_t padding = 0; padding <= 300; ++padding) {
            const std::string text =
                std::string(padding, '.') + '"' + form + "\" and more, which makes it longer than that";
            const std::string shown = text.substr(0, std::min(text.size(), std::size_t{200}));
            for (const char* mark : {"…", "…\" to the end", "..."}) {
                const std::string said = secrets.apply(shown + mark);
                ASSERT_EQ(said.find("Zq"), std::string::npos) << said;
                ASSERT_EQ(said.find(form.substr(0, 2) + form[2]), std::string::npos) << said;
            }
        }
    }
    EXPECT_EQ(redaction{{"secret"}}.apply("the server's secr"), "the server's ***");
    EXPECT_EQ(redaction{{"secret"}}.apply("the servers"), "the servers");
}

// RFC 4648, section 10.
TEST(Base64, Vectors)
{
    EXPECT_EQ(etl::base64(""), "");
    EXPECT_EQ(etl::base64("f"), "Zg==");
    EXPECT_EQ(etl::base64("fo"), "Zm8=");
    EXPECT_EQ(etl::base64("foo"), "Zm9v");
    EXPECT_EQ(etl::base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(etl::base64("\xFF\xFE"), "//4=");
}

etl::access_token token_in(int status, const char* body)
{
    etl::http_response response;
    response.status = status;
    response.url = "https://a/token?x=y";
    response.body = body;
    return etl::parse_token(response);
}

std::string refusal(int status, const char* body)
{
    try {
        token_in(status, body);
        return "";
    } catch (const etl::error& e) {
        return std::string{e.sqlstate()} + ' ' + e.what() + ": " + e.detail();
    }
}

TEST(OauthToken, Answers)
{
    const auto token = token_in(200, R"({"access_token": "abc", "token_type": "bearer", "expires_in": 3600})");
    EXPECT_EQ(token.value, "abc");
    EXPECT_EQ(token.lifetime, std::chrono::hours{1});
    EXPECT_EQ(token_in(200, R"({"access_token": "a", "token_type": "Bearer", "expires_in": "60"})").lifetime,
              std::chrono::minutes{1});
    EXPECT_FALSE(token_in(200, R"({"access_token": "a", "token_type": "Bearer"})").lifetime);
    EXPECT_EQ(refusal(401, R"({"error": "invalid_client", "error_description": "s3cret"})"),
              R"(28000 no token from "https://a/token" (status 401): The reason given is "invalid_client".)");
    EXPECT_EQ(refusal(400, R"({"error": "The s3cret is wrong"})").find("s3cret"), std::string::npos);
    for (const char* body :
         {"", "<html>", "[]", "{}", R"({"access_token": "a"})", R"({"access_token": "a", "token_type": "mac"})",
          R"({"access_token": "a\r\nb", "token_type": "Bearer"})", R"({"access_token": 1, "token_type": "Bearer"})"}) {
        EXPECT_EQ(refusal(200, body).substr(0, 5), "28000") << body;
    }
}

TEST(OauthToken, Requests)
{
    const auto basic = etl::token_request({"https://a/token", "my id", "s:c", "one two", false});
    EXPECT_EQ(basic.body, "grant_type=client_credentials&scope=one%20two");
    EXPECT_EQ(basic.headers.front().value, "Basic " + etl::base64("my%20id:s%3Ac"));
    const auto body = etl::token_request({"https://a/token", "id", "secret", "", true});
    EXPECT_EQ(body.body, "grant_type=client_credentials&client_id=id&client_secret=secret");
}

TEST(ContentType, Charset)
{
    EXPECT_EQ(etl::charset_of("text/plain; charset=utf-8"), "utf-8");
    EXPECT_EQ(etl::charset_of("text/plain;x=\"a;charset=b\" ; Charset = \"iso-8859-1\" ; q"), "iso-8859-1");
    EXPECT_EQ(etl::charset_of("text/plain; charset=\"a\\\"b\""), "a\"b");
    for (const char* text :
         {"", ";", "text/plain", "text/plain; xcharset=a", "text/plain; charset", "charset=a", "a;\"", "a;b=\"\\"}) {
        EXPECT_EQ(etl::charset_of(text), "") << text;
    }
}

} // namespace
