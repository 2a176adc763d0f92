#include "core/byte_io.hpp"

#include "unit/vector_buffer.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace {

using etl::byte_reader;
using etl::byte_writer;
using etl::test::vector_buffer;

void write_sample(byte_writer& to)
{
    const std::uint32_t numbers[] = {1, 2, 3};
    to.value(std::uint8_t{1});
    to.value(-1.5);
    to.string("text");
    to.string("");
    to.count(3);
    to.values(std::span<const std::uint32_t>{numbers});
}

void read_sample(std::span<const std::byte> bytes)
{
    byte_reader from{bytes, "etl.sample"};
    EXPECT_TRUE(from.flag());
    EXPECT_EQ(from.value<double>(), -1.5);
    EXPECT_EQ(from.string(), "text");
    EXPECT_EQ(from.string(), "");
    std::pmr::vector<std::uint32_t> numbers{9};
    from.values(numbers, from.count(sizeof(std::uint32_t)));
    EXPECT_EQ(numbers, (std::pmr::vector<std::uint32_t>{9, 1, 2, 3}));
    EXPECT_EQ(from.left(), 0U);
    from.expect_end();
}

TEST(ByteIo, ReadsWhatWasWritten)
{
    std::pmr::vector<std::byte> bytes;
    byte_writer to{bytes};
    write_sample(to);
    EXPECT_EQ(to.size(), bytes.size());
    read_sample(bytes);
}

TEST(ByteIo, WritesTheSameIntoAFlatBuffer)
{
    std::pmr::vector<std::byte> bytes;
    byte_writer to_vector{bytes};
    write_sample(to_vector);

    vector_buffer buffer;
    buffer.resize(3);
    byte_writer to_buffer{buffer};
    write_sample(to_buffer);
    to_buffer.finish();
    const auto written = buffer.bytes().subspan(3);
    EXPECT_TRUE(std::equal(written.begin(), written.end(), bytes.begin(), bytes.end()));
}

TEST(ByteIo, AppendsToWhatIsThere)
{
    std::pmr::vector<std::byte> bytes(5);
    byte_writer{bytes}.value(std::uint16_t{0x0201});
    EXPECT_EQ(bytes.size(), 7U);
    EXPECT_EQ(bytes[5], std::byte{1});
    EXPECT_EQ(bytes[6], std::byte{2});
}

void expect_refused(auto&& read)
{
    try {
        read();
        FAIL() << "read past the end";
    } catch (const etl::error& e) {
        EXPECT_STREQ(e.sqlstate(), etl::sqlstate::invalid_binary_representation);
        EXPECT_STREQ(e.what(), "invalid value for type etl.sample");
    }
}

TEST(ByteIo, RefusesEveryTruncation)
{
    std::pmr::vector<std::byte> bytes;
    byte_writer to{bytes};
    write_sample(to);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        expect_refused([&] { read_sample(std::span{bytes}.first(size)); });
    }
}

TEST(ByteIo, BelievesNoCount)
{
    for (const std::uint64_t count :
         {std::uint64_t{3}, std::uint64_t{1} << 61, std::numeric_limits<std::uint64_t>::max()}) {
        std::pmr::vector<std::byte> bytes;
        byte_writer to{bytes};
        to.count(count);
        to.value(std::uint64_t{0});
        to.value(std::uint64_t{0});
        expect_refused([&] { byte_reader{bytes, "etl.sample"}.count(sizeof(std::uint64_t)); });
        std::pmr::vector<std::uint64_t> values;
        expect_refused([&] { byte_reader{bytes, "etl.sample"}.values(values, count + (count == 3)); });
        EXPECT_TRUE(values.empty());
    }
}

TEST(ByteIo, RefusesWhatIsNoFlagAndWhatIsLeftOver)
{
    const std::byte two[] = {std::byte{2}};
    expect_refused([&] { byte_reader{two, "etl.sample"}.flag(); });
    expect_refused([&] { byte_reader{two, "etl.sample"}.expect_end(); });
    EXPECT_EQ((byte_reader{two, "etl.sample"}.left()), 1U);
}

} // namespace
