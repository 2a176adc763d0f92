#include "core/error.hpp"
#include "core/hex.hpp"
#include "extract/evm_log.hpp"
#include "extract/evm_value.hpp"
#include "unit/abi_encoder.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using etl::evm::bytes;
using etl::evm::event;
using etl::evm::event_table;
using etl::evm::parse_event;
using etl::evm::value;

bytes from_words(std::string_view text)
{
    std::string digits{text};
    std::erase(digits, ' ');
    return *etl::from_hex(digits);
}

std::string word(std::string_view digits)
{
    return std::string(64 - digits.size(), '0') + std::string{digits};
}

std::string left_word(std::string_view digits)
{
    return std::string{digits} + std::string(64 - digits.size(), '0');
}

std::vector<value> read(const event& event, const bytes& data)
{
    std::vector<const etl::evm::type*> types;
    for (const auto& each : event.parameters) {
        types.push_back(&each.type);
    }
    return etl::evm::decode(types, data);
}

// The parameters as JSON, one after the other.
std::string as_json(std::string_view declaration, const bytes& data)
{
    const event event = parse_event(declaration);
    std::string made;
    const std::vector<value> values = read(event, data);
    for (std::size_t i = 0; i < values.size(); ++i) {
        made += i > 0 ? " " : "";
        etl::evm::write_json(event.parameters[i].type, values[i], made);
    }
    return made;
}

std::string as_json(std::string_view declaration, std::string_view words)
{
    return as_json(declaration, from_words(words));
}

std::string refusal(std::string_view declaration, std::string_view words)
{
    try {
        return "no error: " + as_json(declaration, words);
    } catch (const etl::error& e) {
        return e.detail();
    }
}

// https://docs.soliditylang.org/en/latest/abi-spec.html, "Examples" and "Use of Dynamic Types".
TEST(decode, examples_of_the_specification)
{
    EXPECT_EQ(as_json("baz(uint32,bool)", word("45") + word("1")), "69 true");
    EXPECT_EQ(as_json("bar(bytes3[2])", left_word("616263") + left_word("646566")), "[\"0x616263\",\"0x646566\"]");
    EXPECT_EQ(as_json("sam(bytes,bool,uint256[])", word("60") + word("1") + word("a0") + word("4") +
                                                       left_word("64617665") + word("3") + word("1") + word("2") +
                                                       word("3")),
              "\"0x64617665\" true [1,2,3]");
    EXPECT_EQ(as_json("f(uint256,uint32[],bytes10,bytes)",
                      word("123") + word("80") + left_word("31323334353637383930") + word("e0") + word("2") +
                          word("456") + word("789") + word("d") + left_word("48656c6c6f2c20776f726c6421")),
              "291 [1110,1929] \"0x31323334353637383930\" \"0x48656c6c6f2c20776f726c6421\"");
    EXPECT_EQ(as_json("g(uint256[][],string[])", word("40") + word("140") + word("2") + word("40") + word("a0") +
                                                     word("2") + word("1") + word("2") + word("1") + word("3") +
                                                     word("3") + word("60") + word("a0") + word("e0") + word("3") +
                                                     left_word("6f6e65") + word("3") + left_word("74776f") + word("5") +
                                                     left_word("7468726565")),
              "[[1,2],[3]] [\"one\",\"two\",\"three\"]");
}

TEST(decode, numbers)
{
    const std::string most(64, 'f');
    const std::string least = "8" + std::string(63, '0');
    EXPECT_EQ(as_json("a(uint256)", most),
              "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    EXPECT_EQ(as_json("a(int256)", most), "-1");
    EXPECT_EQ(as_json("a(int256)", least),
              "-57896044618658097711785492504343953926634992332820282019728792003956564819968");
    EXPECT_EQ(as_json("a(int8)", std::string(62, 'f') + "80"), "-128");
    EXPECT_EQ(as_json("a(uint256)", word("de0b6b3a7640000")), "1000000000000000000");
    EXPECT_EQ(as_json("a(uint256)", word("0")), "0");
    EXPECT_EQ(as_json("a(fixed128x18)", std::string(48, 'f') + "f21f494c589c0000"), "-1.000000000000000000");
    EXPECT_EQ(as_json("a(ufixed8x2)", word("5")), "0.05");
}

TEST(decode, tuples)
{
    const std::string data = word("20") + word("1") + word("20") + word("7") + word("40") + word("1") + left_word("61");
    EXPECT_EQ(as_json("a((uint8 id, string name)[] x)", data), "[{\"id\":7,\"name\":\"a\"}]");
    EXPECT_EQ(as_json("a((uint8, string)[] x)", data), "[[7,\"a\"]]");
    EXPECT_EQ(as_json("a((uint8 x, string x)[] x)", data), "[[7,\"a\"]]");
}

// What fills up the last word says nothing, and what follows the last value is nobody's.
TEST(decode, loose_ends_of_bytes)
{
    EXPECT_EQ(as_json("a(bytes)", word("20") + word("1") + "61"), "\"0x61\"");
    EXPECT_EQ(as_json("a(bytes)", word("20") + word("1") + std::string(64, '6')), "\"0x66\"");
    EXPECT_EQ(as_json("a(uint8)", word("1") + word("2") + "03"), "1");
    EXPECT_EQ(as_json("a()", ""), "");
    EXPECT_EQ(as_json("a(string,string)", word("40") + word("40") + word("0")), "\"\" \"\"");
}

TEST(decode, bits_outside_of_the_type)
{
    EXPECT_EQ(refusal("a(uint8)", word("100")), "A value of type uint8 has bits beyond its width.");
    EXPECT_EQ(refusal("a(int8)", word("80")), "A value of type int8 has bits beyond its width.");
    EXPECT_EQ(refusal("a(int8)", std::string(62, 'f') + "7f"), "A value of type int8 has bits beyond its width.");
    EXPECT_EQ(refusal("a(bool)", word("2")), "A value of type bool is neither 0 nor 1.");
    EXPECT_EQ(refusal("a(address)", std::string(64, '1')), "An address has more than 20 bytes.");
    EXPECT_EQ(refusal("a(bytes4)", left_word("0102030405")), "A value of type bytes4 has bytes beyond its length.");
    EXPECT_EQ(refusal("a(function)", std::string(64, '1')), "A value of type function has bytes beyond its length.");
}

TEST(decode, hostile_sizes)
{
    const std::string huge = "8" + std::string(63, '0');
    EXPECT_NE(refusal("a(uint8)", "00").find("end at byte 1,"), std::string::npos);
    EXPECT_NE(refusal("a(bytes)", huge).find("The offset at byte 0 is 578960446"), std::string::npos);
    EXPECT_NE(refusal("a(bytes)", word("21")).find("The offset"), std::string::npos);
    EXPECT_NE(refusal("a(bytes)", word("20")).find("end at byte 32,"), std::string::npos);
    EXPECT_NE(refusal("a(bytes)", word("20") + huge).find("The length at byte 32 is"), std::string::npos);
    EXPECT_NE(refusal("a(bytes)", word("20") + word("1")).find("only 0 fit"), std::string::npos);
    EXPECT_NE(refusal("a(uint8[])", word("20") + huge).find("The number of elements"), std::string::npos);
    EXPECT_NE(refusal("a(uint8[])", word("20") + word("2") + word("1")).find("only 1 fit"), std::string::npos);
    EXPECT_NE(refusal("a(uint8[1000])", word("1")).find("1000 elements at byte 0"), std::string::npos);
    EXPECT_NE(refusal("a(string[1000000])", word("20") + word("1")).find("1000000 elements"), std::string::npos);
    EXPECT_NE(refusal("a(uint8[])", std::string(64, 'f')).find("The offset"), std::string::npos);
}

// Lists whose elements are all the list itself, eight levels deep: 100^8 values, were they read.
TEST(decode, offsets_that_lead_back)
{
    std::string data = word("20") + word("64");
    for (int i = 0; i < 100; ++i) {
        data += std::string(64, '0'); // relative to this very place, so that the number of elements is 0
    }
    EXPECT_EQ(refusal("a(uint8[][][][][][][][] x)", data).substr(0, 8), "no error");
    std::string fan = word("20");
    for (int level = 0; level < 7; ++level) {
        fan += word("64");
        for (int i = 0; i < 100; ++i) {
            fan += word("c80"); // all to what follows
        }
    }
    fan += word("0");
    EXPECT_EQ(refusal("a(uint8[][][][][][][][] x)", fan), "Offsets lead to the same bytes again and again.");
    std::string shared{"\"0x\""}; // a hundred empty values in one place are read
    for (int i = 1; i < 100; ++i) {
        shared += ",\"0x\"";
    }
    EXPECT_EQ(refusal("a(bytes[] x)", word("20") + word("64") + std::string(6400, '0')), "no error: [" + shared + ']');
}

TEST(decode, strings)
{
    EXPECT_EQ(as_json("a(string)", word("20") + word("5") + left_word("68c3a4220a")), "\"h\xc3\xa4\\\"\\n\"");
    EXPECT_NE(refusal("a(string)", word("20") + word("2") + left_word("61ff")).find("no UTF-8"), std::string::npos);
    EXPECT_NE(refusal("a(string)", word("20") + word("2") + left_word("6100")).find("no character"), std::string::npos);
    EXPECT_NE(refusal("a(string)", word("20") + word("3") + left_word("eda080")).find("no UTF-8"), std::string::npos);
}

TEST(decode, texts_for_the_server)
{
    const event event = parse_event("a(string[],bytes,bytes4[],address,bool,uint8[][],bool[])");
    const auto value_of = [](std::vector<std::string> texts) {
        value made;
        for (std::string& text : texts) {
            made.parts.push_back({std::move(text)});
        }
        return made;
    };
    const auto text = [&event](std::size_t i, const value& value) {
        return etl::evm::sql_text(event.parameters[i].type, value);
    };
    EXPECT_EQ(text(0, value_of({"a,b", "", "NULL", "\"\\{}"})), "{\"a,b\",\"\",\"NULL\",\"\\\"\\\\{}\"}");
    EXPECT_EQ(text(1, value{"\x01\xff"}), "\\x01ff");
    EXPECT_EQ(text(2, value_of({std::string{"\x00\x01\x02\x03", 4}})), "{\"\\\\x00010203\"}");
    EXPECT_EQ(text(3, value{std::string(20, '\xab')}), "0xabababababababababababababababababababab");
    EXPECT_EQ(text(4, value{"1"}), "1");
    value nested;
    nested.parts = {value_of({"1", "2"}), value_of({})};
    EXPECT_EQ(text(5, nested), "[[1,2],[]]");
    EXPECT_EQ(text(6, value_of({"1", "0"})), "{\"1\",\"0\"}");
}

TEST(decode, logs)
{
    const event event = parse_event("Transfer(address indexed from, string indexed memo, uint256 value, bool ok)");
    const std::string hash = std::string(64, 'e');
    const std::vector<bytes> topics{from_words(etl::to_hex(event.first_topic())), from_words(word("ab")),
                                    from_words(hash)};
    const std::vector<etl::evm::bytes_view> views{topics.begin(), topics.end()};
    const auto values = etl::evm::decode_log(event, views, from_words(word("5") + word("1")));
    ASSERT_EQ(values.size(), 4U);
    EXPECT_EQ(etl::to_hex(std::as_bytes(std::span{values[0].text})), std::string(38, '0') + "ab");
    EXPECT_EQ(etl::to_hex(std::as_bytes(std::span{values[1].text})), hash);
    EXPECT_EQ(values[2].text, "5");
    EXPECT_EQ(values[3].text, "1");
    EXPECT_THROW(etl::evm::decode_log(event, std::span{views}.first(2), from_words(word("5") + word("1"))), etl::error);
    const std::vector<etl::evm::bytes_view> other{topics[2], topics[1], topics[2]};
    EXPECT_THROW(etl::evm::decode_log(event, other, from_words(word("5") + word("1"))), etl::error);
}

// Random values of random types, encoded by the tests' encoder.
class random_values {
  public:
    explicit random_values(unsigned seed) : random_{seed} {}

    unsigned below(unsigned limit) { return static_cast<unsigned>(random_()) % limit; }

    std::string type(int depth)
    {
        const std::vector<std::string> plain{"uint256", "int256",  "uint8", "int24",  "address",    "bool",
                                             "bytes1",  "bytes32", "bytes", "string", "ufixed64x10"};
        const unsigned kind = depth > 3 ? 9 : below(14);
        if (kind > 3) {
            return plain[below(static_cast<unsigned>(plain.size()))];
        }
        if (kind == 3) {
            std::string made{"(" + type(depth + 1)};
            while (below(3) > 0) {
                made += ',' + type(depth + 1);
            }
            return made + ')';
        }
        return type(depth + 1) + (kind == 2 ? "[]" : "[" + std::to_string(1 + below(4)) + ']');
    }

    value value_of(const etl::evm::type& of)
    {
        using kind = etl::evm::type::kind;
        value made;
        switch (of.is) {
        case kind::unsigned_number:
        case kind::signed_number:
            return {number(of)};
        case kind::boolean:
            return {below(2) == 0 ? "0" : "1"};
        case kind::address:
        case kind::fixed_bytes:
        case kind::bytes:
            return {raw(of.is == kind::address ? 20 : of.is == kind::bytes ? below(70) : of.length)};
        case kind::string:
            return {std::string(below(70), 'x')};
        default:
            break;
        }
        const std::size_t parts = of.is == kind::list ? below(4) : of.is == kind::array ? of.length : of.parts.size();
        for (std::size_t i = 0; i < parts; ++i) {
            made.parts.push_back(value_of(of.parts[of.is == kind::tuple ? i : 0]));
        }
        return made;
    }

  private:
    std::string raw(std::size_t size)
    {
        std::string made;
        while (made.size() < size) {
            made += static_cast<char>(below(256));
        }
        return made;
    }

    std::string number(const etl::evm::type& of)
    {
        if (of.places > 0) {
            return std::to_string(below(1000)) + ".0000000001";
        }
        std::string digits{static_cast<char>('1' + below(9))};
        for (unsigned left = below(of.bits == 256 ? 75 : of.bits == 24 ? 6 : 2); left > 0; --left) {
            digits += static_cast<char>('0' + below(10));
        }
        return of.is == etl::evm::type::kind::signed_number && below(2) == 0 ? '-' + digits : digits;
    }

    std::mt19937 random_;
};

bool same(const value& left, const value& right)
{
    return left.text == right.text && std::ranges::equal(left.parts, right.parts, same);
}

TEST(decode, what_was_encoded)
{
    random_values random{42};
    for (int round = 0; round < 3000; ++round) {
        std::string declaration{"A(" + random.type(0)};
        for (unsigned more = random.below(4); more > 0; --more) {
            declaration += ',' + random.type(0);
        }
        const event event = parse_event(declaration + ')');
        std::vector<const etl::evm::type*> types;
        std::vector<value> values;
        for (const auto& each : event.parameters) {
            types.push_back(&each.type);
            values.push_back(random.value_of(each.type));
        }
        const std::string encoded = abi_encoder::encode_sequence(types, values);
        const auto read = etl::evm::decode(types, std::as_bytes(std::span{encoded}));
        ASSERT_TRUE(std::ranges::equal(read, values, same)) << declaration;
        ASSERT_EQ(abi_encoder::encode_sequence(types, read), encoded) << declaration;
        if (!encoded.empty()) { // cut off, it is an error or, where only the filling is gone, the same
            try {
                const auto cut = etl::evm::decode(types, std::as_bytes(std::span{encoded}.first(encoded.size() - 1)));
                ASSERT_TRUE(std::ranges::equal(cut, values, same)) << declaration;
            } catch (const etl::error&) {
            }
        }
    }
}

} // namespace
