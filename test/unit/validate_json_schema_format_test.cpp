// Formats where they are asserted, and that they are not where nobody asks.
#include "unit/json_schema_cases.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace etl::validate {
namespace {

struct format_case {
    std::string format;
    std::vector<std::string> good; // without their quotes
    std::vector<std::string> bad;
    std::string drafts = all_drafts;
};

std::vector<std::string> in_quotes_each(std::vector<std::string> texts)
{
    for (std::string& text : texts) {
        text = '"' + text + '"';
    }
    return texts;
}

const std::vector<format_case>& format_cases()
{
    static const std::vector<format_case> cases{
        {"date",
         {"2024-02-29", "1999-12-31", "2000-02-29"},
         {"2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-01-32", "2024-04-31", "24-01-01", "2024-1-01",
          "2024-01-01T", "20240101", "", "২০২৪-01-01"}},
        {"time",
         {"12:34:56Z", "23:59:60Z", "00:00:00.123456+01:00", "22:59:60-01:00", "01:29:60+01:30", "12:00:00z"},
         {"12:34:56", "24:00:00Z", "12:60:00Z", "12:34:61Z", "12:34:60Z", "12:34Z", "12:34:56.Z", "12:34:56+24:00",
          "12:34:56+01:60", "12:34:56+0100", "1:34:56Z"}},
        {"date-time",
         {"1985-04-12T23:20:50.52Z", "1996-12-19t16:39:57-08:00", "1998-12-31T15:59:60.123-08:00"},
         {"1985-04-12 23:20:50Z", "1985-04-31T23:20:50Z", "1998-12-31T23:58:60Z", "1985-04-12T23:20:50",
          "1985-04-12T23:20:50+24:00", "06/19/1963 08:30:06 PST"}},
        {"duration",
         {"P4DT12H30M5S", "P1Y", "PT0S", "P0D", "P1M", "PT1M", "P2W", "PT36H", "P1DT12H", "P1Y2M3D", "P2M3DT4M5S"},
         {"P", "PT", "P1YT", "P1D2H", "4DT12H", "P2S", "P1Y2W", "P2D1Y", "PT1D", "P1", "P1Y1Y", "P-1Y", "P1.5Y",
          "P3Y4D", "PT3H4S", "P1M2", "P1W1D"}},
        {"email",
         {"joe.bloggs@example.com", "te~st@example.com", R"(\"joe bloggs\"@example.com)", R"(\"a\\\"@\"@b.c)",
          "x@[127.0.0.1]", "x@[IPv6:::1]", "x@[iPV6:1::]", "a+b@host", "a@b--c.d"},
         {"2962", ".test@example.com", "test.@example.com", "te..st@example.com", "a@invalid=domain.com",
          "a@[127.0.0.300]", "@example.com", "a@", "a b@c.d", "é@example.com", R"(\"é\"@example.com)",
          R"(\"\\é\"@example.com)", R"(\"a\\\"@example.com)", R"(\"\u007f\"@example.com)"}},
        {"idn-email", {"실례@실례.테스트", "joe@example.com", R"(\"é\\é\"@example.com)"}, {"2962", "실례", "@테스트"}},
        {"hostname",
         {"www.example.com", "a", "xn--4gbwdl.xn--wgbh1c", "h0stn4me", "1host", "a--b"},
         {"-a", "a-", "a_b", "a..b", ".a", "a.", "", "a b", "http://a", "é",
          "a234567890a234567890a234567890a234567890a234567890a234567890a234", std::string(254, 'a')}},
        {"hostname", {"ab--cd", "xn--0"}, {"xn--"}, "4 6"}, // which know nothing of Punycode
        {"hostname", {"xn--bcher-kva"}, {"ab--cd", "xn--", "xn--0"}, from_draft7},
        {"idn-hostname", {"실례.테스트", "www。example。com", "a"}, {"-테스트", "a b", "", "a．．b"}},
        {"ipv4",
         {"192.168.0.1", "0.0.0.0", "255.255.255.255"},
         {"127.0.0.0.1", "256.1.1.1", "127.0", "0x7f.0.0.1", "01.2.3.4", "1.2.3.4/24", "1.2.3.", "1.2.3.٤"}},
        {"ipv6",
         {"::1", "::", "1::", "::abef", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4", "::ffff:192.168.0.1",
          "1::d6:192.168.0.1", "1:2::8", "::42:ff:1"},
         {"12345::", "1:1:1:1:1:1:1:1:1", "::laptop", "1", "1:2:3:4:5:6:7", "1::2::3", ":2:3:4:5:6:7:8",
          "1:2:3:4:5:6:7:", "1:2:3:4::5:1.2.3", "1.2.3.4", "::1%eth1", "1:2:3:4:5:6:7:8::", "", ":::", "1:::2"}},
        {"uri",
         {"http://foo.bar/?baz=qux#quux", "http://foo.com/blah_(wikipedia)_blah#cite-1", "urn:oasis:names",
          "http://-.~_!$&'()*+,;=:%40:80%2f@example.com", "mailto:a@b.c", "http://[::1]:80/", "ldap://[v1.a]/"},
         {"//foo.bar", "/abc", "a", "http:// x.y", ":// fail", "bar,baz:foo", "http://a b/", "http://x/<", "a:%zz",
          "http://[::1", "http://a:8a/", "http://a/é", R"(\\\\WINDOWS\\share)"}},
        {"uri-reference", {"/abc", "//foo.bar", "#frag", "abc", "", "http://a"}, {"#fr ag", R"(\\\\a)", "a%", "1:2"}},
        {"iri", {"http://ƒøø.ßår/?∂éœ=πîx#πîüx"}, {"/abc", "âππ", "http://a b"}},
        {"iri-reference", {"//ƒøø.ßår", "âππ", "#ƒrägmênt"}, {"#ƒräg mênt", R"(\\\\a)"}},
        {"uuid",
         {"2EB8AA08-AA98-11EA-B4AA-73B441D16380", "00000000-0000-0000-0000-000000000000"},
         {"2eb8aa08-aa98-11ea-b4aa73b441d16380", "2eb8aa08-aa98-11ea-b4aa-73b441d1638g", "2eb8aa08"}},
        {"uri-template",
         {"http://example.com/d/{term:1}/{term}{?a,b*}", "", "{+x}", "it's", "%c3%a9é{a.b}", "{%41}"},
         {"http://example.com/d/{term", "}", "{a b}", "{}", "{a:0}", "100%", "%0x", "{a..b}", "{.}", "{.a.}", "{%4}",
          "\u007f", "a|b"}},
        {"json-pointer", {"", "/", "/foo/0", "/a~1b/~0", "/é"}, {"a", "#/a", "/~", "/~2", "/a~"}},
        {"relative-json-pointer", {"0", "1/a", "0#", "120/~0"}, {"", "/a", "-1/a", "01/a", "0##", "0a", "#"}},
        {"regex", {"^a(b)c$", "(?<!a)b\\\\1"}, {"^(abc]", "\\\\a"}},
        {"unknown", {"anything"}, {}}};
    return cases;
}

TEST(json_schema_format, asserted)
{
    for (const format_case& each : format_cases()) {
        auto good = in_quotes_each(each.good);
        good.insert(good.end(), {"1", "null", "[]", "{}", "true"}); // formats are of strings
        expect_case({each.drafts, R"({"format": ")" + each.format + "\"}", good, in_quotes_each(each.bad)}, {}, true);
    }
}

TEST(json_schema_format, only_noted_otherwise)
{
    for (const format_case& each : format_cases()) {
        expect_case({all_drafts, R"({"format": ")" + each.format + "\"}", in_quotes_each(each.bad), {}});
    }
}

// A vocabulary that asks for the assertion, in both drafts that have vocabularies.
TEST(json_schema_format, asserted_by_a_metaschema)
{
    const schema_registry registry{
        {"http://m/20", R"({"$id": "http://m/20", "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/core": true,
                            "https://json-schema.org/draft/2020-12/vocab/format-assertion": false}})"},
        {"http://m/19", R"({"$id": "http://m/19", "$schema": "https://json-schema.org/draft/2019-09/schema",
            "$vocabulary": {"https://json-schema.org/draft/2019-09/vocab/core": true,
                            "https://json-schema.org/draft/2019-09/vocab/format": true}})"},
        {"http://m/not", R"({"$id": "http://m/not", "$schema": "https://json-schema.org/draft/2019-09/schema",
            "$vocabulary": {"https://json-schema.org/draft/2019-09/vocab/core": true,
                            "https://json-schema.org/draft/2019-09/vocab/format": false}})"}};
    expect_case({"2020-12", R"({"$schema": "http://m/20", "format": "ipv4"})", {R"("1.2.3.4")"}, {R"("x")"}}, registry);
    expect_case({"2020-12", R"({"$schema": "http://m/19", "format": "ipv4"})", {R"("1.2.3.4")"}, {R"("x")"}}, registry);
    expect_case({"2020-12", R"({"$schema": "http://m/not", "format": "ipv4"})", {R"("x")"}, {}}, registry);
}

} // namespace
} // namespace etl::validate
