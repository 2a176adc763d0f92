// Characters out of UTF-8: every one of them, and what is none.
#include "core/utf8.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {

using etl::decode_at;
using etl::is_character;
using etl::no_character;

// Of as many bytes as asked for, whether that is right or not.
std::string encoded(char32_t value, int size)
{
    const auto part = [value](int from) { return static_cast<char>(0x80U | ((value >> (6 * from)) & 0x3fU)); };
    switch (size) {
    case 1:
        return {static_cast<char>(value)};
    case 2:
        return {static_cast<char>(0xc0U | value >> 6U), part(0)};
    case 3:
        return {static_cast<char>(0xe0U | value >> 12U), part(1), part(0)};
    default:
        return {static_cast<char>(0xf0U | value >> 18U), part(2), part(1), part(0)};
    }
}

int right_size(char32_t value)
{
    return value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
}

TEST(Utf8, EveryCharacterAndNoSurrogate)
{
    for (char32_t value = 0; value < no_character; ++value) {
        const std::string text = "x" + encoded(value, right_size(value)) + "y";
        const auto found = decode_at(text, 1);
        if (value >= 0xd800 && value < 0xe000) {
            ASSERT_EQ(found.size, 1U) << std::hex << static_cast<unsigned>(value);
            ASSERT_FALSE(is_character(found.value));
        } else {
            ASSERT_EQ(found.size, text.size() - 2) << std::hex << static_cast<unsigned>(value);
            ASSERT_EQ(found.value, value);
        }
    }
}

TEST(Utf8, OverlongOrBeyondIsNone)
{
    for (const auto& text : {encoded(0x7f, 2), encoded(0x7f, 3), encoded(0x7ff, 3), encoded(0x7ff, 4),
                             encoded(0xffff, 4), encoded(no_character, 4), encoded(0x1fffff, 4)}) {
        EXPECT_EQ(decode_at(text, 0).size, 1U);
        EXPECT_FALSE(is_character(decode_at(text, 0).value));
    }
}

TEST(Utf8, CutOffIsNone)
{
    for (const char32_t value : {U'\u00e9', U'\u20ac', U'\U0001f600'}) {
        const std::string whole = encoded(value, right_size(value));
        for (std::size_t size = 1; size < whole.size(); ++size) {
            EXPECT_FALSE(is_character(decode_at(whole.substr(0, size), 0).value));
            EXPECT_FALSE(is_character(decode_at(whole.substr(0, size) + "a", 0).value));
        }
    }
}

TEST(Utf8, BytesThatAreNoneDiffer)
{
    std::set<char32_t> values;
    for (unsigned byte = 0x80; byte < 0x100; ++byte) {
        const auto found = decode_at(std::string(1, static_cast<char>(byte)), 0);
        EXPECT_EQ(found.size, 1U);
        EXPECT_FALSE(is_character(found.value));
        values.insert(found.value);
    }
    EXPECT_EQ(values.size(), 0x80U);
}

} // namespace
