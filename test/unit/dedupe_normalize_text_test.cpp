#include "dedupe/normalize_text.hpp"
#include "dedupe/unicode.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace {

using namespace std::string_literals;
using etl::dedupe::normalize_text;

std::string normal(std::string_view text)
{
    return std::string{normalize_text(text, std::pmr::get_default_resource())};
}

std::string utf8(char32_t character)
{
    std::pmr::string made;
    etl::dedupe::append_character(made, character);
    return std::string{made};
}

struct known {
    std::string_view text;
    std::string_view form;
};

TEST(normalize_text, folds_case_accents_punctuation_and_space)
{
    for (const known& k : {
             known{"  Ada\t\tLOVELACE \n", "ada lovelace"},
             {"O'Brien", "obrien"},
             {"O’Brien", "obrien"},
             {"OʼBrien", "obrien"},
             {"O`Brien", "obrien"},
             {"Müller-Lüdenscheidt", "muller ludenscheidt"},
             {"Mu\u0308ller", "muller"},
             {"Straße STRASSE STRAẞE", "strasse strasse strasse"},
             {"Ørsted Łódź Đorđe Æsir Œuvre Þór Ħal ıstanbul İstanbul",
              "orsted lodz dorde aesir oeuvre thor hal istanbul istanbul"},
             {"Nguyễn Văn Đức", "nguyen van duc"},
             {"ＦＵＬＬ　ｗｉｄｔｈ　１２３", "full width 123"},
             {"ﬁn ² Ⅷ ½ №5", "fin 2 viii 1 2 5"},
             {"a\u200bb\u00adc\ufeffd\u200e", "abcd"},
             {"a\x01\x02z\x7f", "az"},
             {"٠١٢٣ ۴۵ ६७", "0123 45 67"},
             {"𝟎𝟗 𝟘𝟡", "09 09"},
             {"...", ""},
             {"", ""},
             {"😀 €", ""},
             {"AT&T, Inc.", "at t inc"},
             {"5 µm", "5 um"},
         }) {
        EXPECT_EQ(normal(k.text), k.form) << k.text;
    }
}

TEST(normalize_text, other_scripts_survive)
{
    for (const known& k : {
             known{"ΑΘΉΝΑΣ", "αθηνασ"}, // the final sigma folds to the other one
             {"Ἀθῆναι", "αθηναι"},
             {"Алёна", "алена"},
             {"北京市", "北京市"},
             {"ガラス ｶﾞﾗｽ", "ガラス ガラス"},
             {"한국어", "한국어"},
             {"\u1112\u1161\u11ab", "한"},
             {"مُحَمَّد", "محمد"},
             {"محـــمد", "محمد"},
             {"שָׁלוֹם", "שלום"},
             {"สวัสดี", "สวัสดี"},
             {"हिन्दी", "हिन्दी"},
         }) {
        EXPECT_EQ(normal(k.text), k.form) << k.text;
    }
}

TEST(normalize_text, bytes_that_are_no_utf8_are_blanks)
{
    EXPECT_EQ(normal("M\xfcller"), "m ller");
    EXPECT_EQ(normal("\xff\xc3"), "");
    EXPECT_EQ(normal("a\xc3\x01\xa9z"), "a z");
    EXPECT_EQ(normal("\xed\xa0\x80x"), "x"); // half of a surrogate pair
}

TEST(normalize_text, zero_is_dropped)
{
    EXPECT_EQ(normal("a\0b"s), "ab");
}

TEST(normalize_text, every_character_is_normalised_once)
{
    for (char32_t c = 1; c < etl::no_character; ++c) {
        if (c >= 0xd800 && c <= 0xdfff) {
            continue;
        }
        const std::string alone = normal(utf8(c));
        ASSERT_EQ(normal(alone), alone) << std::hex << static_cast<unsigned>(c);
        const std::string within = normal("a" + utf8(c) + "か" + utf8(c) + "b");
        ASSERT_EQ(normal(within), within) << std::hex << static_cast<unsigned>(c);
    }
}

TEST(normalize_text, texts_of_latin_1_stay_in_it)
{
    for (char32_t c = 1; c < 0x100; ++c) {
        const std::string form = normal(utf8(c));
        for (std::size_t at = 0; at < form.size();) {
            const auto next = etl::decode_at(form, at);
            EXPECT_LT(next.value, 0x100U) << static_cast<unsigned>(c);
            at += next.size;
        }
    }
}

TEST(normalize_text, twice_is_once_for_random_texts)
{
    std::mt19937 random{1};
    std::uniform_int_distribution<char32_t> anywhere{1, 0x3200};
    for (int round = 0; round < 20000; ++round) {
        std::string text;
        for (int i = 0; i < 12; ++i) {
            text += utf8(anywhere(random));
        }
        const std::string once = normal(text);
        ASSERT_EQ(normal(once), once) << text;
    }
}

TEST(normalize_text, long_runs_are_cut_where_nothing_is_composed)
{
    std::string syllables;
    std::string marks = "か";
    for (int i = 0; i < 5000; ++i) {
        syllables += "\u1112\u1161\u11ab";
        marks += i % 2 == 0 ? "\u3099" : "\u0e38"; // classes 8 and 103
    }
    const std::string form = normal(syllables);
    EXPECT_EQ(form.size(), 5000 * std::string_view{"한"}.size());
    EXPECT_EQ(normal(normal(marks)), normal(marks));
}

} // namespace
