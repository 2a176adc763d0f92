// Match models: what is read and what is refused, which level holds, and weights computed by hand.
#include "dedupe/match_model.hpp"
#include "dedupe/match_weight.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using etl::json;
using etl::dedupe::compared_values;
using etl::dedupe::match_model;
using etl::dedupe::match_value;
using etl::dedupe::match_weigher;
using etl::dedupe::null_level;
using etl::dedupe::to_bits;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A model of one comparison with these levels before "else".
std::string model_of(const std::string& levels, const std::string& type = "text", const std::string& more = "")
{
    return R"({"version": 1, "comparisons": [{"name": "c", "value": "v", "type": ")" + type + R"(", "levels": [)" +
           levels + (levels.empty() ? "" : ", ") + R"({"when": "else"}])" + more + "}]}";
}

template <class Value>
int level(const std::string& levels, Value a, Value b)
{
    const bool text = std::is_convertible_v<Value, std::string_view>;
    const auto model = match_model::parse(model_of(levels, text ? "text" : "number"));
    const auto& list = model.comparisons()[0].levels;
    const int found = list.level_of(match_value::of(a), match_value::of(b), etl::never_poll);
    EXPECT_EQ(found, list.level_of(match_value::of(b), match_value::of(a), etl::never_poll)); // either way
    return found;
}

int text_level(const std::string& levels, std::string_view a, std::string_view b)
{
    return level<std::string_view>(levels, a, b);
}

TEST(MatchLevels, TheFirstThatHoldsCounts)
{
    const std::string three = R"({"when": "exact"}, {"when": "jaro_winkler", "at_least": 0.95},
                                 {"when": "jaro_winkler", "at_least": 0.8}, {"when": "levenshtein", "at_most": 3})";
    EXPECT_EQ(text_level(three, "martha", "martha"), 0);
    EXPECT_EQ(text_level(three, "martha", "marhta"), 1);  // 0.9611
    EXPECT_EQ(text_level(three, "dixon", "dicksonx"), 2); // 0.8133
    EXPECT_EQ(text_level(three, "abc", "xyz"), 3);
    EXPECT_EQ(text_level(three, "abcd", "wxyz"), 4);
    EXPECT_EQ(text_level(three, "", "abc"), null_level);
    EXPECT_EQ(text_level(three, "", ""), null_level);
}

TEST(MatchLevels, EachKindOfText)
{
    EXPECT_EQ(text_level(R"({"when": "jaro", "at_least": 0.94})", "martha", "marhta"), 0); // 0.9444
    EXPECT_EQ(text_level(R"({"when": "jaro", "at_least": 0.95})", "martha", "marhta"), 1);
    EXPECT_EQ(text_level(R"({"when": "levenshtein_similarity", "at_least": 0.8})", "kitten", "kittens"), 0); // 6 / 7
    EXPECT_EQ(text_level(R"({"when": "levenshtein_similarity", "at_least": 0.8})", "abcde", "abcdx"), 0);    // 4 / 5
    EXPECT_EQ(text_level(R"({"when": "levenshtein_similarity", "at_least": 0.8})", "abcd", "abcx"), 1);
    EXPECT_EQ(text_level(R"({"when": "damerau_levenshtein_similarity", "at_least": 0.8})", "abcde", "abced"), 0);
    EXPECT_EQ(text_level(R"({"when": "levenshtein_similarity", "at_least": 0.8})", "abcde", "abced"), 1);
    EXPECT_EQ(text_level(R"({"when": "levenshtein", "at_most": 2})", "smith", "smyht"), 1);
    EXPECT_EQ(text_level(R"({"when": "osa_distance", "at_most": 2})", "smith", "smyht"), 0);
    EXPECT_EQ(text_level(R"({"when": "osa_distance", "at_most": 2})", "ca", "abc"), 1);
    EXPECT_EQ(text_level(R"({"when": "damerau_levenshtein", "at_most": 2})", "ca", "abc"), 0);
    EXPECT_EQ(text_level(R"({"when": "jaccard", "at_least": 0.6})", "abcd", "abcde"), 0);         // 3 / 4 of bigrams
    EXPECT_EQ(text_level(R"({"when": "jaccard", "n": 3, "at_least": 0.7})", "abcd", "abcde"), 1); // 2 / 3
    EXPECT_EQ(text_level(R"({"when": "cosine", "at_least": 0.99})", "main street 5", "5 main street"), 0);
    EXPECT_EQ(text_level(R"({"when": "monge_elkan", "at_least": 0.9})", "paul johnson", "johnson paule"), 0);
    EXPECT_EQ(text_level(R"({"when": "prefix", "length": 3})", "katherine", "kate"), 0);
    EXPECT_EQ(text_level(R"({"when": "prefix", "length": 4})", "katherine", "kate"), 1);
    EXPECT_EQ(text_level(R"({"when": "prefix", "length": 3})", "ka", "ka"), 1); // shorter than the prefix
    EXPECT_EQ(text_level(R"({"when": "contains"})", "van den berg", "berg"), 0);
    EXPECT_EQ(text_level(R"({"when": "contains"})", "van den berg", "burg"), 1);
}

TEST(MatchLevels, ContainsIsLinear)
{
    const std::string all(1U << 20U, 'a');
    std::string half(1U << 19U, 'a');
    EXPECT_EQ(text_level(R"({"when": "contains"})", all, half), 0);
    half.back() = 'b'; // half a million places, at each of which half a million bytes agree
    EXPECT_EQ(text_level(R"({"when": "contains"})", all, half), 1);
    half.back() = 'a';
    half.front() = 'b';
    EXPECT_EQ(text_level(R"({"when": "contains"})", all, half), 1);
}

TEST(MatchLevels, ContainsHasTheLimitOfAllComparisons)
{
    const std::string longer((1U << 20U) + 1, 'a');
    try {
        text_level(R"({"when": "contains"})", longer, "b");
        FAIL();
    } catch (const etl::error& e) {
        EXPECT_EQ(e.sqlstate(), etl::sqlstate::program_limit_exceeded);
    }
}

TEST(MatchLevels, CodePointsNotBytes)
{
    EXPECT_EQ(text_level(R"({"when": "levenshtein", "at_most": 1})", "müller", "muller"), 0);
    EXPECT_EQ(text_level(R"({"when": "prefix", "length": 2})", "mü", "mü"), 0);
    EXPECT_EQ(text_level(R"({"when": "prefix", "length": 3})", "mü", "mü"), 1);
    EXPECT_EQ(text_level(R"({"when": "prefix", "length": 2})", "mün", "mý"), 1); // they share the first byte of it
}

TEST(MatchLevels, EachKindOfNumber)
{
    const std::string levels = R"({"when": "exact"}, {"when": "difference", "at_most": 2},
                                  {"when": "relative_difference", "at_most": 0.05})";
    EXPECT_EQ(level(levels, 5.0, 5.0), 0);
    EXPECT_EQ(level(levels, 5.0, 7.0), 1);
    EXPECT_EQ(level(levels, 100.0, 105.0), 2); // 5 / 105
    EXPECT_EQ(level(levels, 100.0, 106.0), 3);
    EXPECT_EQ(level(levels, -100.0, 100.0), 3);
    EXPECT_EQ(level(levels, 0.0, -0.0), 0);
    EXPECT_EQ(level(levels, nan, nan), null_level);
    EXPECT_EQ(level(levels, infinity, infinity), 0);
    EXPECT_EQ(level(levels, infinity, -infinity), 3);
    EXPECT_EQ(level(levels, infinity, 1.0), 3);
    EXPECT_EQ(level(R"({"when": "relative_difference", "at_most": 0.05})", 0.0, 0.0), 0);
}

struct refusal {
    std::string sqlstate;
    std::string message;
    std::string hint;
};

refusal refused(const std::string& text)
{
    try {
        match_model::parse(text);
    } catch (const etl::error& e) {
        return {e.sqlstate(), e.what(), e.hint()};
    }
    return {"", "taken", ""};
}

std::string message_of(const std::string& text)
{
    const refusal found = refused(text);
    EXPECT_EQ(found.sqlstate, etl::sqlstate::invalid_parameter_value) << text;
    return found.message;
}

TEST(MatchModel, RefusesWrongLevels)
{
    const std::string level = "comparison \"c\", level 1";
    EXPECT_EQ(message_of(model_of(R"({"when": "soundslike"})")), level + " has the unknown \"when\" \"soundslike\"");
    EXPECT_EQ(message_of(model_of(R"({"at_least": 1})")), level + " lacks \"when\"");
    EXPECT_EQ(message_of(model_of(R"("exact")")), level + " must be a JSON object, not \"exact\"");
    EXPECT_EQ(message_of(model_of(R"({"when": "jaro"})")), level + " lacks \"at_least\"");
    EXPECT_EQ(message_of(model_of(R"({"when": "jaro", "at_most": 1})")), level + " has the unknown key \"at_most\"");
    EXPECT_EQ(message_of(model_of(R"({"when": "exact", "at_least": 1})")), level + " has the unknown key \"at_least\"");
    EXPECT_EQ(message_of(model_of(R"({"when": "jaro", "at_least": 1.5})")),
              level + ": \"at_least\" must be more than 0 and at most 1, not 1.5");
    EXPECT_EQ(message_of(model_of(R"({"when": "jaro", "at_least": "1"})")),
              level + ": \"at_least\" must be a number, not \"1\"");
    EXPECT_EQ(message_of(model_of(R"({"when": "levenshtein", "at_most": 1.5})")),
              level + ": \"at_most\" must be a whole number from 1 to 255, not 1.5");
    EXPECT_EQ(message_of(model_of(R"({"when": "prefix"})")), level + " lacks \"length\"");
    EXPECT_EQ(message_of(model_of(R"({"when": "difference", "at_most": -1})", "number")),
              level + ": \"at_most\" must be more than 0, not -1");
    EXPECT_NE(message_of(model_of(R"({"when": "jaro", "at_least": 1})", "number")).find("is for the other type"),
              std::string::npos);
    EXPECT_EQ(message_of(model_of(R"({"when": "exact", "m": 0, "u": 1})")),
              level + ": \"m\" must be more than 0 and at most 1, not 0");
    EXPECT_EQ(message_of(model_of(R"({"when": "exact", "m": 0.5})")), level + " lacks \"u\"");
    EXPECT_EQ(message_of(model_of(R"({"when": "exact", "m": 0.5, "u": 0.1})")),
              "comparison \"c\" has \"m\" and \"u\" at some of its levels and not at others");
}

TEST(MatchModel, RefusesLevelsThatNeverCount)
{
    const std::string second = "comparison \"c\", level 2 never counts: ";
    EXPECT_EQ(message_of(model_of(R"({"when": "jaro", "at_least": 0.8}, {"when": "exact"})")),
              second + "exact comes after jaro >= 0.8");
    EXPECT_EQ(message_of(model_of(R"({"when": "jaro", "at_least": 0.8}, {"when": "jaro", "at_least": 0.9})")),
              second + "jaro >= 0.9 comes after jaro >= 0.8");
    EXPECT_EQ(message_of(model_of(R"({"when": "levenshtein", "at_most": 2}, {"when": "levenshtein", "at_most": 2})")),
              second + "levenshtein <= 2 comes after levenshtein <= 2");
    EXPECT_EQ(message_of(model_of(R"({"when": "prefix", "length": 2}, {"when": "prefix", "length": 3})")),
              second + "prefix(3) comes after prefix(2)");
    EXPECT_EQ(message_of(model_of(R"({"when": "else"})")),
              "comparison \"c\", level 2 comes after \"else\", which leaves nothing for it");
    EXPECT_EQ(refused(model_of(R"({"when": "jaccard", "n": 2, "at_least": 0.8},
                                  {"when": "jaccard", "n": 3, "at_least": 0.8})"))
                  .message,
              "taken");
}

TEST(MatchModel, RefusesWrongComparisons)
{
    auto with = [](const std::string& comparison) { return R"({"version": 1, "comparisons": [)" + comparison + "]}"; };
    const std::string levels = R"("levels": [{"when": "exact"}, {"when": "else"}])";
    EXPECT_EQ(message_of(with("")), "the match model: \"comparisons\" must be an array that is not empty, not []");
    EXPECT_EQ(message_of(with("1")), "comparison 1 must be a JSON object, not 1");
    EXPECT_EQ(message_of(with("{}")), "comparison 1 lacks \"name\"");
    EXPECT_EQ(message_of(with(R"({"name": "a", "type": "text", )" + levels + "}")), "comparison \"a\" lacks \"value\"");
    EXPECT_EQ(message_of(with(R"({"name": "a", "value": "a", "type": "date", )" + levels + "}")),
              "comparison \"a\": \"type\" must be \"text\" or \"number\", not \"date\"");
    EXPECT_EQ(message_of(with(R"({"name": "a", "value": "a", "type": "text", "levels": [{"when": "exact"}]})")),
              "comparison \"a\" lacks the level for all that no other level takes");
    const std::string good = R"({"name": "a", "value": "a", "type": "text", )" + levels + "}";
    EXPECT_EQ(message_of(with(good + ", " + good)), "the match model has two comparisons named \"a\"");
    std::string many;
    for (int i = 0; i < 49; ++i) {
        many += (i == 0 ? "" : ", ") + good;
    }
    EXPECT_EQ(message_of(with(many)), "the match model has 49 comparisons, more than 48");
    EXPECT_EQ(
        message_of(with(R"({"name": "a", "value": "a", "type": "number", "term_frequency": true, )" + levels + "}")),
        "comparison \"a\" cannot have \"term_frequency\"");
    EXPECT_EQ(message_of(model_of(R"({"when": "exact"})", "text", R"(, "term_frequency": {"rows": -1})")),
              "comparison \"c\", \"term_frequency\": \"rows\" must be at least 0, not -1");
    EXPECT_EQ(message_of(model_of(R"({"when": "exact"})", "text",
                                  R"(, "term_frequency": {"rows": 9, "rest": 1, "values": {"x": "y"}})")),
              "comparison \"c\", \"term_frequency\", \"values\": \"x\" must be a number, not \"y\"");
}

TEST(MatchModel, RefusesAWrongHead)
{
    EXPECT_EQ(message_of("[]"), "the match model must be a JSON object, not []");
    EXPECT_EQ(message_of("{"), "the match model must be a JSON document");
    EXPECT_EQ(message_of("{}"), "the match model lacks \"version\"");
    EXPECT_EQ(message_of(R"({"version": 2})"), "the match model has the version 2, and only 1 is known");
    EXPECT_EQ(message_of(R"({"version": 1, "comparison": []})"), "the match model has the unknown key \"comparison\"");
    std::string model = model_of("");
    model.insert(1, R"("probability_two_random_records_match": 1, )");
    EXPECT_EQ(message_of(model), "the match model: \"probability_two_random_records_match\" must be more than 0 and "
                                 "less than 1, not 1");
}

constexpr char trained[] = R"({"version": 1, "id": "id", "blocking": ["a"], "training": {"anything": [1]},
    "probability_two_random_records_match": 0.2,
    "comparisons": [
    {"name": "surname", "value": "surname", "type": "text",
     "term_frequency": {"rows": 1024, "values": {"smith": 256, "jones": 32}, "rest": 2},
     "levels": [{"when": "exact", "m": 0.5, "u": 0.0625}, {"when": "levenshtein", "at_most": 1, "m": 0.25, "u": 0.0625},
                {"when": "else", "m": 0.25, "u": 0.875}]},
    {"name": "age", "value": "age", "type": "number",
     "levels": [{"when": "exact", "m": 0.8, "u": 0.1}, {"when": "else", "m": 0.2, "u": 0.9}]}]})";

double weight(std::string_view surname_a, std::string_view surname_b, double age_a, double age_b)
{
    const auto model = match_model::parse(trained);
    const match_weigher weigher{model};
    const compared_values values[] = {{match_value::of(surname_a), match_value::of(surname_b)},
                                      {match_value::of(age_a), match_value::of(age_b)}};
    return to_bits(weigher.weight(values, etl::never_poll));
}

TEST(MatchWeight, ByHand)
{
    EXPECT_EQ(weight("", "", nan, nan), -2);                               // log2(0.2 / 0.8)
    EXPECT_EQ(weight("", "smith", 30, 30), 1);                             // + log2(0.8 / 0.1)
    EXPECT_EQ(weight("smyth", "smith", nan, 30), 0);                       // + log2(0.25 / 0.0625)
    EXPECT_EQ(weight("smith", "smith", nan, 30), -1);                      // + log2(0.5 / (256 / 1024))
    EXPECT_EQ(weight("jones", "jones", nan, 30), 2);                       // + log2(0.5 / (32 / 1024))
    EXPECT_EQ(weight("zeta", "zeta", nan, 30), 6);                         // + log2(0.5 / (2 / 1024))
    EXPECT_EQ(weight("jones", "smith", 30, 31), -2 - 1.807355 - 2.169925); // + log2(0.25 / 0.875) + log2(0.2 / 0.9)
}

TEST(MatchWeight, OfLevelsIsWithoutFrequencies)
{
    const auto model = match_model::parse(trained);
    const match_weigher weigher{model};
    const std::uint8_t agree[] = {0, 0};
    const std::uint8_t unknown[] = {null_level, null_level};
    EXPECT_EQ(to_bits(weigher.weight_of_levels(agree)), -2 + 3 + 3);
    EXPECT_EQ(to_bits(weigher.weight_of_levels(unknown)), -2);
}

TEST(MatchWeight, IsExplainedExactly)
{
    const auto model = match_model::parse(trained);
    const match_weigher weigher{model};
    const std::string_view names[] = {"", "smith", "smyth", "jones", "o\"neil", "zeta"};
    for (const auto a : names) {
        for (const auto b : names) {
            const compared_values values[] = {{match_value::of(a), match_value::of(b)},
                                              {match_value::of(1), match_value::of(b.size() * 1.0)}};
            const json made = json::parse(weigher.explain(values, etl::never_poll));
            auto micro = [](const json& number) { return std::llround(number.get<double>() * 1e6); };
            auto sum = micro(made["prior_weight"]);
            for (const json& each : made["comparisons"]) {
                sum += micro(each["weight"]) + micro(each.value("term_frequency_weight", json(0)));
            }
            EXPECT_EQ(sum, micro(made["match_weight"]));
            EXPECT_EQ(sum, weigher.weight(values, etl::never_poll));
        }
    }
}

TEST(MatchWeight, TheTextOfAnExplanation)
{
    const auto model = match_model::parse(trained);
    const match_weigher weigher{model};
    const compared_values values[] = {{match_value::of("jones"), match_value::of("jones")},
                                      {match_value::of(infinity), match_value::of(31.5)}};
    EXPECT_EQ(weigher.explain(values, etl::never_poll),
              R"({"match_weight": -0.169925, "probability": 0.470588, "prior_weight": -2, "comparisons": [)"
              R"({"name": "surname", "level": "exact", "value_a": "jones", "value_b": "jones", "weight": 3, )"
              R"("term_frequency_weight": 1}, )"
              R"({"name": "age", "level": "else", "value_a": "Infinity", "value_b": 31.5, "weight": -2.169925}]})");
}

TEST(MatchWeight, AShareOfRowsIsAShare)
{
    etl::dedupe::term_frequency few;
    few.rows = 10;
    few.rest = 0.01;
    few.values.emplace("all", 20.0);
    EXPECT_EQ(few.share_of("all"), 1);
    EXPECT_EQ(few.share_of("none"), 0.1);
    few.rows = 0; // all texts were missing
    EXPECT_EQ(few.share_of("all"), 1);
}

TEST(MatchWeight, RefusesAModelThatIsNotTrained)
{
    auto hint = [](json model) {
        const match_model read{model};
        try {
            const match_weigher weigher{read};
        } catch (const etl::error& e) {
            EXPECT_STREQ(e.what(), "the match model is not trained");
            EXPECT_NE(e.hint().find("etl.train_match"), std::string::npos);
            return e.detail();
        }
        return std::string{"weighs"};
    };
    json model = json::parse(trained);
    EXPECT_EQ(hint(model), "weighs");
    model["comparisons"][0]["term_frequency"] = true;
    EXPECT_EQ(hint(model), "Comparison \"surname\" has no counts of its texts in \"term_frequency\".");
    model["comparisons"][0]["term_frequency"] = false;
    EXPECT_EQ(hint(model), "weighs");
    model.erase("probability_two_random_records_match");
    EXPECT_EQ(hint(model), "It has no \"probability_two_random_records_match\".");
    EXPECT_EQ(hint(json::parse(model_of(R"({"when": "exact"})"))),
              "Comparison \"c\" has no \"m\" and \"u\" at its levels.");
}

} // namespace
