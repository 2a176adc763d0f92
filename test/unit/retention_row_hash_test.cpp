// Sums of row hashes: their forms, and that rows which differ are written differently.
#include "retention/row_hash.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace {

using etl::column_mark;
using etl::row_writer;
using etl::rows_hash;

using part = row_writer::part;
constexpr rows_hash::sum_type all_ones = ~rows_hash::sum_type{0};

std::vector<std::byte> flat(const rows_hash& of)
{
    std::vector<std::byte> bytes(rows_hash::flat_size);
    of.write(bytes.data());
    return bytes;
}

template <class Write>
rows_hash hash_of(Write&& write)
{
    row_writer row;
    row.start();
    write(row);
    return row.finish();
}

rows_hash hash_of_text(const std::string& value)
{
    return hash_of([&](row_writer& row) {
        row.column(column_mark("a"));
        row.text(value);
    });
}

std::string sqlstate_of(const std::string& text)
{
    try {
        rows_hash::parse(text);
    } catch (const etl::error& refused) {
        return refused.sqlstate();
    }
    return "";
}

TEST(retention_row_hash, is_written_and_read)
{
    for (const char* text :
         {"0:00000000000000000000000000000000", "12:0123456789abcdef0123456789abcdef",
          "-1:ffffffffffffffffffffffffffffffff", "9223372036854775807:80000000000000000000000000000000",
          "-9223372036854775808:00000000000000000000000000000001"}) {
        const rows_hash parsed = rows_hash::parse(text);
        EXPECT_EQ(parsed.to_string(), text);
        EXPECT_EQ(rows_hash::read(flat(parsed)), parsed);
    }
    EXPECT_EQ(rows_hash::parse("7:ABCDEF00000000000000000000000000").to_string(), "7:abcdef00000000000000000000000000");
}

TEST(retention_row_hash, refuses_other_texts)
{
    for (const char* text :
         {"", ":", "1", "1:", ":00000000000000000000000000000000", "1:0", "1:0000000000000000000000000000000g",
          "1:000000000000000000000000000000000", "1 :00000000000000000000000000000000",
          "+1:00000000000000000000000000000000", "1.5:00000000000000000000000000000000",
          "--1:0000000000000000000000000000000", "1::0000000000000000000000000000000"}) {
        EXPECT_EQ(sqlstate_of(text), "22P02") << text;
    }
    EXPECT_EQ(sqlstate_of("9223372036854775808:00000000000000000000000000000000"), "22003");
}

TEST(retention_row_hash, refuses_other_bytes)
{
    const std::vector<std::byte> whole = flat(rows_hash{3, 4});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_THROW(rows_hash::check({whole.data(), size}), etl::error) << size;
    }
    std::vector<std::byte> longer = whole;
    longer.push_back(std::byte{0});
    EXPECT_THROW(rows_hash::check(longer), etl::error);
    for (std::size_t i = 0; i < sizeof(etl::state_header); ++i) {
        std::vector<std::byte> other = whole;
        other[i] ^= std::byte{1};
        EXPECT_THROW(rows_hash::check(other), etl::error) << i;
    }
}

TEST(retention_row_hash, sums_wrap_around)
{
    rows_hash sum{2, all_ones};
    sum.add({~std::uint64_t{0}, 3});
    EXPECT_EQ(sum, (rows_hash{1, 2}));
    sum.subtract({2, 3});
    EXPECT_EQ(sum, (rows_hash{~std::uint64_t{0}, all_ones}));
    EXPECT_EQ(sum.rows(), -1);
}

TEST(retention_row_hash, tells_rows_apart)
{
    const std::uint64_t a = column_mark("a");
    const std::uint64_t b = column_mark("b");
    std::set<std::string> seen;
    const auto expect_new = [&seen](auto&& write) { EXPECT_TRUE(seen.insert(hash_of(write).to_string()).second); };
    expect_new([](row_writer&) {});
    expect_new([=](row_writer& row) { row.column(a), row.text(""); });
    expect_new([=](row_writer& row) { row.column(b), row.text(""); });
    expect_new([=](row_writer& row) { row.column(a), row.null(); });
    expect_new([=](row_writer& row) { row.column(a), row.word(0, 1); });
    expect_new([=](row_writer& row) { row.column(a), row.word(0, 2); });
    expect_new([=](row_writer& row) { row.column(a), row.word(0, 8); });
    expect_new([=](row_writer& row) { row.column(a), row.text("x"), row.column(b), row.text(""); });
    expect_new([=](row_writer& row) { row.column(a), row.text(""), row.column(b), row.text("x"); });
    expect_new([=](row_writer& row) { row.column(a), row.text("xx"); });
    for (const part what : {part::array, part::record, part::range, part::multirange, part::packed}) {
        expect_new([=](row_writer& row) { row.column(a), row.parts(what, 0); });
        expect_new([=](row_writer& row) { row.column(a), row.parts(what, 1); });
    }
}

TEST(retention_row_hash, looks_at_no_byte_above_a_word)
{
    const auto hash = [](std::uint64_t value, unsigned size) {
        return hash_of([=](row_writer& row) { row.column(1), row.word(value, size); });
    };
    EXPECT_EQ(hash(0xffffffffffffff05, 1), hash(5, 1));
    EXPECT_EQ(hash(0xffffffff00000005, 4), hash(5, 4));
    EXPECT_NE(hash(0xffffffff00000005, 8), hash(5, 8));
}

// Around the lengths at which a value, or what was written, is replaced by its hash.
TEST(retention_row_hash, sees_every_byte_of_rows_of_any_size)
{
    for (const std::size_t size : {1, 239, 240, 241, 511, 512, 513, 2047, 2048, 2049, 100000}) {
        const std::string value(size, 'x');
        const rows_hash whole = hash_of_text(value);
        EXPECT_EQ(hash_of_text(value), whole);
        EXPECT_NE(hash_of_text(value + "x"), whole);
        for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
            std::string other = value;
            other[at] = 'y';
            EXPECT_NE(hash_of_text(other), whole) << size << ' ' << at;
        }
    }
}

TEST(retention_row_hash, sees_every_one_of_many_columns)
{
    const auto hash = [](int changed) {
        return hash_of([changed](row_writer& row) {
            for (int i = 0; i < 1600; ++i) {
                row.column(column_mark("column " + std::to_string(i)));
                row.text(i == changed ? "b" : "a");
            }
        });
    };
    const rows_hash none = hash(-1);
    for (int i = 0; i < 1600; i += 37) {
        EXPECT_NE(hash(i), none) << i;
    }
}

// Hashes are stored with manifests: they stay what they are. The first is XXH3's own test value for no bytes.
TEST(retention_row_hash, never_changes)
{
    EXPECT_EQ(hash_of([](row_writer&) {}).to_string(), "1:99aa06d3014798d86001c324468d497f");
    EXPECT_EQ(hash_of([](row_writer& row) {
                  row.column(column_mark("id")), row.word(7, 4);
                  row.column(column_mark("name")), row.text("Ada");
              }).to_string(),
              "1:95ce7cd3cd51cf0aa36faa8abd29d43e");
    EXPECT_EQ(hash_of_text(std::string(5000, 'z')).to_string(), "1:5529ac91f5e45625bb2dc2b826dba127");
}

} // namespace
