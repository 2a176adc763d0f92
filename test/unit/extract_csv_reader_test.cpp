// CSV: what is accepted, faults and where reading goes on behind them, pieces of any size, and random texts against a
// plain parser.
#include "extract/csv_reader.hpp"

#include "core/error.hpp"
#include "csv_reference.hpp"

#include <gtest/gtest.h>

#include <random>

namespace {

using csv_reference::entry;
using csv_reference::read;

// Records as texts: values apart by |, quoted ones in brackets; a fault as !line:value.
std::string shown(const std::vector<entry>& entries)
{
    std::string made;
    for (const entry& one : entries) {
        made += &one == entries.data() ? "" : "\n";
        if (one.is_fault) {
            made += '!' + std::to_string(one.fault_line) + ':' + std::to_string(one.fault_value) + ' ' + one.text;
            continue;
        }
        for (std::size_t i = 0; i < one.values.size(); ++i) {
            const auto& [text, is_quoted] = one.values[i];
            made += i == 0 ? "" : "|";
            made += is_quoted ? '[' + text + ']' : text;
        }
    }
    return made;
}

std::string shown(std::string_view text, etl::csv_dialect dialect = {})
{
    return shown(read(text, dialect));
}

TEST(csv_reader, reads_what_is_plain)
{
    EXPECT_EQ(shown(""), "");
    EXPECT_EQ(shown("a,b\n1,2\n"), "a|b\n1|2");
    EXPECT_EQ(shown("a,b\n1,2"), "a|b\n1|2");
    EXPECT_EQ(shown(",\n"), "|");
    EXPECT_EQ(shown("\n\n"), "\n");
    EXPECT_EQ(shown("a,,c\n"), "a||c");
}

TEST(csv_reader, takes_every_line_end)
{
    EXPECT_EQ(shown("a\r\nb\rc\nd\r"), "a\nb\nc\nd");
    EXPECT_EQ(shown("a\r\r\nb"), "a\n\nb");
    EXPECT_EQ(shown("\"a\r\nb\rc\",d\r\n1,2"), "[a\r\nb\rc]|d\n1|2");
    const auto entries = read("\"a\r\nb\rc\nd\"\nx\n");
    EXPECT_EQ(entries.at(1).line, 5U);
}

TEST(csv_reader, reads_quotes)
{
    EXPECT_EQ(shown("\"a,b\",\"c\"\"d\",\"\",\"\"\"\"\n"), "[a,b]|[c\"d]|[]|[\"]");
    EXPECT_EQ(shown("5\" pipe,a\"b\"\n"), "5\" pipe|a\"b\"");
    EXPECT_EQ(shown(" \"a\"\n"), " \"a\"");
    EXPECT_EQ(shown("'a,b';\"\n", {';', '\'', '\''}), "[a,b]|\"");
    EXPECT_EQ(shown("\"a\\\"b\\\\c\\d\",x\n", {',', '"', '\\'}), "[a\"b\\c\\d]|x");
    EXPECT_EQ(shown("\"a\tb\"\t'\n", {'\t', '\0', '\0'}), "\"a|b\"|'");
}

TEST(csv_reader, passes_over_a_mark)
{
    EXPECT_EQ(shown("\xef\xbb\xbfid,b\n"), "id|b");
    EXPECT_EQ(shown("\xef\xbb\xbf\"id\",b\n"), "[id]|b");
    EXPECT_EQ(shown("a\n\xef\xbb\xbf"), "a\n\xef\xbb\xbf");
}

TEST(csv_reader, loses_one_line_by_a_fault)
{
    EXPECT_EQ(shown("1,\"a\"b,2\n3,4\n"), "!1:2 1,\"a\"b,2\n3|4");
    EXPECT_EQ(shown("1,\"a\n2,\"b\",x\n3,4\n"), "!2:2 1,\"a\n2|[b]|x\n3|4");
    EXPECT_EQ(shown("x\n1,\"a\n2\n3\n"), "x\n!2:2 1,\"a\n2\n3");
    EXPECT_EQ(shown("\"5\" pipe\",1\r\n2,3\r\n"), "!1:1 \"5\" pipe\",1\n2|3");
    EXPECT_EQ(shown("a,\""), "!1:2 a,\"");
    const auto entries = read("\"a\nb\",\"c\n\nd\n");
    ASSERT_EQ(entries.size(), 4U);
    EXPECT_EQ(entries[0].fault_line, 2U);
    EXPECT_EQ(entries[1].line, 2U);
    EXPECT_TRUE(entries[1].is_fault);
    EXPECT_EQ(entries[3].line, 4U);
}

TEST(csv_reader, says_what_a_fault_is)
{
    csv_reference::pieces from{"a,\"b\"c\n\"d", 100};
    etl::csv_reader reader{from, {}};
    ASSERT_EQ(reader.next(), etl::csv_reader::outcome::fault);
    EXPECT_EQ(reader.what().what, "the value goes on behind its closing quote");
    ASSERT_EQ(reader.next(), etl::csv_reader::outcome::fault);
    EXPECT_EQ(reader.what().what, "the quoted value has no end");
    EXPECT_EQ(reader.line(), 2U);
    EXPECT_EQ(reader.next(), etl::csv_reader::outcome::end);
    EXPECT_EQ(reader.next(), etl::csv_reader::outcome::end);
}

TEST(csv_reader, holds_long_values)
{
    const std::string value(10'000'000, 'x');
    const std::string quotes(3'000'000, '"');
    const auto entries = read("a," + value + "\n\"" + quotes + quotes + "\",b\n", {}, 65'536);
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].values.at(1).first, value);
    EXPECT_EQ(entries[1].values.at(0).first, quotes);
}

TEST(csv_reader, refuses_what_is_too_long)
{
    const etl::csv_limits limits{100, 4, 16};
    const std::string line(1000, 'x');
    const auto entries = read("a,b\n" + line + "\r\n\"" + line + "\nc,d\ne,f,g,h\ni,j,k,l,m\nn", {}, 7, limits);
    ASSERT_EQ(entries.size(), 7U);
    EXPECT_TRUE(entries[1].is_fault);
    EXPECT_GE(entries[1].text.size(), 100U);
    EXPECT_EQ(line.substr(0, entries[1].text.size()), entries[1].text);
    EXPECT_TRUE(entries[2].is_fault);
    EXPECT_EQ(entries[2].line, 3U);
    EXPECT_EQ(entries[3].text, "c,d");
    EXPECT_EQ(entries[3].line, 4U);
    EXPECT_FALSE(entries[4].is_fault);
    EXPECT_TRUE(entries[5].is_fault);
    EXPECT_EQ(entries[6].text, "n");
}

// A quote that is never closed costs its line, also where what follows is longer than a record may be.
TEST(csv_reader, goes_on_behind_a_quote_without_end)
{
    std::string text = "1,\"a\n";
    for (int i = 0; i < 100; ++i) {
        text += "2,b\n";
    }
    const auto entries = read(text, {}, 1000, {50, 100, 16});
    EXPECT_EQ(entries.size(), 101U);
    EXPECT_EQ(std::ranges::count(entries, true, &entry::is_fault), 1);
}

TEST(csv_reader, refuses_a_dialect_that_is_ambiguous)
{
    for (const etl::csv_dialect dialect :
         {etl::csv_dialect{'\n', '"', '"'}, etl::csv_dialect{'"', '"', '"'}, etl::csv_dialect{',', '\r', '"'},
          etl::csv_dialect{',', '"', ','}, etl::csv_dialect{'\0', '"', '"'}, etl::csv_dialect{'\xe9', '"', '"'}}) {
        EXPECT_THROW(read("a", dialect), etl::error);
    }
}

std::string random_text(std::mt19937_64& random, std::string_view letters)
{
    std::string made;
    for (std::size_t size = random() % 300; size > 0; --size) {
        made += letters[random() % letters.size()];
    }
    return made;
}

TEST(csv_reader, reads_as_a_plain_parser_does)
{
    std::mt19937_64 random{1};
    const std::vector<etl::csv_dialect> dialects{
        {',', '"', '"'}, {';', '"', '\\'}, {'\t', '\0', '\0'}, {'|', '\'', '\''}};
    for (int i = 0; i < 20'000; ++i) {
        const etl::csv_dialect dialect = dialects[random() % dialects.size()];
        const std::string text = random_text(random, i % 2 == 0 ? "ab,;|\t\"\"'\\\n\r" : "abcdefgh,,;\t|\n\r\"");
        const auto expected = csv_reference::parser{text, dialect}.run();
        const etl::csv_limits limits{1U << 20U, 1000, 1 + random() % 80};
        ASSERT_EQ(read(text, dialect, 1 + random() % 40, limits), expected) << text;
        ASSERT_EQ(read(text, dialect), expected) << text;
    }
}

} // namespace
