#include "core/hex.hpp"
#include "extract/evm_address.hpp"
#include "extract/keccak.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

using etl::keccak256;

std::string hash(std::string_view text)
{
    return etl::to_hex(keccak256(text));
}

// The Keccak team's KeccakKAT-3 (ShortMsgKAT_256.txt, Len = 0 and Len = 8), and the digests of two phrases that every
// library of Ethereum is tested with.
TEST(keccak, published_digests)
{
    EXPECT_EQ(hash(""), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    EXPECT_EQ(hash("\xcc"), "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a");
    EXPECT_EQ(hash("abc"), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    EXPECT_EQ(hash("The quick brown fox jumps over the lazy dog"),
              "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15");
}

// A block has 136 bytes, and padding may need one of its own. Computed with ethers 6.
TEST(keccak, around_a_block)
{
    EXPECT_EQ(hash(std::string(135, 'a')), "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446");
    EXPECT_EQ(hash(std::string(136, 'a')), "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e");
    EXPECT_EQ(hash(std::string(137, 'a')), "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39");
    EXPECT_EQ(hash(std::string(271, 'a')), "132f47effd6c8b1b299efa53fe68aece77ec8ae4eb2e294f668eec94f76001e1");
    EXPECT_EQ(hash(std::string(272, 'a')), "cf7fcd4f705ee749930d19ca84561a9bf62516bd90a471545fa2f49fdc7e63c8");
    EXPECT_EQ(hash(std::string(1000, 'a')), "b6a4ac1f51884d71f30fa397a5e155de3099e11fc0edef5d08b646e621e19de9");
}

// The examples of ERC-55.
TEST(address, checksums)
{
    for (const std::string_view address :
         {"0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
          "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
          "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
          "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"}) {
        const std::string read = etl::evm::read_address(address);
        EXPECT_EQ(etl::evm::with_checksum(read), address);
        EXPECT_EQ(etl::evm::read_address(read), read);
    }
}

TEST(address, refused)
{
    for (const std::string_view text :
         {"", "0x", "52908400098527886E0F7030069857D2E4169EE7", "0x52908400098527886E0F7030069857D2E4169EE",
          "0x52908400098527886E0F7030069857D2E4169EE77", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
          "0xg2908400098527886E0F7030069857D2E4169EE7"}) {
        EXPECT_THROW(etl::evm::read_address(text), etl::error) << text;
    }
}

} // namespace
