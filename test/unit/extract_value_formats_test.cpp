// Moments as numbers, hexadecimal numbers, and bytes.
#include "extract/value_formats.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using etl::value_format;

std::string written(value_format format, const std::string& value)
{
    std::string made;
    const auto wrong = etl::write_formatted(format, value, made);
    return wrong.empty() ? made : "! " + std::string{wrong};
}

TEST(value_formats, moments)
{
    EXPECT_EQ(written(value_format::epoch, "0"), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(written(value_format::epoch, "1700000000"), "2023-11-14T22:13:20.000000Z");
    EXPECT_EQ(written(value_format::epoch, "1700000000.123456"), "2023-11-14T22:13:20.123456Z");
    EXPECT_EQ(written(value_format::epoch, "1700000000.1234565"), "2023-11-14T22:13:20.123457Z");
    EXPECT_EQ(written(value_format::epoch, "1.7e9"), "2023-11-14T22:13:20.000000Z");
    EXPECT_EQ(written(value_format::epoch, "17000000000e-1"), "2023-11-14T22:13:20.000000Z");
    EXPECT_EQ(written(value_format::epoch, "-1"), "1969-12-31T23:59:59.000000Z");
    EXPECT_EQ(written(value_format::epoch, "-0.5"), "1969-12-31T23:59:59.500000Z");
    EXPECT_EQ(written(value_format::epoch_ms, "1700000000123"), "2023-11-14T22:13:20.123000Z");
    EXPECT_EQ(written(value_format::epoch_us, "1700000000123456"), "2023-11-14T22:13:20.123456Z");
    EXPECT_EQ(written(value_format::epoch_ns, "1700000000123456789"), "2023-11-14T22:13:20.123457Z");
    EXPECT_EQ(written(value_format::epoch, "-62135596800"), "0001-01-01T00:00:00.000000Z");
    EXPECT_EQ(written(value_format::epoch, "253402300799"), "9999-12-31T23:59:59.000000Z");
}

TEST(value_formats, moments_that_are_none)
{
    const std::string beyond = "! as a moment it is not in the years 1 to 9999";
    EXPECT_EQ(written(value_format::epoch, "1700000000000"), beyond); // these are milliseconds
    EXPECT_EQ(written(value_format::epoch, "253402300800"), beyond);
    EXPECT_EQ(written(value_format::epoch, "253402300799.9999996"), beyond);
    EXPECT_EQ(written(value_format::epoch, "-62135596801"), beyond);
    EXPECT_EQ(written(value_format::epoch, "1e400"), beyond);
    EXPECT_EQ(written(value_format::epoch, "1e999999999999"), beyond);
    EXPECT_EQ(written(value_format::epoch, std::string(10000, '9')), beyond);
    for (const std::string value : {"", "today", "now", "NaN", "Infinity", "0x10", " 1", "1 ", "+1", "true"}) {
        EXPECT_EQ(written(value_format::epoch, value), "! it is not a number") << value;
    }
}

TEST(value_formats, hexadecimal_numbers)
{
    EXPECT_EQ(written(value_format::hex_number, "0x0"), "0");
    EXPECT_EQ(written(value_format::hex_number, "0xff"), "255");
    EXPECT_EQ(written(value_format::hex_number, "FF"), "255");
    EXPECT_EQ(written(value_format::hex_number, "-0x10"), "-16");
    EXPECT_EQ(written(value_format::hex_number, "0x3b9aca00"), "1000000000");
    EXPECT_EQ(written(value_format::hex_number, "0x" + std::string(64, 'f')),
              "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    for (const std::string value : {"", "0x", "0xg", "x1", "1.5", "- 1"}) {
        EXPECT_EQ(written(value_format::hex_number, value), "! it is not a hexadecimal number") << value;
    }
    EXPECT_EQ(written(value_format::hex_number, std::string(4097, '1')), "! it has more than 4096 hexadecimal digits");
}

TEST(value_formats, bytes)
{
    EXPECT_EQ(written(value_format::hex_bytes, "0xdeadBEEF"), "\\xdeadBEEF");
    EXPECT_EQ(written(value_format::hex_bytes, ""), "\\x");
    EXPECT_EQ(written(value_format::hex_bytes, "0xabc"), "! it is not pairs of hexadecimal digits");
    EXPECT_EQ(written(value_format::base64, "Zm9vYmFy"), "\\x666f6f626172"); // RFC 4648, 10
    EXPECT_EQ(written(value_format::base64, "Zm9vYg=="), "\\x666f6f62");
    EXPECT_EQ(written(value_format::base64, "Zm9vYmE="), "\\x666f6f6261");
    EXPECT_EQ(written(value_format::base64, "Zm9vYmE"), "\\x666f6f6261");
    EXPECT_EQ(written(value_format::base64, "-_-_"), "\\xfbffbf");
    EXPECT_EQ(written(value_format::base64, "+/+/"), "\\xfbffbf");
    EXPECT_EQ(written(value_format::base64, ""), "\\x");
    for (const std::string value : {"Z", "Zm9vY", "Zm9v=Zm9", "Zm 9", "Zm9vYh==", "===="}) {
        EXPECT_EQ(written(value_format::base64, value), "! it is not base64") << value;
    }
}

TEST(value_formats, whole_numbers)
{
    const auto whole = [](const std::string& value) {
        std::string made;
        return etl::write_whole_number(value, made) ? made : "no";
    };
    EXPECT_EQ(whole("7.0"), "7");
    EXPECT_EQ(whole("-12e2"), "-1200");
    EXPECT_EQ(whole("1200e-2"), "12");
    EXPECT_EQ(whole("0.0012E4"), "00012");
    EXPECT_EQ(whole("0e-5"), "0");
    EXPECT_EQ(whole("7.5"), "no");
    EXPECT_EQ(whole("1e-1"), "no");
    EXPECT_EQ(whole("1e401"), "no");
}

} // namespace
