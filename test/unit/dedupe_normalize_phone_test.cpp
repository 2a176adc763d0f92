#include "dedupe/normalize_phone.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using etl::dedupe::home_country;
using etl::dedupe::normalize_phone;

std::string normal(std::string_view text, std::string_view country = "ZZ")
{
    return std::string{normalize_phone(text, home_country(country), std::pmr::get_default_resource())};
}

struct known {
    std::string_view text;
    std::string_view country;
    std::string_view form;
};

// Numbers of E.123's own form, of ranges that regulators keep for fiction, and of ministries.
TEST(normalize_phone, spellings_of_one_number_have_one_form)
{
    for (const known& k : {
             known{"+49 (0)30 123 45", "ZZ", "+493012345"},
             {"0049 30 12345", "ZZ", "+493012345"},
             {"0049 (0) 30 12345", "ZZ", "+493012345"},
             {"+49 030 12345", "ZZ", "+493012345"},
             {"030/123-45", "DE", "+493012345"},
             {"tel:+49-30-12345", "ZZ", "+493012345"},
             {"Tel.: 030 12345 ext. 3", "DE", "+493012345"},
             {"030 12345x3", "DE", "+493012345"},
             {"030 12345, 030 99999", "DE", "+493012345"},
             {"030 12345 / privat", "DE", "+493012345"},
             {"٠٣٠ ١٢٣٤٥", "DE", "+493012345"},
             {"＋４９ ３０ １２３４５", "ZZ", "+493012345"},
             {"(212) 555-0123", "US", "+12125550123"},
             {"1-212-555-0123", "us", "+12125550123"},
             {"+1 212 555 0123 #44", "GB", "+12125550123"},
             {"020 7946 0958", "GB", "+442079460958"},
             {"44 20 7946 0958", "GB", "+442079460958"},
             {"011 44 20 7946 0958", "US", "+442079460958"},
             {"0011 44 20 7946 0958", "AU", "+442079460958"},
             {"8 (912) 345-67-89", "RU", "+79123456789"},
             {"7 912 345 67 89", "RU", "+79123456789"},
             {"810 49 30 12345", "RU", "+493012345"},
             {"06 1234 5678", "IT", "+390612345678"},
             {"+39 06 1234 5678", "ZZ", "+390612345678"},
             {"91 98765 43210", "IN", "+919876543210"},
             {"91987 65432", "IN", "+919198765432"},
             {"8 029 491-19-11", "BY", "+375294911911"},
             {"912 345 678", "ES", "+34912345678"},
             {"06 1 234 5678", "HU", "+3612345678"},
             {"+800 1234 5678", "ZZ", "+80012345678"},
         }) {
        EXPECT_EQ(normal(k.text, k.country), k.form) << k.text;
        EXPECT_EQ(normal(k.form, k.country), k.form) << k.text;
    }
}

TEST(normalize_phone, what_is_no_number_is_none)
{
    for (const known& k : {
             known{"", "DE", ""},
             {"n/a", "DE", ""},
             {"5", "DE", ""},
             {"030 12345", "ZZ", ""}, // whose?
             {"+999 12345678", "ZZ", ""},
             {"+49 30", "ZZ", ""},
             {"+1 555 0123", "US", ""}, // an area code lacks
             {"+49 30 1234567890123", "ZZ", ""},
             {"123456789012345678901234567890123456789", "DE", ""},
             {"+", "DE", ""},
         }) {
        EXPECT_EQ(normal(k.text, k.country), k.form) << k.text;
    }
    EXPECT_EQ(normal(std::string(5000, ' ') + "030 12345", "DE"), "");
}

TEST(normalize_phone, unknown_countries_are_refused)
{
    for (const std::string_view country : {"UK", "", "D", "DEU", "zz!"}) {
        try {
            home_country(country);
            FAIL() << country;
        } catch (const etl::error& e) {
            EXPECT_STREQ(e.sqlstate(), "22023");
            EXPECT_EQ(std::string{e.what()}, "unknown country \"" + std::string{country} + '"');
        }
    }
    EXPECT_EQ(home_country("zz"), nullptr);
}

TEST(calling_codes, no_code_begins_with_another)
{
    for (std::uint32_t code = 1; code < 1000; ++code) {
        if (etl::dedupe::facts_of_code(code) != nullptr) {
            EXPECT_TRUE(code < 10 || etl::dedupe::facts_of_code(code / 10) == nullptr) << code;
            EXPECT_TRUE(code < 100 || etl::dedupe::facts_of_code(code / 100) == nullptr) << code;
        }
    }
}

} // namespace
