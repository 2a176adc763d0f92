// Which addresses are of the internet at large, what pg_etl.allowed_hosts allows, and that no odd spelling of a host or
// an address gets past it.
#include "core/error.hpp"
#include "extract/address_rules.hpp"
#include "extract/http_url.hpp"

#include <gtest/gtest.h>

namespace {

using etl::address_rules;
using etl::http_url;
using etl::ip_address;
using etl::ip_range;

ip_address address(const char* text)
{
    return ip_address::parse(text).value();
}

TEST(IpAddress, IsPublic)
{
    for (const char* text :
         {"1.1.1.1",         "8.8.8.8",           "93.184.216.34",   "9.255.255.255",   "11.0.0.0",
          "100.63.255.255",  "100.128.0.0",       "126.255.255.255", "128.0.0.1",       "169.253.255.255",
          "169.255.0.0",     "172.15.255.255",    "172.32.0.0",      "192.0.1.0",       "192.167.255.255",
          "192.169.0.0",     "198.17.255.255",    "198.20.0.0",      "223.255.255.255", "168.63.129.15",
          "2606:4700::1111", "2a00:1450:4001::1", "2003::1",         "3ffe::1",         "64:ff9b::8.8.8.8",
          "::ffff:8.8.8.8"}) {
        EXPECT_TRUE(address(text).is_public()) << text;
    }
}

TEST(IpAddress, IsNotPublic)
{
    for (const char* text : {"0.0.0.0",
                             "0.1.2.3",
                             "10.0.0.0",
                             "10.255.255.255",
                             "100.64.0.1",
                             "100.100.100.200",
                             "100.127.255.255",
                             "127.0.0.1",
                             "127.255.255.254",
                             "169.254.0.1",
                             "169.254.169.254",
                             "169.254.170.2",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.0.0.8",
                             "192.0.0.192",
                             "192.0.2.1",
                             "192.88.99.1",
                             "192.168.0.1",
                             "192.168.255.255",
                             "198.18.0.1",
                             "198.19.255.255",
                             "198.51.100.1",
                             "203.0.113.9",
                             "224.0.0.1",
                             "239.255.255.250",
                             "240.0.0.1",
                             "255.255.255.255",
                             "168.63.129.16",
                             "::",
                             "::1",
                             "::127.0.0.1",
                             "::8.8.8.8",
                             "::ffff:10.0.0.1",
                             "::ffff:127.0.0.1",
                             "::ffff:169.254.169.254",
                             "64:ff9b::10.0.0.1",
                             "64:ff9b::127.0.0.1",
                             "64:ff9b::169.254.169.254",
                             "64:ff9b:1::8.8.8.8",
                             "2002:7f00:1::",
                             "2002:808:808::1",
                             "2001::1",
                             "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                             "2001:db8::1",
                             "2001:10::1",
                             "3fff::1",
                             "fc00::1",
                             "fd00:ec2::254",
                             "fdff::1",
                             "fe80::1",
                             "febf::1",
                             "fec0::1",
                             "ff02::1",
                             "ff0e::1",
                             "100::1",
                             "5f00::1",
                             "4000::1",
                             "::ffff:0:127.0.0.1"}) {
        EXPECT_FALSE(address(text).is_public()) << text;
    }
}

TEST(IpAddress, Spellings)
{
    EXPECT_EQ(address("::ffff:10.1.2.3"), address("10.1.2.3"));
    EXPECT_EQ(address("::ffff:a01:203").text(), "10.1.2.3");
    EXPECT_EQ(address("2001:DB8:0:0::1").text(), "2001:db8::1");
    for (const char* text : {"", "1", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "1.2.3.4.5", "1.2.3.256",
                             "1.2.3.4 ", " 1.2.3.4", "01.2.3.4", "[::1]", "::1%lo", "::g", "1.2.3.4:80", "localhost"}) {
        EXPECT_FALSE(ip_address::parse(text)) << text;
    }
}

TEST(IpRange, Contains)
{
    EXPECT_TRUE(ip_range::parse("10.0.0.0/8")->contains(address("10.255.0.1")));
    EXPECT_TRUE(ip_range::parse("10.0.0.0/8")->contains(address("::ffff:10.0.0.1")));
    EXPECT_FALSE(ip_range::parse("10.0.0.0/8")->contains(address("11.0.0.0")));
    EXPECT_TRUE(ip_range::parse("172.16.0.0/12")->contains(address("172.31.255.255")));
    EXPECT_FALSE(ip_range::parse("172.16.0.0/12")->contains(address("172.32.0.0")));
    EXPECT_TRUE(ip_range::parse("0.0.0.0/0")->contains(address("255.255.255.255")));
    EXPECT_FALSE(ip_range::parse("0.0.0.0/0")->contains(address("::1")));
    EXPECT_TRUE(ip_range::parse("::/0")->contains(address("1.2.3.4")));
    EXPECT_TRUE(ip_range::parse("fd00::/9")->contains(address("fd7f::1")));
    EXPECT_FALSE(ip_range::parse("fd00::/9")->contains(address("fd80::1")));
    EXPECT_TRUE(ip_range::parse("192.0.2.7/32")->contains(address("192.0.2.7")));
    for (const char* text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "10/8", "/8",
                             "::/129", "::1/127", "10.0.0.0/8/8", "10.0.0.0/+8"}) {
        EXPECT_FALSE(ip_range::parse(text)) << text;
    }
}

TEST(AddressRules, Hosts)
{
    const auto rules = address_rules::parse(" api.example.com , *.Example.ORG,host:8080,\n192.0.2.7, 10.0.0.0/8, "
                                            "[2001:db8::7]:8443, 2001:db8::9, *.one.test:99");
    const auto allows = [&rules](const char* host, int port = 443) { return rules.allows_host(host, port); };
    EXPECT_TRUE(allows("api.example.com"));
    EXPECT_TRUE(allows("api.example.com", 1));
    EXPECT_TRUE(allows("a.example.org"));
    EXPECT_TRUE(allows("a.b.example.org"));
    EXPECT_TRUE(allows("host", 8080));
    EXPECT_TRUE(allows("192.0.2.7"));
    EXPECT_TRUE(allows("10.9.8.7"));
    EXPECT_TRUE(allows("2001:db8::7", 8443));
    EXPECT_TRUE(allows("2001:db8:0:0::9"));
    EXPECT_TRUE(allows("x.one.test", 99));
    for (const char* host : {"example.com",
                             "xapi.example.com",
                             "api.example.com.evil.net",
                             "api.example.com.",
                             "example.org",
                             ".example.org",
                             "evilexample.org",
                             "host",
                             "192.0.2.8",
                             "11.0.0.1",
                             "2001:db8::7",
                             "x.one.test",
                             "localhost",
                             "",
                             "api.example.co",
                             "a..example.org",
                             "-a.example.org",
                             "*.example.org",
                             "a b.example.org",
                             "a/b.example.org",
                             "1.example.0x7f",
                             "a.example.org.1"}) {
        EXPECT_FALSE(allows(host)) << host;
    }
    EXPECT_FALSE(address_rules{}.allows_host("example.com", 443));
    EXPECT_TRUE(address_rules::parse(" \t").empty());
}

TEST(AddressRules, Addresses)
{
    const auto rules = address_rules::parse("api.example.com, localhost, 10.1.0.0/16, 127.0.0.9:9, 10.3.0.0/16:80");
    const auto allows = [&rules](const char* host, const char* to, int port = 443) {
        return rules.allows_address(host, port, address(to));
    };
    EXPECT_TRUE(allows("api.example.com", "93.184.216.34"));
    EXPECT_TRUE(allows("api.example.com", "10.1.2.3")) << "listed itself";
    EXPECT_FALSE(allows("api.example.com", "10.2.0.1")) << "a name that somebody points inside";
    EXPECT_FALSE(allows("api.example.com", "127.0.0.1"));
    EXPECT_FALSE(allows("api.example.com", "::1"));
    EXPECT_FALSE(allows("api.example.com", "::ffff:127.0.0.1"));
    EXPECT_FALSE(allows("api.example.com", "169.254.169.254"));
    EXPECT_FALSE(allows("api.example.com", "64:ff9b::a9fe:a9fe"));
    EXPECT_FALSE(allows("api.example.com", "127.0.0.9"));
    EXPECT_TRUE(allows("api.example.com", "127.0.0.9", 9));
    EXPECT_FALSE(allows("api.example.com", "10.3.0.1"));
    EXPECT_TRUE(allows("api.example.com", "10.3.0.1", 80));
    EXPECT_TRUE(allows("localhost", "127.0.0.1"));
    EXPECT_TRUE(allows("localhost", "::1"));
    EXPECT_FALSE(allows("localhost", "10.2.0.1"));
    EXPECT_FALSE(allows("localhost", "169.254.169.254"));
    EXPECT_FALSE(allows("93.184.216.34", "93.184.216.34")) << "an address must be listed";
}

TEST(AddressRules, RefusesWhatIsNoList)
{
    for (const char* list :
         {",",          "a,",         ",a",   "a,,b", "a b",   "https://a", "a/b",       "a:0",     "a:65536",
          "a:x",        "a:",         "a:-1", "*",    "*.",    "*a.b",      "a.*.b",     "**.a",    "a.",
          ".a",         "a..b",       "-a",   "a-",   "a@b",   "a\\b",      "127.1",     "0x7f.1",  "2130706433",
          "1.2.3",      "10.0.0.1/8", "[::1", "::1]", "[]",    "[a]",       "[1.2.3.4]", "[::1]:x", "[::1]80",
          "fe80::1%lo", "münchen.de", "a#b",  "a?b",  "a%2eb", "1.2.3.4.5", "a.b.1"}) {
        EXPECT_THROW(address_rules::parse(list), etl::error) << list;
    }
    try {
        address_rules::parse("good.example.com, b@d");
        FAIL();
    } catch (const etl::error& e) {
        EXPECT_STREQ(e.what(), R"(host "b@d" is neither a name nor an address, nor a range of addresses)");
    }
}

// What libcurl makes of a URL, and whether that is allowed where only public names and one of our own are.
TEST(AddressRules, OddUrls)
{
    const auto rules = address_rules::parse("api.example.com, *.example.org");
    const auto reaches = [&rules](const char* text) {
        try {
            const http_url url{text};
            return rules.allows_host(url.host(), url.port());
        } catch (const etl::error&) {
            return false;
        }
    };
    for (const char* text : {"https://api.example.com", "HTTP://API.Example.COM:8080/a?b=c", "https://x.example.org/",
                             "https://api.example.com/@evil.net", "https://api.example.com?@evil.net",
                             "https://api.example.com/..%2f..", "https://api%2Eexample.com/"}) {
        EXPECT_TRUE(reaches(text)) << text;
    }
    for (const char* text : {"http://127.0.0.1/",
                             "http://127.1/",
                             "http://0x7f.1/",
                             "http://0x7f000001/",
                             "http://2130706433/",
                             "http://0177.0.0.1/",
                             "http://017700000001/",
                             "http://0/",
                             "http://0.0.0.0/",
                             "http://[::1]/",
                             "http://[::ffff:127.0.0.1]/",
                             "http://[::]/",
                             "http://[fe80::1%25lo]/",
                             "http://localhost/",
                             "http://localhost./",
                             "https://api.example.com./",
                             "https://api.example.com@evil.net/",
                             "https://api.example.com:443@evil.net/",
                             "https://user@api.example.com/",
                             "https://user:pw@api.example.com/",
                             "https://@api.example.com/",
                             "https://evil.net#@api.example.com/",
                             "https://evil.net#.example.org",
                             "https://evil.net\\@api.example.com/",
                             "https://evil.net\\.example.org/",
                             "https://evil.net%2f.example.org/",
                             "https://evil.net/.example.org",
                             "https://evil.net?.example.org",
                             "https:api.example.com",
                             "https:/api.example.com",
                             "https:////api.example.com",
                             "https://:@api.example.com/",
                             "//api.example.com",
                             "api.example.com",
                             "ftp://api.example.com/",
                             "file:///etc/passwd",
                             "file://api.example.com/etc/passwd",
                             "gopher://api.example.com/",
                             "https://",
                             "https:///api.example.com",
                             "https://api.example.com:0/",
                             "https://api.example.com:99999/",
                             "https://api.example.com:x/",
                             "https://api.example.com /",
                             "https://api.example.com\n.evil.net/",
                             "https://api.example.com\t/",
                             "https://api.example.com%00.evil.net/",
                             "https://\xC3\xBC.example.org/",
                             "https://api\xE3\x80\x82"
                             "example.com/",
                             "https://\xEF\xBD\x81pi.example.com/",
                             "https://[api.example.com]/",
                             "javascript:alert(1)",
                             "https://169.254.169.254/latest/meta-data/",
                             "http://0xa9fea9fe/",
                             "http://[64:ff9b::a9fe:a9fe]/",
                             "http://[::ffff:a9fe:a9fe]/",
                             "http://1.example.org.0x7f/"}) {
        EXPECT_FALSE(reaches(text)) << text;
    }
}

// Whatever way 127.0.0.1 is written, a rule for it means it, and a rule for another does not.
TEST(AddressRules, NumbersThatAreAddresses)
{
    const auto rules = address_rules::parse("127.0.0.1");
    for (const char* text : {"http://127.0.0.1/", "http://127.1/", "http://0x7f.1/", "http://2130706433/",
                             "http://0177.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/"}) {
        const http_url url{text};
        EXPECT_TRUE(rules.allows_host(url.host(), url.port())) << text;
        EXPECT_FALSE(address_rules::parse("127.0.0.2, 10.0.0.0/8").allows_host(url.host(), url.port())) << text;
    }
}

} // namespace
