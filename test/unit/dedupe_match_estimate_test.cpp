// Expectation maximisation on patterns that are drawn from known shares: the shares come back.
#include "dedupe/match_training.hpp"
#include "dedupe/match_weight.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using etl::json;
using etl::dedupe::given_pattern;
using etl::dedupe::level_table;

constexpr char null_byte = '\xff';

// What pairs are drawn from.
struct world {
    level_table m;
    level_table u;
    double null_share = 0;
};

const world people{{{0.80, 0.12, 0.08}, {0.75, 0.15, 0.10}, {0.9, 0.1}, {0.7, 0.3}, {0.6, 0.4}},
                   {{0.002, 0.008, 0.99}, {0.001, 0.004, 0.995}, {0.0005, 0.9995}, {0.03, 0.97}, {0.0001, 0.9999}},
                   0.05};

constexpr const char* model_text = R"({"version": 1, "comparisons": [
    {"name": "first", "value": "first", "type": "text",
     "levels": [{"when": "exact"}, {"when": "jaro_winkler", "at_least": 0.9}, {"when": "else"}]},
    {"name": "last", "value": "last", "type": "text",
     "levels": [{"when": "exact"}, {"when": "jaro_winkler", "at_least": 0.9}, {"when": "else"}]},
    {"name": "born", "value": "born", "type": "text", "levels": [{"when": "exact"}, {"when": "else"}]},
    {"name": "city", "value": "city", "type": "text", "levels": [{"when": "exact"}, {"when": "else"}]},
    {"name": "email", "value": "email", "type": "text", "levels": [{"when": "exact"}, {"when": "else"}]}]})";

using pattern_map = std::map<std::pair<int, std::string>, std::int64_t>;

class drawing {
  public:
    explicit drawing(unsigned seed) : random_{seed} {}

    // Pairs of one class; the comparisons in `same` agree exactly, as a blocking rule makes them.
    void draw(pattern_map& into, const world& from, bool match, int pairs, int rule, const std::vector<int>& same = {})
    {
        for (int i = 0; i < pairs; ++i) {
            std::string levels;
            const auto& shares = match ? from.m : from.u;
            for (std::size_t c = 0; c < shares.size(); ++c) {
                const bool fixed = std::find(same.begin(), same.end(), static_cast<int>(c)) != same.end();
                levels += fixed ? '\0' : one(shares[c], from.null_share);
            }
            ++into[{rule, levels}];
        }
    }

  private:
    char one(const std::vector<double>& shares, double null_share)
    {
        std::uniform_real_distribution<double> number{0, 1};
        if (number(random_) < null_share) {
            return null_byte;
        }
        double left = number(random_);
        std::size_t level = 0;
        while (level + 1 < shares.size() && left >= shares[level]) {
            left -= shares[level++];
        }
        return static_cast<char>(level);
    }

    std::mt19937_64 random_;
};

std::vector<given_pattern> given(const pattern_map& patterns)
{
    std::vector<given_pattern> made;
    for (const auto& [key, count] : patterns) {
        made.push_back({key.second, count, key.first});
    }
    return made;
}

struct sample {
    pattern_map random;
    pattern_map pairs;
    std::string excluded = R"({"1": ["born"], "2": ["last", "city"]})";
    double total_pairs = 1e8;
    std::string options = "{}";

    json train(bool backwards = false) const
    {
        auto random_list = given(random);
        auto pair_list = given(pairs);
        if (backwards) {
            std::reverse(random_list.begin(), random_list.end());
            std::reverse(pair_list.begin(), pair_list.end());
        }
        const std::string made = etl::dedupe::train_model(
            {model_text, random_list, pair_list, excluded, total_pairs, options}, etl::never_poll);
        return json::parse(made);
    }
};

// Two rules, with so many matches and so many other pairs each.
sample drawn(unsigned seed, int matches, int others, const world& from = people, int random_pairs = 200000)
{
    drawing draw{seed};
    sample made;
    draw.draw(made.random, from, false, random_pairs, 0);
    draw.draw(made.pairs, from, true, matches, 1, {2});
    draw.draw(made.pairs, from, false, others, 1, {2});
    draw.draw(made.pairs, from, true, matches, 2, {1, 3});
    draw.draw(made.pairs, from, false, others, 2, {1, 3});
    return made;
}

double share(const json& model, std::size_t comparison, std::size_t level, const char* which)
{
    return model["comparisons"][comparison]["levels"][level][which].get<double>();
}

void expect_recovered(const json& model, const world& truth, double tolerance)
{
    for (std::size_t c = 0; c < truth.m.size(); ++c) {
        for (std::size_t level = 0; level < truth.m[c].size(); ++level) {
            EXPECT_NEAR(share(model, c, level, "m"), truth.m[c][level], tolerance) << c << ' ' << level;
            const double u = truth.u[c][level];
            EXPECT_NEAR(share(model, c, level, "u"), u, 4 * std::sqrt(u / 200000) + 1e-5) << c << ' ' << level;
        }
    }
}

TEST(MatchEstimate, RecoversWhatItIsDrawnFrom)
{
    const json model = drawn(1, 5000, 50000).train();
    expect_recovered(model, people, 0.02);
    EXPECT_NEAR(model["probability_two_random_records_match"].get<double>(), 1e-4, 5e-6);
    EXPECT_TRUE(model["training"]["converged"].get<bool>());
    EXPECT_NEAR(model["training"]["rules"][0]["match_share"].get<double>(), 1.0 / 11, 0.004);
    EXPECT_EQ(model["training"]["warnings"], json::array());
}

TEST(MatchEstimate, FewMatchesAmongManyPairs)
{
    const json model = drawn(2, 300, 200000).train();
    expect_recovered(model, people, 0.08);
    EXPECT_NEAR(model["training"]["expected_matches"].get<double>(), 600, 60);
}

TEST(MatchEstimate, MostPairsAreMatches)
{
    const json model = drawn(3, 20000, 400).train();
    expect_recovered(model, people, 0.02);
    EXPECT_NEAR(model["training"]["expected_matches"].get<double>(), 40000, 800);
}

TEST(MatchEstimate, ManyValuesAreMissing)
{
    world gaps = people;
    gaps.null_share = 0.4;
    const json model = drawn(4, 5000, 50000, gaps).train();
    for (std::size_t c = 0; c < people.m.size(); ++c) {
        EXPECT_NEAR(share(model, c, 0, "m"), people.m[c][0], 0.06) << c;
    }
}

// Pairs with one city, and so with one last name more often than random pairs: they are not taken for matches.
TEST(MatchEstimate, ARuleWhosePairsAgreeInMoreThanItDecides)
{
    drawing draw{5};
    sample made;
    made.excluded = R"({"1": ["born"], "2": ["city"]})";
    draw.draw(made.random, people, false, 200000, 0);
    draw.draw(made.pairs, people, true, 3000, 1, {2});
    draw.draw(made.pairs, people, false, 30000, 1, {2});
    draw.draw(made.pairs, people, true, 3000, 2, {3});
    draw.draw(made.pairs, people, false, 20000, 2, {3});
    draw.draw(made.pairs, people, false, 20000, 2, {1, 3});
    const json model = made.train();
    EXPECT_NEAR(share(model, 0, 0, "m"), people.m[0][0], 0.05);
    EXPECT_NEAR(share(model, 1, 0, "m"), people.m[1][0], 0.05);
    EXPECT_NEAR(share(model, 4, 0, "m"), people.m[4][0], 0.05);
    EXPECT_NEAR(model["training"]["rules"][1]["matches"].get<double>(), 3000, 400);
}

// Rules that leave two comparisons to learn from, or one.
TEST(MatchEstimate, FewComparisons)
{
    sample made = drawn(14, 5000, 50000);
    for (const char* excluded :
         {R"({"1": ["born", "city", "email"], "2": ["last", "city", "email"]})",
          R"({"1": ["born", "city", "email", "last"], "2": ["last", "city", "email", "first"]})"}) {
        made.excluded = excluded;
        const json model = made.train();
        EXPECT_NEAR(share(model, 0, 0, "m"), people.m[0][0], 0.15);
        EXPECT_NEAR(share(model, 2, 0, "m"), people.m[2][0], 0.15);
        EXPECT_NEAR(model["training"]["expected_matches"].get<double>(), 10000, 2000);
    }
}

// One random pair of a thousand is a match: u of what only matches share must not become their share.
TEST(MatchEstimate, TakesMatchesOutOfTheRandomPairs)
{
    drawing draw{6};
    sample made = drawn(6, 500, 20000);
    draw.draw(made.random, people, true, 200, 0);
    made.total_pairs = 1e6;
    const json model = made.train();
    EXPECT_LT(share(model, 4, 0, "u"), 0.00025); // 0.0001, and 0.0007 with the matches
    EXPECT_LT(share(model, 2, 0, "u"), 0.0007);
    EXPECT_NEAR(model["probability_two_random_records_match"].get<double>(), 1e-3, 1e-4);
}

TEST(MatchEstimate, DoesNotDependOnTheOrder)
{
    const sample made = drawn(7, 500, 5000);
    EXPECT_EQ(made.train().dump(), made.train(true).dump());
}

TEST(MatchEstimate, CountsAPairOnce)
{
    sample made = drawn(8, 2000, 20000);
    pattern_map again;
    for (const auto& [key, count] : made.pairs) { // what the second rule finds, the first has found before
        again[{key.first == 2 ? -2 : 1, key.second}] = count;
    }
    const double once = made.train()["training"]["expected_matches"].get<double>();
    made.pairs = again;
    const json model = made.train();
    EXPECT_NEAR(model["training"]["expected_matches"].get<double>(), once / 2, once * 0.02);
    EXPECT_EQ(model["training"]["rules"][1]["new_pairs"].get<double>(), 0);
    expect_recovered(model, people, 0.04);
}

TEST(MatchEstimate, TheRecallOfTheRulesAndAKnownPrior)
{
    sample made = drawn(9, 2000, 20000);
    const double all = made.train()["probability_two_random_records_match"].get<double>();
    made.options = R"({"recall": 0.5})";
    EXPECT_NEAR(made.train()["probability_two_random_records_match"].get<double>() / all, 2, 0.02);
    made.options = R"({"probability_two_random_records_match": 0.125})";
    EXPECT_EQ(made.train()["probability_two_random_records_match"].get<double>(), 0.125);
}

// Shares are shares, whatever is given.
void expect_sane(const json& model)
{
    for (const json& comparison : model["comparisons"]) {
        double m = 0;
        double u = 0;
        for (const json& level : comparison["levels"]) {
            EXPECT_GT(level["m"].get<double>(), 0);
            EXPECT_GT(level["u"].get<double>(), 0);
            m += level["m"].get<double>();
            u += level["u"].get<double>();
        }
        EXPECT_NEAR(m, 1, 1e-5);
        EXPECT_NEAR(u, 1, 1e-5);
    }
    const double prior = model["probability_two_random_records_match"].get<double>();
    EXPECT_TRUE(prior > 0 && prior < 1);
    EXPECT_NO_THROW(etl::dedupe::match_model::parse(model.dump()).require_trained());
}

TEST(MatchEstimate, NothingToLearnFrom)
{
    const json model = sample{}.train();
    expect_sane(model);
    EXPECT_EQ(share(model, 0, 0, "m"), 0.85);
    sample none;
    none.total_pairs = 0;
    expect_sane(none.train());
    EXPECT_EQ(share(model, 0, 1, "m"), 0.1);
    EXPECT_EQ(share(model, 2, 0, "m"), 0.85);
    EXPECT_EQ(model["training"]["warnings"].size(), 1U + 2U + 5U); // no random pairs, two rules, five comparisons
}

TEST(MatchEstimate, DegeneratePairs)
{
    const std::string same(5, '\0');
    const std::string different{2, 2, 1, 1, 1};
    const std::string nothing(5, null_byte);
    for (const std::string& only : {same, different, nothing}) {
        sample made;
        made.random[{0, different}] = 1000;
        made.pairs[{1, only}] = 1000;
        made.pairs[{2, only}] = 0;
        expect_sane(made.train());
        made.excluded = R"({"1": ["first", "last", "born", "city", "email"]})";
        expect_sane(made.train());
    }
}

TEST(MatchEstimate, FindsNoMatchesWhereThereAreNone)
{
    drawing draw{10};
    sample made;
    draw.draw(made.random, people, false, 200000, 0);
    draw.draw(made.pairs, people, false, 50000, 1, {2});
    draw.draw(made.pairs, people, false, 50000, 2, {1, 3});
    const json model = made.train();
    expect_sane(model);
    EXPECT_LT(model["training"]["expected_matches"].get<double>(), 100);
}

// Without a match, pairs that agree in more than their rule decides are no matches either.
TEST(MatchEstimate, NeighboursAreNoMatches)
{
    drawing draw{16};
    sample made;
    made.excluded = R"({"1": ["born"], "2": ["last"]})";
    draw.draw(made.random, people, false, 200000, 0);
    draw.draw(made.pairs, people, false, 1500, 1, {2});
    draw.draw(made.pairs, people, false, 200, 2, {1, 3});
    const json model = made.train();
    EXPECT_LT(model["training"]["expected_matches"].get<double>(), 2);
    EXPECT_GT(share(model, 0, 0, "m"), 0.5);
}

TEST(MatchEstimate, ThresholdsAndTheHistogramAddUp)
{
    const json training = drawn(11, 2000, 20000).train()["training"];
    double pairs = 0;
    double matches = 0;
    for (const json& bin : training["weights"]) {
        pairs += bin["pairs"].get<double>();
        matches += bin["matches"].get<double>();
    }
    EXPECT_EQ(pairs, 44000);
    EXPECT_NEAR(matches, 4000, 400);
    double recall = 1;
    double precision = 0;
    for (const json& each : training["thresholds"]) {
        EXPECT_LE(each["recall"].get<double>(), recall);
        EXPECT_GE(each["precision"].get<double>(), precision);
        EXPECT_GE(each["precision"].get<double>(), each["probability"].get<double>());
        recall = each["recall"].get<double>();
        precision = each["precision"].get<double>();
    }
}

TEST(MatchEstimate, RefusesWhatDoesNotFit)
{
    auto refusal = [](auto change) {
        sample made = drawn(12, 10, 10, people, 10);
        change(made);
        try {
            made.train();
        } catch (const etl::error& e) {
            EXPECT_STREQ(e.sqlstate(), etl::sqlstate::invalid_parameter_value);
            return std::string{e.what()};
        }
        return std::string{"trained"};
    };
    EXPECT_EQ(refusal([](sample& s) {
                  s.random[{0, "abc"}] = 1;
              }),
              "a pattern of 3 bytes does not fit a match model of 5 comparisons");
    EXPECT_EQ(refusal([](sample& s) {
                  s.pairs[{1, {0, 0, 2, 0, 0}}] = 1;
              }),
              "a pattern has level 2 of comparison \"born\", which has 2 levels");
    EXPECT_EQ(refusal([](sample& s) { s.pairs[{1, {0, 0, 1, 0, 0}}] = -1; }), "a pattern cannot have -1 pairs");
    EXPECT_EQ(refusal([](sample& s) {
                  s.pairs[{0, {0, 0, 1, 0, 0}}] = 1;
              }),
              "a blocking rule has a number from 1 to 1000, not 0");
    EXPECT_EQ(refusal([](sample& s) {
                  s.pairs[{-2147483647 - 1, {0, 0, 1, 0, 0}}] = 1;
              }),
              "a blocking rule has a number from 1 to 1000, not -2147483648");
    EXPECT_EQ(refusal([](sample& s) { s.excluded = R"({"one": []})"; }),
              "excluded has the key \"one\", which is no number of a blocking rule");
    EXPECT_EQ(refusal([](sample& s) { s.excluded = R"({"1": ["x"]})"; }),
              "excluded names the comparison \"x\", which the match model does not have");
    EXPECT_EQ(refusal([](sample& s) { s.excluded = R"({"1": [1]})"; }),
              "excluded: \"1\" must be an array of names of comparisons, not [1]");
    EXPECT_EQ(refusal([](sample& s) { s.options = R"({"speed": 1})"; }), "options has the unknown key \"speed\"");
    EXPECT_EQ(refusal([](sample& s) { s.options = R"({"recall": 0})"; }),
              "options: \"recall\" must be more than 0 and at most 1, not 0");
    EXPECT_EQ(refusal([](sample& s) { s.total_pairs = -1; }), "total_pairs must be a number of at least 0");
}

TEST(MatchEstimate, IsStoppedByThePoll)
{
    const sample made = drawn(13, 100, 100);
    const auto random = given(made.random);
    const auto pairs = given(made.pairs);
    const auto stop = [] { throw etl::error("57014", "canceling"); };
    EXPECT_THROW(etl::dedupe::train_model({model_text, random, pairs, "{}", 1e6, "{}"}, stop), etl::error);
}

} // namespace
