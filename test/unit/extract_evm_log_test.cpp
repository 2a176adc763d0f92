#include "core/error.hpp"
#include "core/hex.hpp"
#include "extract/evm_log.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace {

using etl::evm::bytes;
using etl::evm::decoded_log;
using etl::evm::event_table;
using etl::evm::log_filter;
using etl::evm::may_hold;

const std::vector<std::string> declarations{"Transfer(address indexed from, address indexed to, uint256 value)",
                                            "Noted(string note)"};

std::string word(std::string_view digits)
{
    return "0x" + std::string(64 - digits.size(), '0') + std::string{digits};
}

// A log as geth gives it.
etl::json transfer()
{
    return {{"address", "0x" + std::string(40, 'A')},
            {"topics", {"0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef", word("ab"), word("cd")}},
            {"data", word("5")},
            {"blockNumber", "0x64"},
            {"transactionHash", word("7")},
            {"transactionIndex", "0x1"},
            {"blockHash", word("9")},
            {"logIndex", "0x2"},
            {"removed", false}};
}

etl::evm::log read_it(const etl::json& document, const log_filter& filter = {100, 100, {}})
{
    return etl::evm::read_log(document, event_table{declarations}, filter);
}

std::string refusal(const char* member, const etl::json& value, const log_filter& filter = {100, 100, {}})
{
    etl::json document = transfer();
    document[member] = value;
    try {
        read_it(document, filter);
        return "no error";
    } catch (const etl::error& e) {
        EXPECT_STREQ(e.sqlstate(), etl::evm::protocol_violation);
        return e.detail();
    }
}

TEST(log, members)
{
    const etl::evm::log made = read_it(transfer());
    EXPECT_EQ(made.block_number, 100);
    EXPECT_EQ(made.block_hash, word("9"));
    EXPECT_EQ(made.block_time, std::nullopt);
    EXPECT_EQ(made.tx_hash, word("7"));
    EXPECT_EQ(made.tx_index, 1);
    EXPECT_EQ(made.log_index, 2);
    EXPECT_EQ(made.address, "0x" + std::string(40, 'a'));
    ASSERT_EQ(made.topics.size(), 3U);
    EXPECT_EQ(etl::to_hex(made.data), word("5").substr(2));
    etl::json document = transfer();
    document["blockTimestamp"] = "0x6553f13c";
    document.erase("removed");
    document["more"] = {1, 2};
    EXPECT_EQ(read_it(document).block_time, 1700000060);
}

TEST(log, refused)
{
    EXPECT_NE(refusal("removed", true).find("a reorganisation of the chain has removed"), std::string::npos);
    EXPECT_NE(refusal("blockNumber", nullptr).find("blockNumber of a log is null"), std::string::npos);
    EXPECT_NE(refusal("blockNumber", "0x").find("no number"), std::string::npos);
    EXPECT_NE(refusal("blockNumber", "64").find("no number"), std::string::npos);
    EXPECT_NE(refusal("blockNumber", 100).find("no number"), std::string::npos);
    EXPECT_NE(refusal("blockNumber", "0xffffffffffffffff").find("no number"), std::string::npos);
    EXPECT_NE(refusal("blockNumber", "0x65").find("asked for were those of blocks 100 to 100"), std::string::npos);
    EXPECT_NE(refusal("logIndex", "0x80000000").find("no number that it can have"), std::string::npos);
    EXPECT_NE(refusal("blockHash", nullptr).find("32 bytes in hexadecimal digits"), std::string::npos);
    EXPECT_NE(refusal("blockHash", word("9") + "00").find("32 bytes"), std::string::npos);
    EXPECT_NE(refusal("address", "0x12").find("20 bytes"), std::string::npos);
    EXPECT_NE(refusal("data", "0x123").find("bytes in hexadecimal"), std::string::npos);
    EXPECT_NE(refusal("data", "123456").find("bytes in hexadecimal"), std::string::npos);
    EXPECT_NE(refusal("topics", etl::json::array()).find("event that was not asked for"), std::string::npos);
    EXPECT_NE(refusal("topics", {word("1")}).find("event that was not asked for"), std::string::npos);
    EXPECT_NE(refusal("topics", etl::json::array({"0x1", "0x2", "0x3", "0x4", "0x5"})).find("no list of up to 4"),
              std::string::npos);
    EXPECT_THROW(read_it(etl::json::array()), etl::error);
    EXPECT_THROW(read_it(etl::json::object()), etl::error);
    const std::vector<std::string> others{"0x" + std::string(40, 'b')};
    EXPECT_NE(refusal("logIndex", "0x1", {100, 100, others}).find("was not asked for"), std::string::npos);
    const std::vector<std::string> these{"0x" + std::string(40, 'a')};
    EXPECT_EQ(refusal("logIndex", "0x1", {100, 100, these}), "no error");
}

TEST(log, one_chain)
{
    std::vector<etl::evm::log> logs{read_it(transfer()), read_it(transfer())};
    EXPECT_THROW(etl::evm::require_one_chain(logs), etl::error); // twice
    logs[1].log_index = 3;
    EXPECT_NO_THROW(etl::evm::require_one_chain(logs));
    logs[1].block_hash = word("8");
    EXPECT_THROW(etl::evm::require_one_chain(logs), etl::error); // two blocks with one number
}

TEST(log, arguments_by_column)
{
    const event_table events{declarations};
    const decoded_log made = etl::evm::decode(read_it(transfer()), events);
    EXPECT_EQ(made.event, "Transfer");
    EXPECT_EQ(made.reason, "");
    ASSERT_EQ(made.arguments.size(), 4U); // and the note
    EXPECT_EQ(made.arguments[0], "0x" + std::string(38, '0') + "ab");
    EXPECT_EQ(made.arguments[2], "5");
    EXPECT_EQ(made.arguments[3], std::nullopt);
}

TEST(log, undecodable)
{
    const event_table events{declarations};
    etl::json document = transfer();
    document["data"] = "0x";
    decoded_log made = etl::evm::decode(read_it(document), events);
    EXPECT_NE(made.reason.find("end at byte 0"), std::string::npos);
    EXPECT_EQ(made.arguments[0], std::nullopt);
    document["topics"].push_back(word("1")); // as of an ERC-721 token
    made = etl::evm::decode(read_it(document), events);
    EXPECT_NE(made.reason.find("4 topics"), std::string::npos);
}

// All bits of a bloom filter but some.
bytes without_bits(std::size_t from, std::size_t count)
{
    bytes made(256, std::byte{0xff});
    for (std::size_t bit = from; bit < from + count; ++bit) {
        made[255 - bit / 8] ^= std::byte{1} << bit % 8;
    }
    return made;
}

void add(bytes& filter, const bytes& text)
{
    constexpr std::size_t group = 64;
    for (std::size_t from = 0; from < 2048; from += group) {
        if (may_hold(without_bits(from, group), {}, {&text, 1})) {
            continue;
        }
        for (std::size_t bit = from; bit < from + group; ++bit) {
            if (!may_hold(without_bits(bit, 1), {}, {&text, 1})) {
                filter[255 - bit / 8] |= std::byte{1} << bit % 8;
            }
        }
    }
}

// The hash of the filter of a hundred texts, as go-ethereum tests it (core/types/bloom9_test.go, TestBloomExtensively):
// the bits of a text are those without which it is not found.
TEST(bloom, as_go_ethereum_has_it)
{
    bytes filter(256);
    std::vector<bytes> texts;
    for (int i = 0; i < 100; ++i) {
        const std::string text = "xxxxxxxxxx data " + std::to_string(i) + " yyyyyyyyyyyyyy";
        const auto view = std::as_bytes(std::span{text});
        texts.push_back({view.begin(), view.end()});
        add(filter, texts.back());
    }
    EXPECT_EQ(etl::to_hex(etl::keccak256(filter)), "c8d3ca65cdb4874300a9e39475508f23ed6da09fdbc487f89a2dcf50b09eb263");
    for (const bytes& text : texts) {
        EXPECT_TRUE(may_hold(filter, {}, {&text, 1}));
        EXPECT_TRUE(may_hold(filter, {&text, 1}, texts));
    }
    const bytes other{std::byte{1}};
    EXPECT_FALSE(may_hold(filter, {}, {&other, 1}));
    EXPECT_FALSE(may_hold(filter, {&other, 1}, texts));
    EXPECT_THROW(may_hold(bytes(255), {}, texts), etl::error);
}

} // namespace
