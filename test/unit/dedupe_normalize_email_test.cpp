#include "dedupe/normalize_email.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

std::string normal(std::string_view text, bool rules = true)
{
    return std::string{etl::dedupe::normalize_email(text, rules, std::pmr::get_default_resource())};
}

struct known {
    std::string_view text;
    std::string_view form;
};

TEST(normalize_email, spellings_of_one_address_have_one_form)
{
    for (const known& k : {
             known{"  Ada.Lovelace@Example.COM ", "ada.lovelace@example.com"},
             {"Ada Lovelace <ada@example.com>", "ada@example.com"},
             {"mailto:ada@example.com?subject=x", "ada@example.com"},
             {"ada\u200b@example.com", "ada@example.com"},
             {"ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ada@example.com"},
             {"ada@example.com.", "ada@example.com"},
             {"ada+x@example.com", "ada+x@example.com"},
             {"a.d.a+x+y@GoogleMail.com", "ada@gmail.com"},
             {"a.da+x@outlook.com", "a.da@outlook.com"},
             {"+x@gmail.com", "+x@gmail.com"},
             {"\"ada\"@example.com", "ada@example.com"},
             {"\"a d a\"@example.com", "\"a d a\"@example.com"},
             {"\"a@b\"@example.com", "\"a@b\"@example.com"},
             {"JOSÉ@example.com", "josé@example.com"},
             {"JOSE\u0301@example.com", "josé@example.com"},
             {"ada@MÜLLER.example", "ada@xn--mller-kva.example"}, // as in RFC 5891's examples of such names
             {"ada@xn--mller-kva.example", "ada@xn--mller-kva.example"},
             {"o'brien@example.co.uk", "o'brien@example.co.uk"},
         }) {
        EXPECT_EQ(normal(k.text), k.form) << k.text;
        EXPECT_EQ(normal(k.form), k.form) << k.text;
    }
    EXPECT_EQ(normal("A.da+x@googlemail.com", false), "a.da+x@googlemail.com");
}

TEST(normalize_email, what_is_no_address_is_none)
{
    for (const std::string& text : std::initializer_list<std::string>{"",
                                                                      "ada",
                                                                      "@example.com",
                                                                      "ada@",
                                                                      "ada@example",
                                                                      "a..b@example.com",
                                                                      ".a@example.com",
                                                                      "a.@example.com",
                                                                      "a b@example.com",
                                                                      "a@b@example.com",
                                                                      "ada@-x.com",
                                                                      "ada@x-.com",
                                                                      "ada@ex ample.com",
                                                                      "ada@example..com",
                                                                      "ada@1.2.3.4",
                                                                      "ada@[1.2.3.4]",
                                                                      "ada@exam_ple.com",
                                                                      "ada@m€ller.com",
                                                                      "ada@ü.ü@ü.com",
                                                                      "\"a\"b\"@example.com",
                                                                      "\"a\\\"@example.com",
                                                                      "\xff@example.com",
                                                                      std::string(65, 'a') + "@example.com",
                                                                      "a@" + std::string(64, 'b') + ".com",
                                                                      std::string(5000, ' ') + "a@b.com"}) {
        EXPECT_EQ(normal(text), "") << text;
    }
    EXPECT_EQ(normal(std::string(64, 'a') + "@" + std::string(63, 'b') + ".com").size(), 64U + 1 + 63 + 4);
}

} // namespace
