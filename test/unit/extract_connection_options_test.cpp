// Options of servers and user mappings: what is taken, what is refused and how, and the settings that they make.
#include "core/error.hpp"
#include "extract/connection_options.hpp"
#include "extract/units.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace {

using etl::connection_option;
using etl::option_place;
using options = std::vector<connection_option>;
using namespace std::chrono_literals;

// "HV024 message", or "" where the options are taken.
std::string verdict(option_place place, const options& list, bool superuser = true)
{
    try {
        check_options(place, list, superuser);
        return "";
    } catch (const etl::error& e) {
        return std::string{e.sqlstate()} + ' ' + e.what();
    }
}

std::string server(const char* name, const char* value, bool superuser = true)
{
    return verdict(option_place::server, {{"base_url", "https://api.example.com/v1"}, {name, value}}, superuser);
}

std::string mapping(const options& list, bool superuser = true)
{
    return verdict(option_place::user_mapping, list, superuser);
}

TEST(Units, Durations)
{
    EXPECT_EQ(etl::parse_duration("500ms"), 500ms);
    EXPECT_EQ(etl::parse_duration("30 s"), 30s);
    EXPECT_EQ(etl::parse_duration("2min"), 2min);
    EXPECT_EQ(etl::parse_duration("1h"), 1h);
    for (const char* text :
         {"", "30", "s", "1.5s", "-1s", "+1s", "1  s", "1s ", " 1s", "1S", "1sec", "1m", "99999999999s"}) {
        EXPECT_FALSE(etl::parse_duration(text)) << text;
    }
}

TEST(Units, Sizes)
{
    EXPECT_EQ(etl::parse_size("512B"), 512U);
    EXPECT_EQ(etl::parse_size("64kB"), 65536U);
    EXPECT_EQ(etl::parse_size("32 MB"), 32U << 20U);
    for (const char* text : {"", "512", "1KB", "1mb", "1.5MB", "-1B"}) {
        EXPECT_FALSE(etl::parse_size(text)) << text;
    }
}

TEST(Units, Rates)
{
    EXPECT_EQ(etl::parse_rate("10/s"), 100ms);
    EXPECT_EQ(etl::parse_rate("600/min"), 100ms);
    EXPECT_EQ(etl::parse_rate("1/h"), 1h);
    EXPECT_EQ(etl::parse_rate("86400/d"), 1s);
    for (const char* text : {"", "10", "/s", "0/s", "-1/s", "1.5/s", "10/", "10/m", "10 /s", "10/ s", "10/sec"}) {
        EXPECT_FALSE(etl::parse_rate(text)) << text;
    }
}

TEST(ServerOptions, Taken)
{
    for (const auto& [name, value] : options{{"timeout", "30s"},
                                             {"connect_timeout", "500ms"},
                                             {"stall_timeout", "1min"},
                                             {"attempts", "1"},
                                             {"retry_delay", "10ms"},
                                             {"max_retry_after", "1h"},
                                             {"rate_limit", "10/s"},
                                             {"max_body", "1MB"},
                                             {"parallel", "64"},
                                             {"redirects", "same_origin"},
                                             {"user_agent", "mine/1.0"},
                                             {"headers", R"({"Accept": "application/json"})"},
                                             {"proxy", "http://proxy.example.com:3128"},
                                             {"ca_file", "/etc/ssl/own.pem"}}) {
        EXPECT_EQ(server(name.c_str(), value.c_str()), "") << name;
    }
    EXPECT_EQ(verdict(option_place::server, {{"base_url", "http://127.0.0.1:8080"}}, false), "");
}

TEST(ServerOptions, Refused)
{
    EXPECT_EQ(verdict(option_place::server, {}), R"(HV00J option "base_url" is missing)");
    EXPECT_EQ(server("url", "x"), R"(HV00D invalid option "url")");
    EXPECT_EQ(server("bearer_token", "x"), R"(HV00D invalid option "bearer_token")");
    EXPECT_EQ(server("timeout", "30"), R"(HV024 invalid value for option "timeout": "30")");
    EXPECT_EQ(server("timeout", "25h"), R"(HV024 invalid value for option "timeout": "25h")");
    for (const auto& [name, value] : options{{"timeout", "0s"},
                                             {"attempts", "0"},
                                             {"attempts", "21"},
                                             {"attempts", "3x"},
                                             {"attempts", ""},
                                             {"rate_limit", "10"},
                                             {"max_body", "0B"},
                                             {"max_body", "1GB"},
                                             {"parallel", "65"},
                                             {"redirects", "yes"},
                                             {"headers", R"(["a"])"},
                                             {"headers", R"({"a": 1})"},
                                             {"ca_file", "ca.pem"},
                                             {"headers", R"({"Cookie": "a"})"},
                                             {"proxy", "http://a/?b"},
                                             {"headers", R"({"authorization": "a"})"}}) {
        EXPECT_EQ(server(name.c_str(), value.c_str()).substr(0, 5), "HV024") << name << ' ' << value;
    }
    for (const auto& [name, value] : options{{"user_agent", "a\r\nX: y"},
                                             {"headers", R"({"Host": "a"})"},
                                             {"headers", R"({"a b": "c"})"},
                                             {"headers", "{"},
                                             {"proxy", "socks5://a"},
                                             {"proxy", "http://user:pw@a"}}) {
        EXPECT_EQ(server(name.c_str(), value.c_str()).substr(0, 2), "22") << name << ' ' << value;
    }
    for (const char* url : {"", "example.com", "ftp://example.com", "https://user:pw@example.com", "https://a/?key=b",
                            "https://a/#b", "https://a b/"}) {
        EXPECT_NE(verdict(option_place::server, {{"base_url", url}}), "") << url;
    }
    EXPECT_EQ(server("proxy", "http://proxy", false).substr(0, 5), "42501");
    EXPECT_EQ(server("ca_file", "/etc/ssl/own.pem", false).substr(0, 5), "42501");
}

TEST(ServerOptions, HintListsThem)
{
    try {
        check_options(option_place::server, options{{"url", "x"}}, true);
        FAIL();
    } catch (const etl::error& e) {
        EXPECT_EQ(e.hint(), "Valid options in this context are: base_url, timeout, connect_timeout, stall_timeout, "
                            "attempts, retry_delay, max_retry_after, rate_limit, max_body, parallel, redirects, "
                            "user_agent, headers, proxy, ca_file");
    }
    EXPECT_EQ(verdict(option_place::wrapper, {{"a", "b"}}), R"(HV00D invalid option "a")");
    EXPECT_EQ(verdict(option_place::elsewhere, {}), "");
}

TEST(MappingOptions, Taken)
{
    EXPECT_EQ(mapping({}), "");
    EXPECT_EQ(mapping({{"bearer_token", "abc.def-ghi="}}, false), "");
    EXPECT_EQ(mapping({{"api_key", "abc"}}, false), "");
    EXPECT_EQ(mapping({{"api_key_header", "X-Key"}, {"api_key", "abc"}}, false), "");
    EXPECT_EQ(mapping({{"api_key", "abc"}, {"api_key_query", "key"}}, false), "");
    EXPECT_EQ(mapping({{"username", "u"}, {"password", "p:w"}}, false), "");
    EXPECT_EQ(mapping({{"username", "sk_live"}, {"password", ""}}, false), "");
    EXPECT_EQ(mapping({{"client_id", "i"},
                       {"client_secret", "s"},
                       {"token_url", "https://a/token"},
                       {"scope", "a b"},
                       {"client_auth", "body"}},
                      false),
              "");
    EXPECT_EQ(mapping({{"bearer_token_file", "/run/secrets/token"}}), "");
    EXPECT_EQ(mapping({{"username", "u"}, {"password_env", "API_PASSWORD"}}), "");
}

TEST(MappingOptions, Refused)
{
    EXPECT_EQ(mapping({{"token", "s3cret"}}), R"(HV00D invalid option "token")");
    EXPECT_EQ(mapping({{"username", "u"}}), R"(HV00J option "password" is missing)");
    EXPECT_EQ(mapping({{"password", "p"}}), R"(HV00J option "username" is missing)");
    EXPECT_EQ(mapping({{"api_key_header", "X-Key"}}), R"(HV00J option "api_key" is missing)");
    EXPECT_EQ(mapping({{"client_id", "i"}, {"client_secret", "s"}}), R"(HV00J option "token_url" is missing)");
    EXPECT_EQ(mapping({{"bearer_token", "a"}, {"api_key", "b"}}),
              R"(HV00D options "bearer_token" and "api_key" do not go together)");
    EXPECT_EQ(mapping({{"bearer_token", "a"}, {"bearer_token_file", "/a"}}),
              R"(HV024 option "bearer_token" is given more than once, with _file or _env)");
    EXPECT_EQ(mapping({{"api_key", "a"}, {"api_key_header", "X"}, {"api_key_query", "k"}}).substr(0, 5), "HV024");
    EXPECT_EQ(mapping({{"bearer_token_file", "token"}}).substr(0, 5), "HV024");
    EXPECT_EQ(mapping({{"client_id", "i"}, {"client_secret", "s"}, {"token_url", "ftp://a"}}).substr(0, 5), "22023");
    for (const char* name : {"bearer_token_file", "bearer_token_env", "api_key_file", "api_key_env", "password_file",
                             "password_env", "client_secret_file", "client_secret_env"}) {
        EXPECT_EQ(mapping({{name, "/a"}}, false).substr(0, 5), "42501") << name;
    }
}

TEST(MappingOptions, SecretsAreNotShown)
{
    for (const options& list :
         {options{{"bearer_token", "s3cret\r\nX: y"}}, options{{"bearer_token", "s3cret x"}},
          options{{"api_key", "s3cret\n"}}, options{{"username", "u"}, {"password", "s3cret\x01"}},
          options{{"client_id", "i"}, {"client_secret", "s3cret\n"}, {"token_url", "https://a"}},
          options{{"client_id", "i"}, {"client_secret", "x"}, {"token_url", "https://s3cret@a"}}}) {
        try {
            check_options(option_place::user_mapping, list, true);
            FAIL();
        } catch (const etl::error& e) {
            EXPECT_EQ((std::string{e.what()} + e.detail() + e.hint()).find("s3cret"), std::string::npos) << e.what();
        }
    }
}

TEST(Settings, Made)
{
    const options list{{"base_url", "https://api.example.com/v1"},
                       {"timeout", "5s"},
                       {"attempts", "7"},
                       {"rate_limit", "10/s"},
                       {"max_body", "1MB"},
                       {"redirects", "same_origin"}};
    const auto settings = make_settings(list, options{{"username", "Aladdin"}, {"password", "open sesame"}});
    EXPECT_EQ(settings.timeout, 5s);
    EXPECT_EQ(settings.retry.attempts, 7);
    EXPECT_EQ(settings.rate_interval, 100ms);
    EXPECT_EQ(settings.max_body, 1U << 20U);
    EXPECT_TRUE(settings.follow_redirects);
    const auto& secret = std::get<etl::header_secret>(settings.credentials);
    EXPECT_EQ(secret.name, "Authorization");
    EXPECT_EQ(secret.value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="); // RFC 7617, section 2
}

TEST(Settings, SecretsOfTheMachine)
{
    const std::string path = testing::TempDir() + "secret." + std::to_string(getpid());
    std::ofstream{path} << "t0ken\n";
    const options list{{"base_url", "https://a"}};
    EXPECT_EQ(std::get<etl::header_secret>(make_settings(list, options{{"bearer_token_file", path}}).credentials).value,
              "Bearer t0ken");
    std::ofstream{path} << std::string(100'000, 'x');
    EXPECT_THROW(make_settings(list, options{{"bearer_token_file", path}}), etl::error);
    unlink(path.c_str());
    EXPECT_THROW(make_settings(list, options{{"bearer_token_file", path}}), etl::error);
    EXPECT_THROW(make_settings(list, options{{"bearer_token_file", "/"}}), etl::error);
    setenv("ETL_TEST_KEY", "k3y", 1);
    EXPECT_EQ(
        std::get<etl::header_secret>(make_settings(list, options{{"api_key_env", "ETL_TEST_KEY"}}).credentials).value,
        "k3y");
    EXPECT_THROW(make_settings(list, options{{"api_key_env", "ETL_TEST_NO_KEY"}}), etl::error);
}

} // namespace
