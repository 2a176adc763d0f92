#include "dedupe/normalize_address.hpp"

#include "dedupe/address_words.hpp"
#include "dedupe/words.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace {

std::string normal(std::string_view text)
{
    return std::string{etl::dedupe::normalize_address(text, std::pmr::get_default_resource())};
}

struct known {
    std::string_view text;
    std::string_view form;
};

TEST(normalize_address, spellings_of_one_address_have_one_form)
{
    for (const known& k : {
             known{"123 N. Main Street, Apt. #4B", "123 n main st apt 4 b"},
             {"123 North Main St Apartment 4-B", "123 n main st apt 4 b"},
             {"1600 Twenty-First Avenue N.E.", "1600 21st ave ne"},
             {"1600 21st Av North East", "1600 21st ave ne"},
             {"1600 21st ave Northeast", "1600 21st ave ne"},
             {"Post Office Box 5", "pobox 5"},
             {"P.O. Box No. 5", "pobox 5"},
             {"PO Box #5", "pobox 5"},
             {"Postfach 5", "pobox 5"},
             {"Hauptstraße 12a", "haupt st 12 a"},
             {"Hauptstr. 12 A", "haupt st 12 a"},
             {"Karl-Marx-Straße 1", "karl marx st 1"},
             {"Karl-Marxstr. 1", "karl marx st 1"},
             {"Alexanderplatz", "alexander pl"},
             {"12–14, rue de la Paix", "12 14 rue de la paix"},
             {"12 - 14 Rue de la Paix", "12 14 rue de la paix"},
             {"Bd. St-Michel", "blvd st michel"},
             {"Boulevard Saint Michel", "blvd st michel"},
             {"C/ Mayor, nº 5", "c mayor 5"},
             {"Calle Mayor 5", "c mayor 5"},
             {"Avda. de América 5", "ave de america 5"},
             {"No Name Road", "no name rd"},
             {"no no 5", "5"},
             {"東京都千代田区", "東京都千代田区"},
             {"#", ""},
         }) {
        EXPECT_EQ(normal(k.text), k.form) << k.text;
        EXPECT_EQ(normal(k.form), k.form) << k.text;
    }
}

// All words of the tables, by twos and threes, with what the rules look for.
TEST(normalize_address, twice_is_once)
{
    using namespace etl::dedupe;
    std::vector<std::string> words{"p", "o", "box", "n", "e", "12a", "1st", "5", "post", "hauptstr", "xstrstr", "nine"};
    for (const auto table : {street_words, unit_words, direction_words, ordinal_words, tens_words, number_words}) {
        for_each_word(table, [&](std::string_view word, bool) {
            words.emplace_back(word);
            words.push_back("12" + std::string{word});
            words.push_back(std::string{word} + "strasse");
        });
    }
    for (const auto& word : words) {
        const std::string once = normal(word);
        ASSERT_EQ(normal(once), once) << word;
    }
    std::mt19937 random{1};
    std::uniform_int_distribution<std::size_t> any{0, words.size() - 1};
    for (int round = 0; round < 100000; ++round) {
        std::string text = words[any(random)];
        for (int i = 0; i < 4; ++i) {
            text += ' ' + words[random() % 3 == 0 ? random() % 12 : any(random)];
        }
        const std::string once = normal(text);
        ASSERT_EQ(normal(once), once) << text;
    }
}

} // namespace
