// International host names: Punycode, and the rules for the labels that it stands for.
#include "validate/json_schema_idna.hpp"

#include "validate/json_schema_punycode.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace etl::validate::schema {
namespace {

// Known pairs, among them names that registries have.
TEST(json_schema_idna, punycode)
{
    const struct {
        std::string text;
        std::string encoded;
    } pairs[] = {{"bücher", "bcher-kva"},
                 {"münchen", "mnchen-3ya"},
                 {"ü", "tda"},
                 {"例え", "r8jz45g"},
                 {"παράδειγμα", "hxajbheg2az3al"},
                 {"испытание", "80akhbyknj4f"},
                 {"مثال", "mgbh0fb"},
                 {"a-é", "a--cja"},
                 {"é-", "--9fa"},
                 {"😀", "e28h"},
                 {"abc", "abc"},
                 {"", ""}};
    for (const auto& each : pairs) {
        EXPECT_EQ(encode_punycode(each.text), each.encoded);
        if (each.text != "abc") { // all of ASCII: no hyphen shows where it ends
            EXPECT_EQ(decode_punycode(each.encoded), each.text);
        }
    }
    EXPECT_EQ(decode_punycode("abc-"), "abc");
    for (const char* bad :
         {"x", "99999999", "A", "é", "a-b_c", "ls8h999999999999999999999999", "0", "b-zz9", "ib60a"}) {
        const auto decoded = decode_punycode(bad);
        EXPECT_TRUE(!decoded || encode_punycode(*decoded) == bad) << bad << ": " << *decoded;
    }
}

TEST(json_schema_idna, punycode_there_and_back)
{
    std::mt19937 random{3};
    const char* const characters[] = {"a",      "9",      "-",  "é",      "ß", "я",
                                      "\u07ff", "\u0800", "日", "\uffff", "😀", "\U0010ffff"};
    for (int i = 0; i < 5'000; ++i) {
        std::string text = "é";
        for (unsigned length = random() % 12; length > 0; --length) {
            text += characters[random() % std::size(characters)];
        }
        const std::string encoded = encode_punycode(text);
        EXPECT_EQ(decode_punycode(encoded), text) << encoded;
    }
}

// Both as it is and in Punycode.
void expect_label(const std::string& label, bool good)
{
    EXPECT_EQ(is_international_name(label), good) << label;
    EXPECT_EQ(is_internet_name("xn--" + encode_punycode(label)), good) << label;
}

TEST(json_schema_idna, characters)
{
    for (const char* good : {"bücher", "straße", "ς", "日本", "ᏣᎳᎩ", "한국", "\u0f0b\u3007", "é0", "\u06fd"}) {
        expect_label(good, true);
    }
    for (const char* bad : {"\u0301a", "\u0903a", "\u0488", "♥", "é ", "é_", "-é", "é-", "aé--", "éa--b",
                            "\u0640\u0628", "あ\u302e", "\u1100\u1161", "\u0085", "é\n", "\u3031"}) {
        expect_label(bad, false);
    }
}

TEST(json_schema_idna, neighbours)
{
    for (const char* good : {"l\u00b7l", "\u0375\u03b1", "\u05d0\u05f3", "\u05d0\u05f4\u05d1", "ア\u30fbイ", "\u30fb中",
                             "\u0628\u0661", "\u0915\u094d\u200d\u0937", "\u0915\u094d\u200c\u0937",
                             "\u0628\u200c\u0628", "\u0628\u064e\u200c\u064e\u0627"}) {
        expect_label(good, true);
    }
    for (const char* bad :
         {"l\u00b7", "\u00b7l", "l\u00b7a", "al\u00b7\u00b7l", "\u03b1\u0375", "\u0375a", "\u05f3\u05d0", "a\u05f4",
          "\u30fb", "a\u30fb", "\u0628\u0661\u06f1", "\u0915\u200d", "\u200d\u0915", "\u0627\u200c\u0628",
          "\u0628\u200c", "\u0915\u094d\u200cx\u200cy", "\u0628\u200c\u0621"}) {
        expect_label(bad, false);
    }
}

TEST(json_schema_idna, directions)
{
    for (const char* good : {"אב", "א1", "אב\u05b0", "א-ב", "\u0628\u0661", "مثال.إختبار", "אב.com", "\u0710\u0300"}) {
        EXPECT_TRUE(is_international_name(good)) << good;
    }
    for (const char* bad : {"אa", "aא", "1א", "א1\u0661", "\u0661", "אב.1a", "אב.a.\u0661a"}) {
        EXPECT_FALSE(is_international_name(bad)) << bad;
    }
}

TEST(json_schema_idna, one_spelling)
{
    for (const char* good : {"xn--mnchen-3ya", "XN--MNCHEN-3YA", "www.xn--mnchen-3ya.de"}) {
        EXPECT_TRUE(is_internet_name(good)) << good;
    }
    for (const char* bad : {"xn--", "xn--a-", "xn---", "xn--abc-", "xn---tda", "xn--tda9", "xn--a",
                            "xn--ls8h=", "xx--tda", "münchen.de", "xn--6-3ya.-a"}) {
        EXPECT_FALSE(is_internet_name(bad)) << bad;
    }
    // Other forms of characters: for people, and not in Punycode.
    for (const char* typed :
         {"ｅｘａｍｐｌｅ．ｃｏｍ", "ÉCOLE", "a\u200bb", "a\u00adb", "ﬁ.de", "ⅷ", "ｘｎ－－tda", "a。b｡c"}) {
        EXPECT_TRUE(is_international_name(typed)) << typed;
        EXPECT_FALSE(is_internet_name("xn--" + encode_punycode(typed))) << typed;
    }
}

TEST(json_schema_idna, lengths)
{
    auto repeated = [](const std::string& what, int times) {
        std::string made;
        for (int i = 0; i < times; ++i) {
            made += what;
        }
        return made;
    };
    EXPECT_TRUE(is_international_name(repeated("ａ", 63)));
    EXPECT_FALSE(is_international_name(repeated("ａ", 64)));
    EXPECT_TRUE(is_international_name(repeated("ü", 57))); // xn--tdaaaa…
    EXPECT_FALSE(is_international_name(repeated("ü", 58)));
    EXPECT_FALSE(is_international_name(repeated("ü", 100'000)));
    EXPECT_TRUE(is_international_name(repeated("a.", 126) + "a"));
    EXPECT_FALSE(is_international_name(repeated("a.", 127) + "a"));
    EXPECT_FALSE(is_international_name(repeated("ü.", 40) + "a")); // in Punycode
    EXPECT_FALSE(is_international_name("a" + repeated(".", 1'000'000)));
    EXPECT_FALSE(is_international_name("\xed\xa0\x80"));
    EXPECT_FALSE(is_international_name("\xf7\xbf\xbf\xbf"));
}

} // namespace
} // namespace etl::validate::schema
