#include "core/error.hpp"
#include "core/hex.hpp"
#include "extract/evm_columns.hpp"
#include "extract/evm_event.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace {

using etl::evm::event;
using etl::evm::event_table;
using etl::evm::parse_event;

std::string signature(std::string_view text)
{
    return parse_event(text).signature();
}

std::string complaint(std::string_view text)
{
    try {
        return "no error: " + signature(text);
    } catch (const etl::error& e) {
        const std::string_view what = e.what();
        const std::size_t at = what.find(" at character ");
        return std::string{what.substr(at + 14, what.find(':') - at - 14)} + ": " + e.detail();
    }
}

// First topics that block explorers show of these events; that of OrderFulfilled (Seaport) has tuples.
TEST(event, known_first_topics)
{
    const auto topic = [](std::string_view text) { return etl::to_hex(parse_event(text).first_topic()); };
    EXPECT_EQ(topic("event Transfer(address indexed from, address indexed to, uint256 value)"),
              "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
    EXPECT_EQ(topic("Approval(address indexed owner,address indexed spender,uint value);"),
              "8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925");
    EXPECT_EQ(topic("Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, "
                    "uint256 amount1Out, address indexed to)"),
              "d78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822");
    EXPECT_EQ(
        topic("OrderFulfilled(bytes32 orderHash, address indexed offerer, address indexed zone, address recipient,"
              " (uint8 itemType, address token, uint256 identifier, uint256 amount)[] offer,"
              " tuple(uint8 itemType, address token, uint256 identifier, uint256 amount, address recipient)[] "
              "consideration)"),
        "9d9af8e38d66c62e2c12f0225249fd9d721c54b83f48d9352c97c6cacdcb6f31");
}

TEST(event, ways_to_write_one)
{
    EXPECT_EQ(signature("event A()"), "A()");
    EXPECT_EQ(signature(" \t\n event\rA ( ) anonymous ; "), "A()");
    EXPECT_TRUE(parse_event("A() anonymous").is_anonymous);
    EXPECT_EQ(signature("A(uint,int, fixed ,ufixed8x80,function)"),
              "A(uint256,int256,fixed128x18,ufixed8x80,function)");
    EXPECT_EQ(signature("A(uint[], uint[2] [3][] x, (bytes,string)[1] indexed)"),
              "A(uint256[],uint256[2][3][],(bytes,string)[1])");
    EXPECT_EQ(signature("A(address payable indexed x, tuple ( bool indexed_ , (bool b) c ) y)"),
              "A(address,(bool,(bool)))");
    EXPECT_EQ(signature("event(bool)"), "event(bool)");
    EXPECT_EQ(parse_event("A(bool indexed)").parameters[0].name, "");
    EXPECT_TRUE(parse_event("A(bool indexed)").parameters[0].is_indexed);
    EXPECT_EQ(parse_event("A(bool $x_1)").parameters[0].name, "$x_1");
}

TEST(event, says_where_it_is_wrong)
{
    const std::string list = "Here a comma or a closing parenthesis is expected, not ";
    EXPECT_EQ(complaint(""), "1: Here the name of an event is expected, not the end of the text.");
    EXPECT_EQ(complaint("event"), "6: Here the name of an event is expected, not the end of the text.");
    EXPECT_EQ(complaint("A"), "2: Here the list of parameters in parentheses is expected, not the end of the text.");
    EXPECT_EQ(complaint("A(bool"), "7: " + list + "the end of the text.");
    EXPECT_EQ(complaint("A(bool a b)"), "10: " + list + "\"b\".");
    EXPECT_EQ(complaint("A(bool a, )"), "11: Here a type is expected, not \")\".");
    EXPECT_EQ(complaint("A(b\xc3\xb6l)"), "3: \"b\" is no type of the ABI.");
    EXPECT_EQ(complaint("\xc3\xb6(b)"), "1: Here the name of an event is expected, not \"\xc3\xb6\".");
    EXPECT_EQ(complaint("A(bool) indexed"), "9: Nothing but the word anonymous may follow the parameters.");
    EXPECT_EQ(complaint("A(bool[)"), "8: Here a closing bracket is expected, not \")\".");
    EXPECT_EQ(complaint("A(bool[0])"), "8: The length of an array is a whole number from 1 to 999999999.");
    EXPECT_EQ(complaint("A(bool[01])"), "8: The length of an array is a whole number from 1 to 999999999.");
    EXPECT_EQ(complaint("A(bool[9999999999])"), "8: The length of an array is a whole number from 1 to 999999999.");
    EXPECT_EQ(complaint("A(())"), "4: Here a type is expected, not \")\".");
    for (const std::string_view type : {"uint7", "uint264", "uint08", "int0", "bytes0", "bytes33", "bytes032", "fixed8",
                                        "fixed8x0", "fixed8x81", "fixedx", "ufixed8x", "Int", "IERC20", "uint256x"}) {
        EXPECT_EQ(complaint("A(" + std::string{type} + " a)"),
                  "3: \"" + std::string{type} + "\" is no type of the ABI.");
    }
}

TEST(event, limits)
{
    EXPECT_NE(complaint("A(bool indexed,bool indexed,bool indexed,bool indexed)").find("at most 4 topics"),
              std::string::npos);
    EXPECT_EQ(parse_event("A(bool indexed,bool indexed,bool indexed,bool indexed) anonymous").topics(), 4U);
    EXPECT_NE(complaint("A(bool[1000000000][1000000000])").find("from 1 to"), std::string::npos);
    EXPECT_NE(complaint("A(bool[999999999])").find("more than 1048576 words"), std::string::npos);
    EXPECT_NE(complaint("A(string[1024][1025])").find("no error"), std::string::npos);
    EXPECT_NE(complaint("A(bool[1024][1025])").find("more than 1048576 words"), std::string::npos);
    EXPECT_NE(complaint("A(" + std::string(17, '(') + "bool" + std::string(17, ')') + ")").find("at most 16"),
              std::string::npos);
    std::string lists{"A(bool"};
    for (int i = 0; i < 17; ++i) {
        lists += "[]";
    }
    EXPECT_NE(complaint(lists + ')').find("at most 16"), std::string::npos);
    EXPECT_THROW(parse_event(std::string(9000, 'a')), etl::error);
}

TEST(columns, names_in_snake_case)
{
    using etl::evm::snake_case;
    EXPECT_EQ(snake_case("tokenId"), "token_id");
    EXPECT_EQ(snake_case("amount0In"), "amount0_in");
    EXPECT_EQ(snake_case("_value"), "value");
    EXPECT_EQ(snake_case("from_"), "from");
    EXPECT_EQ(snake_case("tokenURIHash"), "token_uri_hash");
    EXPECT_EQ(snake_case("URI"), "uri");
    EXPECT_EQ(snake_case("sqrtPriceX96"), "sqrt_price_x96");
    EXPECT_EQ(snake_case("already_snake"), "already_snake");
    EXPECT_EQ(snake_case("_$_"), "");
}

std::string columns(const std::vector<std::string>& events)
{
    const event_table table{events};
    std::string made;
    for (const etl::evm::column& each : table.columns()) {
        made += (made.empty() ? "" : ", ") + each.name + ' ' + each.sql_type;
    }
    return made;
}

TEST(columns, types)
{
    EXPECT_EQ(columns({"A(uint8 a,uint24 b,uint32 c,uint56 d,uint64 e,uint256 f)"}),
              "a integer, b integer, c bigint, d bigint, e numeric(78,0), f numeric(78,0)");
    EXPECT_EQ(columns({"A(int8 a,int32 b,int40 c,int64 d,int72 e,fixed f)"}),
              "a integer, b integer, c bigint, d bigint, e numeric(78,0), f numeric");
    EXPECT_EQ(columns({"A(address a,bool b,bytes c,bytes4 d,string e,function f)"}),
              "a text, b boolean, c bytea, d bytea, e text, f bytea");
    EXPECT_EQ(columns({"A(uint256[] a,uint8[3] b,string[] c,uint8[3][] d,(bool x) e,(bool x)[] f)"}),
              "a numeric(78,0)[], b integer[], c text[], d jsonb, e jsonb, f jsonb");
    EXPECT_EQ(columns({"A(string indexed a,uint8[3] indexed b,uint8 indexed c)"}), "a bytea, b bytea, c integer");
}

TEST(columns, names_that_are_taken)
{
    EXPECT_EQ(columns({"A(bool,bool x,bool)"}), "arg1 boolean, x boolean, arg3 boolean");
    EXPECT_EQ(columns({"Added(address address, uint8 event)"}), "added_address text, added_event integer");
    EXPECT_EQ(columns({"A(bool x,bool _x,bool X)"}), "x boolean, a_x boolean, a_x_3 boolean");
    EXPECT_EQ(columns({"A(bool x, uint8 y)", "B(uint8 x, uint8 y)"}), "x boolean, y integer, b_x integer");
    EXPECT_THROW(columns({"A(bool " + std::string(64, 'x') + ")"}), etl::error);
}

TEST(columns, events_by_topic_and_number_of_topics)
{
    const std::vector<std::string> events{"Transfer(address indexed from, address indexed to, uint256 value)",
                                          "Transfer(address indexed from, address indexed to, uint256 indexed tokenId)",
                                          "Other()"};
    const event_table table{events};
    const auto topic = table.events()[0].first_topic();
    EXPECT_EQ(table.find(topic, 3), 0U);
    EXPECT_EQ(table.find(topic, 4), 1U);
    EXPECT_EQ(table.find(topic, 1), 0U); // of that event, though it cannot be read
    EXPECT_EQ(table.find(etl::keccak256("Another()"), 1), event_table::npos);
    EXPECT_EQ(table.label(0), "Transfer");
    EXPECT_EQ(table.label(1), "Transfer");
    const std::vector<std::string> namesakes{"A(bool)", "A(uint)", "B()"};
    EXPECT_EQ(event_table{namesakes}.label(1), "A(uint256)");
    EXPECT_EQ(event_table{namesakes}.label(2), "B");
    EXPECT_EQ(table.columns_of(1)[2], 3U);
    EXPECT_THROW((event_table{std::vector<std::string>{events[0], "Transfer(address indexed,address indexed,uint)"}}),
                 etl::error);
}

} // namespace
