// Patterns guessed from texts: what is found of known formats, and that every text matches what is found of any.
#include "validate/pattern_format.hpp"
#include "validate/pattern_guess.hpp"
#include "validate/regex.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <set>
#include <stdexcept>

namespace etl::validate {
namespace {

using texts = std::vector<std::string>;

text_shape shape_of(const texts& from)
{
    text_shape made{std::pmr::get_default_resource()};
    for (const std::string& text : from) {
        made.add(text);
    }
    return made;
}

std::string guess(const texts& from)
{
    return guess_pattern(shape_of(from), std::set<std::string>{from.begin(), from.end()}.size());
}

text_matcher compiled(const std::string& pattern)
{
    return compile_regex(pattern, [](const std::string& refused) -> text_predicate {
        throw std::runtime_error{"not portable: " + refused};
    });
}

class text_maker {
  public:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }

    std::string chars(std::string_view from, std::size_t count)
    {
        std::string made;
        while (made.size() < count) {
            made += from[below(from.size())];
        }
        return made;
    }

    texts many(std::size_t count, const std::function<std::string(text_maker&)>& make)
    {
        texts made;
        while (made.size() < count) {
            made.push_back(make(*this));
        }
        return made;
    }

  private:
    std::mt19937_64 random_{42};
};

constexpr std::string_view decimal_digits = "0123456789";
constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";

std::string uuid(text_maker& m, std::string_view from)
{
    return m.chars(from, 8) + '-' + m.chars(from, 4) + "-4" + m.chars(from, 3) + '-' + m.chars(from.substr(8, 4), 1) +
           m.chars(from, 3) + '-' + m.chars(from, 12);
}

// --- known formats -------------------------------------------------------------------------------------------------

struct known_case {
    const char* pattern;
    std::function<std::string(text_maker&)> make;
};

TEST(pattern_guess, finds_formats_in_many_texts)
{
    const std::vector<known_case> cases{
        {"^0x[0-9a-f]{40}$", [](text_maker& m) { return "0x" + m.chars(hex_digits, 40); }},
        {"^[0-9a-f]{32}$", [](text_maker& m) { return m.chars(hex_digits, 32); }},
        {"^[0-9A-F]{64}$", [](text_maker& m) { return m.chars("0123456789ABCDEF", 64); }},
        {"^[0-9a-f]{128}$", [](text_maker& m) { return m.chars(hex_digits, 128); }},
        {"^[A-Z]{2}-[0-9]{6}$", [](text_maker& m) { return m.chars(upper, 2) + '-' + m.chars(decimal_digits, 6); }},
        {"^ORD-[0-9]+$", [](text_maker& m) { return "ORD-" + m.chars(decimal_digits, 1 + m.below(5)); }},
        {"^INV[0-9]{4}$", [](text_maker& m) { return "INV" + m.chars(decimal_digits, 4); }},
        {"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
         [](text_maker& m) { return uuid(m, hex_digits); }},
        {"^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}$",
         [](text_maker& m) { return uuid(m, "0123456789ABCDEF"); }},
        {"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
         [](text_maker& m) {
             return "202" + m.chars(decimal_digits, 1) + "-0" + m.chars("123456789", 1) + "-1" +
                    m.chars(decimal_digits, 1);
         }},
        {"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$",
         [](text_maker& m) {
             return "2025-03-0" + m.chars("123456789", 1) + " 1" + m.chars(decimal_digits, 1) + ":00:00";
         }},
        {"^[^@ ]+@[^@ ]+\\.[^@ ]+$",
         [](text_maker& m) { return m.chars("abc.-_xyz", 1 + m.below(9)) + '@' + m.chars(lower, 3) + ".example.com"; }},
        {"^https?://[^ ]+$", [](text_maker& m) { return "https://example.com/" + m.chars("abc/?&=é", m.below(20)); }},
        {"^[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}$",
         [](text_maker& m) { return std::to_string(m.below(256)) + ".0." + std::to_string(m.below(256)) + ".17"; }},
        {"^-?[0-9]+(\\.[0-9]+)?$",
         [](text_maker& m) {
             return (m.below(2) > 0 ? "-" : "") + std::to_string(m.below(99)) + (m.below(2) > 0 ? ".5" : "");
         }},
        {"^[0-9]+\\.[0-9]{2}$",
         [](text_maker& m) { return std::to_string(m.below(999)) + '.' + m.chars(decimal_digits, 2); }},
        {"^[A-Z][a-z]+$", [](text_maker& m) { return m.chars(upper, 1) + m.chars(lower, 2 + m.below(8)); }},
        {"^[0-9 +]+$",
         [](text_maker& m) {
             return "+49 " + m.chars(decimal_digits, 2) + (m.below(2) > 0 ? " " : "") + m.chars(decimal_digits, 5);
         }},
        {"^[A-Z]{3}$", [](text_maker& m) { return m.chars(upper, 3); }},
        {"^[0-9]+$", [](text_maker& m) { return m.chars(decimal_digits, 1 + m.below(12)); }},
        {"^\\$[0-9]{3}\\.[0-9]{2}$",
         [](text_maker& m) { return '$' + m.chars(decimal_digits, 3) + '.' + m.chars(decimal_digits, 2); }},
    };
    text_maker maker;
    for (const known_case& c : cases) {
        EXPECT_EQ(guess(maker.many(200, c.make)), c.pattern);
    }
}

TEST(pattern_guess, takes_few_texts_for_what_they_are)
{
    EXPECT_EQ(guess({}), "");
    EXPECT_EQ(guess({""}), "");
    EXPECT_EQ(guess({"0xab"}), "") << "one text tells no pattern";
    EXPECT_EQ(guess({"0xab12", "0xcd34"}), "^0x[0-9a-f]{4}$");
    EXPECT_EQ(guess({"DE-000017", "FR-000018"}), "^[A-Z]{2}-[0-9]{6}$");
    EXPECT_EQ(guess({"open", "closed", "pending"}), "^[a-z]+$");
    EXPECT_EQ(guess({"ab", "ab1", "ab22"}), "^[a-z]{2}[0-9]*$");
    EXPECT_EQ(guess({"2025-01-01T10:00:00Z", "2025-01-01 10:00", "2025-01-01 10:00:00.5+02:00"}),
              std::string{'^'} + regex_of(format::moment) + '$');
}

TEST(pattern_guess, finds_none_where_texts_have_little_in_common)
{
    EXPECT_EQ(guess({"hello world", "how are you?"}), "");
    EXPECT_EQ(guess({"é", "e"}), "");
    EXPECT_EQ(guess({"a\tb", "a\tc"}), "");
    EXPECT_EQ(guess({"-", "--"}), "");
    EXPECT_EQ(guess({"a[1]", "b[2][3]"}), "");
    EXPECT_EQ(guess({std::string(256, '.'), std::string(300, '/')}), "");
    EXPECT_EQ(guess({std::string(256, 'x'), std::string(300, '/')}), "^[a-z/]+$");
}

TEST(pattern_guess, lets_empty_and_padded_texts_be)
{
    EXPECT_EQ(guess({"", "17", "25"}), "^([0-9]{2})?$");
    text_shape padded{std::pmr::get_default_resource()};
    padded.add("ab", true);
    padded.add("cde");
    EXPECT_EQ(guess_pattern(padded, 2), "^[a-z]+ *$");
}

// --- what holds for any texts --------------------------------------------------------------------------------------

// Texts of random kinds: from one template that varies a little, to noise.
texts random_texts(text_maker& m)
{
    constexpr std::array<std::string_view, 9> alphabets{
        decimal_digits, hex_digits, upper, lower, "ab", "x", "aé1", "-_./ +@:,;$", "A1-[]^\\(){}|*?~#"};
    struct piece {
        std::string_view alphabet;
        std::size_t least;
        std::size_t more;
    };
    std::vector<piece> pieces;
    for (std::size_t i = 1 + m.below(6); i > 0; --i) {
        const std::size_t longest = m.below(20) == 0 ? 150 : 8;
        pieces.push_back(
            {alphabets[m.below(alphabets.size())], m.below(longest), m.below(3) == 0 ? m.below(longest) : 0});
    }
    return m.many(1 + m.below(30), [&pieces](text_maker& of) {
        std::string made;
        for (const piece& p : pieces) {
            made += of.chars(p.alphabet, p.least + (p.more > 0 ? of.below(p.more) : 0));
        }
        return of.below(40) == 0 ? std::string{} : made;
    });
}

TEST(pattern_guess, is_matched_by_every_text)
{
    text_maker maker;
    int found = 0;
    for (int round = 0; round < 3000; ++round) {
        const texts from = random_texts(maker);
        const std::string pattern = guess(from);
        if (pattern.empty()) {
            continue;
        }
        ++found;
        ASSERT_TRUE(is_portable(pattern)) << pattern;
        const text_matcher matches = compiled(pattern);
        for (const std::string& text : from) {
            ASSERT_TRUE(matches(text)) << pattern << " of " << text;
        }
    }
    EXPECT_GT(found, 500);
}

TEST(pattern_guess, is_the_same_of_any_parts)
{
    text_maker maker;
    for (int round = 0; round < 1500; ++round) {
        const texts from = random_texts(maker);
        std::vector<text_shape> parts;
        for (int i = 0; i < 3; ++i) {
            parts.emplace_back(std::pmr::get_default_resource());
        }
        for (const std::string& text : from) {
            parts[maker.below(3)].add(text);
        }
        std::pmr::vector<std::byte> flat;
        byte_writer writer{flat};
        parts[2].write(writer);
        text_shape read{std::pmr::get_default_resource()};
        byte_reader reader{flat, "a test"};
        read.read(reader);
        reader.expect_end();
        read.merge(parts[0]);
        parts[1].merge(read);
        const std::size_t distinct = std::set<std::string>{from.begin(), from.end()}.size();
        ASSERT_EQ(guess_pattern(parts[1], distinct), guess(from));
    }
}

TEST(pattern_guess, is_the_same_in_any_order)
{
    for (texts some :
         {texts{"-", "--", "ab"}, texts{"-", "é", "ab-"}, texts{"12", "1 2", "a"}, texts{"", "a.b", "a"}}) {
        std::ranges::sort(some);
        const std::string first = guess(some);
        while (std::ranges::next_permutation(some).found) {
            EXPECT_EQ(guess(some), first);
        }
    }
    EXPECT_EQ(guess({"-", "--", "ab"}), "^[a-z-]+$");
}

TEST(pattern_guess, refuses_damaged_shapes)
{
    std::pmr::vector<std::byte> flat;
    byte_writer writer{flat};
    shape_of({"AB-12", "CD-34"}).write(writer);
    std::mt19937_64 random{7};
    for (int round = 0; round < 4000; ++round) {
        auto damaged = flat;
        damaged[random() % damaged.size()] = static_cast<std::byte>(random());
        damaged.resize(random() % 4 == 0 ? random() % damaged.size() : damaged.size());
        text_shape read{std::pmr::get_default_resource()};
        try {
            byte_reader reader{damaged, "a test"};
            read.read(reader);
        } catch (const error&) {
            continue;
        }
        read.merge(shape_of({"EF-56"}));
        guess_pattern(read, 5);
    }
}

// --- formats -------------------------------------------------------------------------------------------------------

TEST(pattern_format, agrees_with_its_regular_expression)
{
    text_maker maker;
    for (const std::uint8_t format : {format::email, format::url, format::ipv4, format::moment, format::number}) {
        const text_matcher matches = compiled(std::string{'^'} + regex_of(format) + '$');
        const texts seeds{"a@b.c",
                          "http://x",
                          "https://é/y",
                          "1.2.3.4",
                          "2025-01-02T03:04:05.6+0700",
                          "2025-01-02 03:04Z",
                          "2025-01-02 03:04-07:30",
                          "-12.5",
                          "17"};
        for (int round = 0; round < 20000; ++round) {
            std::string text = seeds[maker.below(seeds.size())];
            for (std::size_t changes = maker.below(3); changes > 0 && !text.empty(); --changes) {
                const std::size_t at = maker.below(text.size());
                if (maker.below(2) == 0) {
                    text.erase(at, 1);
                } else {
                    text.insert(at, maker.chars("0123456789.-+:@ TZ/,x\n", 1));
                }
            }
            if (is_ascii(text)) { // a change may cut a character in two
                ASSERT_EQ(formats_of(text, format) != 0, matches(text)) << regex_of(format) << " of " << text;
            }
        }
    }
}

} // namespace
} // namespace etl::validate
