// UTF-16 as UTF-8, in pieces of any size; marks; and streams that are looked at before they are read.
#include "extract/text_encoding.hpp"

#include "csv_reference.hpp"

#include <gtest/gtest.h>

namespace {

using csv_reference::pieces;
using etl::byte_order;
using etl::encoding_mark;

std::string all_of(etl::byte_source& from, std::size_t room)
{
    std::string made;
    std::string piece(room, '\0');
    while (const std::size_t count = from.read(piece)) {
        made.append(piece, 0, count);
    }
    return made;
}

// Units in an order of bytes.
std::string bytes(std::u16string_view units, byte_order order)
{
    std::string made;
    for (const char16_t unit : units) {
        const char low = static_cast<char>(unit & 0xff);
        const char high = static_cast<char>(unit >> 8);
        made += order == byte_order::little ? low : high;
        made += order == byte_order::little ? high : low;
    }
    return made;
}

std::string decoded(const std::string& text, byte_order order, std::size_t piece = 1000, std::size_t room = 1000)
{
    pieces from{text, piece};
    etl::utf16_source source{from, order};
    return all_of(source, room);
}

TEST(text_encoding, reads_utf16)
{
    const std::u16string_view text = u"aé\u2028\uffff😀\U0010ffff,\"\n";
    const std::string expected = "aé\xe2\x80\xa8\xef\xbf\xbf😀\xf4\x8f\xbf\xbf,\"\n";
    for (const byte_order order : {byte_order::little, byte_order::big}) {
        for (std::size_t piece = 1; piece < 9; ++piece) {
            for (std::size_t room = 1; room < 9; ++room) {
                ASSERT_EQ(decoded(bytes(text, order), order, piece, room), expected) << piece << ' ' << room;
            }
        }
    }
    std::u16string long_text;
    std::string long_expected;
    for (int i = 0; i < 100'000; ++i) {
        long_text += u"é😀x";
        long_expected += "é😀x";
    }
    EXPECT_EQ(decoded(bytes(long_text, byte_order::big), byte_order::big, 7777), long_expected);
}

TEST(text_encoding, marks_what_is_no_character)
{
    const auto read = [](std::initializer_list<char16_t> units, const std::string& rest = {}) {
        return decoded(bytes(std::u16string{units}, byte_order::little) + rest, byte_order::little, 1, 1);
    };
    EXPECT_EQ(read({0xd83d}), "\xff");
    EXPECT_EQ(read({0xd83d, 'a'}), "\xff"
                                   "a");
    EXPECT_EQ(read({0xde00, 'a'}), "\xff"
                                   "a");
    EXPECT_EQ(read({0xd83d, 0xd83d, 0xde00}), "\xff😀");
    EXPECT_EQ(read({'a'}, "b"), "a\xff");
    EXPECT_EQ(read({}), "");
}

TEST(text_encoding, knows_marks)
{
    EXPECT_EQ(encoding_mark::at_begin_of("\xef\xbb\xbf"
                                         "a")
                  .size,
              3U);
    EXPECT_EQ(encoding_mark::at_begin_of("\xff\xfe").utf16, byte_order::little);
    EXPECT_EQ(encoding_mark::at_begin_of("\xfe\xff").utf16, byte_order::big);
    for (const char* text : {"", "a", "\xef\xbb", "\xff",
                             "\xfe"
                             "a"}) {
        EXPECT_EQ(encoding_mark::at_begin_of(text).size, 0U);
    }
}

TEST(text_encoding, knows_what_is_no_text)
{
    using namespace std::string_view_literals;
    for (const std::string_view begin : {"PK\x03\x04\x14\x00"sv, "\x1f\x8b\x08\x00"sv, "BZh91AY&SY"sv, "PAR1\x15\x04"sv,
                                         "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00"sv}) {
        EXPECT_THROW(etl::require_no_archive(begin), etl::error) << begin;
    }
    for (const std::string_view begin :
         {""sv, "PK"sv, "PK,x"sv, "BZh9,b"sv, "PAR1,PAR2"sv, "\x1f,"sv, "{\"a\": 1}"sv}) {
        EXPECT_NO_THROW(etl::require_no_archive(begin)) << begin;
    }
}

TEST(text_encoding, looks_before_it_reads)
{
    for (std::size_t piece = 1; piece < 6; ++piece) {
        pieces from{"abcdefghijklm", piece};
        etl::peeked_source source{from};
        EXPECT_EQ(source.begin(), "abcdefghij");
        source.skip(2);
        EXPECT_EQ(all_of(source, 2), "cdefghijklm");
    }
    pieces from{"a", 1};
    etl::peeked_source source{from};
    EXPECT_EQ(source.begin(), "a");
    EXPECT_EQ(all_of(source, 9), "a");
}

} // namespace
