// Negatives: how many, which may come, that each is as likely as it should be, and that nothing else matters.
#include "feature/negative_sample.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace etl::feature;

using pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;
using drawn = std::map<std::int64_t, std::vector<std::int64_t>>; // by user

etl::fingerprint print_of(std::int64_t value)
{
    return etl::fingerprint_of(value, etl::number_kind::integer);
}

// Values and numbers both ways, as a caller keeps them.
class world {
  public:
    explicit world(const pairs& rows, const std::vector<std::int64_t>* listed = nullptr)
        : rows_{std::pmr::get_default_resource(), etl::never_poll}, is_listed_{listed != nullptr}
    {
        for (const auto& [user, item] : rows) {
            const auto number = number_of(rows_.users, users_, user);
            rows_.rows.push_back({number, number_of(rows_.items, items_, item)});
        }
        for (std::size_t i = 0; listed != nullptr && i < listed->size(); ++i) {
            rows_.list(number_of(rows_.items, items_, (*listed)[i]));
        }
    }

    drawn sample(sample_options options)
    {
        sorted_.emplace(rows_, is_listed_, options.is_weighted(), etl::never_poll);
        negative_sampler sampler{rows_, *sorted_, options, etl::never_poll};
        drawn made;
        for (std::uint32_t user = 0; user < sorted_->user_count(); ++user) {
            auto& of_user = made[users_[sorted_->user_number(user)]];
            for (const auto item : sampler.draw(user)) {
                of_user.push_back(items_[sorted_->item_number(item)]);
            }
            wanted[users_[sorted_->user_number(user)]] = sampler.wanted(user);
            available[users_[sorted_->user_number(user)]] = sampler.available(user);
        }
        return made;
    }

    std::map<std::int64_t, std::uint64_t> wanted;
    std::map<std::int64_t, std::uint64_t> available;

  private:
    static std::uint32_t number_of(value_numbers& numbers, std::vector<std::int64_t>& values, std::int64_t value)
    {
        const auto number = numbers.number_of(print_of(value));
        if (number == values.size()) {
            values.push_back(value);
        }
        return number;
    }

    positive_rows rows_;
    bool is_listed_;
    std::vector<std::int64_t> users_;
    std::vector<std::int64_t> items_;
    std::optional<positives> sorted_;
};

sample_options times(std::int64_t ratio, double exponent = 0, std::uint64_t seed = 0)
{
    return {ratio * 1'000'000, exponent, seed};
}

std::vector<std::int64_t> first_numbers(std::int64_t count)
{
    std::vector<std::int64_t> made(static_cast<std::size_t>(count));
    std::iota(made.begin(), made.end(), 0);
    return made;
}

// Users with between one and `most` items each, some rows twice.
pairs random_rows(std::int64_t users, std::int64_t items, std::int64_t most, unsigned seed)
{
    std::mt19937_64 random{seed};
    pairs made;
    for (std::int64_t user = 0; user < users; ++user) {
        const auto count = 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
        for (std::int64_t i = 0; i < count; ++i) {
            made.emplace_back(user, static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(items)));
        }
    }
    return made;
}

std::map<std::int64_t, std::set<std::int64_t>> seen_by_user(const pairs& rows)
{
    std::map<std::int64_t, std::set<std::int64_t>> made;
    for (const auto& [user, item] : rows) {
        made[user].insert(item);
    }
    return made;
}

// Pearson's statistic, and the 99.9 percent point of its distribution by E. B. Wilson and M. M. Hilferty (1931).
double chi_square(const std::vector<double>& expected, const std::vector<std::uint64_t>& observed)
{
    double sum = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const double off = static_cast<double>(observed[i]) - expected[i];
        sum += off * off / expected[i];
    }
    return sum;
}

double chi_square_limit(std::size_t degrees)
{
    const double k = static_cast<double>(degrees);
    return k * std::pow(1 - 2 / (9 * k) + 3.0902 * std::sqrt(2 / (9 * k)), 3);
}

TEST(NegativeSample, GivesEachUserTheRatioOfItsDistinctItemsAndNothingSeenOrTwice)
{
    for (const double exponent : {0.0, 0.75}) {
        const pairs rows = random_rows(300, 500, 40, 1);
        const auto seen = seen_by_user(rows);
        world all{rows};
        for (const auto& [user, items] : all.sample(times(4, exponent))) {
            EXPECT_EQ(items.size(), 4 * seen.at(user).size());
            EXPECT_EQ(std::set(items.begin(), items.end()).size(), items.size());
            EXPECT_TRUE(std::none_of(items.begin(), items.end(), [&](auto item) { return seen.at(user).count(item); }));
        }
    }
}

TEST(NegativeSample, HoldsWhateverShareOfTheItemsIsSeenAndWanted)
{
    for (std::int64_t seen = 1; seen <= 12; ++seen) {
        for (const std::int64_t millionths : {0L, 100'000L, 500'000L, 1'000'000L, 3'000'000L, 50'000'000L}) {
            for (const double exponent : {0.0, 1.0, 10.0}) {
                pairs rows;
                for (std::int64_t item = 0; item < 12; ++item) {
                    rows.emplace_back(2, item);
                    if (item < seen) {
                        rows.emplace_back(1, item);
                    }
                }
                world all{rows};
                const auto items = all.sample({millionths, exponent, 5})[1];
                const auto wanted = (millionths * seen + 500'000) / 1'000'000;
                EXPECT_EQ(all.wanted[1], static_cast<std::uint64_t>(wanted));
                EXPECT_EQ(all.available[1], static_cast<std::uint64_t>(12 - seen));
                EXPECT_EQ(items.size(), static_cast<std::size_t>(std::min(wanted, 12 - seen)));
                EXPECT_EQ(std::set(items.begin(), items.end()).size(), items.size());
                EXPECT_TRUE(std::all_of(items.begin(), items.end(), [&](auto item) { return item >= seen; }));
            }
        }
    }
}

TEST(NegativeSample, DependsOnNeitherTheOrderNorTheRepetitionOfRows)
{
    for (const double exponent : {0.0, 0.75}) {
        pairs rows = random_rows(100, 300, 30, 2);
        const auto first = world{rows}.sample(times(3, exponent, 9));
        rows.insert(rows.end(), rows.begin(), rows.begin() + 50);
        std::shuffle(rows.begin(), rows.end(), std::mt19937{3});
        EXPECT_EQ(world{rows}.sample(times(3, exponent, 9)), first);
        EXPECT_NE(world{rows}.sample(times(3, exponent, 10)), first);
    }
}

TEST(NegativeSample, GivesAUserTheSameWhateverOthersHaveSeen)
{
    const auto items = first_numbers(200);
    const auto together = world{{{1, 5}, {1, 6}, {2, 7}, {3, 9}}, &items}.sample(times(10));
    const auto alone = world{{{1, 6}, {1, 5}}, &items}.sample(times(10));
    EXPECT_EQ(together.at(1), alone.at(1));
    EXPECT_NE(together.at(2), together.at(3));
}

// The sample of one seed is what it was in the releases before: it never changes.
TEST(NegativeSample, IsTheSameForEver)
{
    const auto items = first_numbers(1000);
    const pairs rows = {{1, 0}, {1, 1}, {2, 1}, {2, 500}, {2, 501}};
    const auto any = world{rows, &items}.sample(times(3, 0, 42));
    EXPECT_EQ(any.at(1), (std::vector<std::int64_t>{620, 181, 325, 258, 287, 188}));
    const auto weighted = world{random_rows(4, 20, 5, 4)}.sample(times(1, 0.75, 42));
    EXPECT_EQ(weighted.at(0), (std::vector<std::int64_t>{17, 7, 16, 4}));
}

TEST(NegativeSample, DrawsFromTheListedItemsAlone)
{
    const std::vector<std::int64_t> listed = {10, 11, 12, 12, 1};
    world all{{{1, 1}, {1, 2}, {1, 3}, {2, 77}}, &listed};
    auto sample = all.sample(times(1));
    std::sort(sample[1].begin(), sample[1].end());
    EXPECT_EQ(sample[1], (std::vector<std::int64_t>{10, 11, 12})) << "2 and 3 are not listed, and 1 is seen";
    EXPECT_EQ(all.wanted[1], 3u) << "a positive that is not listed counts";
    EXPECT_EQ(all.available[2], 4u);
    const std::vector<std::int64_t> none;
    EXPECT_TRUE((world{{{1, 1}}, &none}.sample(times(5)).at(1).empty()));
    EXPECT_TRUE((world{{{1, 1}}, &none}.sample(times(5, 0.75)).at(1).empty()));
}

TEST(NegativeSample, WeighsOnlyItemsWithAPositive)
{
    const std::vector<std::int64_t> listed = {1, 2, 3, 4};
    world all{{{1, 1}, {2, 2}}, &listed};
    EXPECT_EQ(all.sample(times(2, 0.5)).at(1), (std::vector<std::int64_t>{2}));
    EXPECT_EQ(all.available[1], 1u);
    EXPECT_EQ((world{{{1, 1}, {2, 2}}, &listed}.sample(times(9)).at(1).size()), 3u);
}

TEST(NegativeSample, OfNothingIsNothing)
{
    EXPECT_TRUE(world{{}}.sample(times(4)).empty());
    EXPECT_TRUE(world{{}}.sample(times(4, 0.75)).empty());
    EXPECT_TRUE((world{{{1, 1}}}.sample(times(4, 0.75)).at(1).empty()));
}

TEST(NegativeSample, RefusesOptionsOutOfRange)
{
    EXPECT_THROW(world{{}}.sample({-1, 0, 0}), etl::error);
    EXPECT_THROW(world{{}}.sample({most_ratio_millionths + 1, 0, 0}), etl::error);
    EXPECT_THROW(world{{}}.sample(times(1, -0.5)), etl::error);
    EXPECT_THROW(world{{}}.sample(times(1, 10.5)), etl::error);
    EXPECT_THROW(world{{}}.sample(times(1, std::nan(""))), etl::error);
    EXPECT_NO_THROW((world{{{1, 1}}}.sample({most_ratio_millionths, 10, 0})));
}

TEST(NegativeSample, WantsNoMoreThanFitsAWholeNumber)
{
    world all{{{1, 1}, {2, 2}}};
    all.sample({most_ratio_millionths, 0, 0});
    EXPECT_EQ(all.wanted[1], 1'000'000'000u);
}

// Each of 40 items that a user has not seen, over 4000 users who have seen the same ten: drawn one by one (few are
// wanted), and from a list (many are).
TEST(NegativeSample, IsUniform)
{
    for (const std::int64_t millionths : {500'000, 2'500'000}) {
        pairs rows;
        for (std::int64_t user = 0; user < 4000; ++user) {
            for (std::int64_t item = 0; item < 10; ++item) {
                rows.emplace_back(user, item);
            }
        }
        const auto items = first_numbers(50);
        std::vector<std::uint64_t> counts(40);
        std::uint64_t all = 0;
        for (const auto& [user, sample] : world{rows, &items}.sample({millionths, 0, 7})) {
            for (const auto item : sample) {
                ++counts[static_cast<std::size_t>(item - 10)];
                ++all;
            }
        }
        const std::vector<double> expected(40, static_cast<double>(all) / 40);
        EXPECT_LT(chi_square(expected, counts), chi_square_limit(39)) << millionths;
        EXPECT_GT(chi_square(expected, counts), 5) << "too even to be drawn at random";
    }
}

// Pairs of items are as likely as they should be: draws do not depend on each other but for not being repeated.
TEST(NegativeSample, IsUniformInPairs)
{
    pairs rows;
    for (std::int64_t user = 0; user < 9000; ++user) {
        rows.emplace_back(user, 100);
    }
    auto items = first_numbers(10);
    std::vector<std::uint64_t> counts(90);
    for (const auto& [user, sample] : world{rows, &items}.sample(times(2, 0, 1))) {
        const auto second = sample[1] - (sample[1] > sample[0] ? 1 : 0);
        ++counts[static_cast<std::size_t>(sample[0] * 9 + second)];
    }
    EXPECT_LT(chi_square(std::vector<double>(90, 100), counts), chi_square_limit(89));
}

// Popularity 1 to 8 to the power of 0.75; 20000 users who have seen none of these items draw two each. The expected
// share of the second draw is that of successive draws from what is left. All of them have seen one item more, which is
// not listed; or is hit by nearly every draw of the alias method; or by all, so that the tree draws.
TEST(NegativeSample, IsProportionalToTheWeights)
{
    for (const auto& [is_listed, exponent] : {std::pair{false, 0.75}, {true, 0.75}, {true, 4.0}}) {
        pairs rows;
        for (std::int64_t item = 0; item < 8; ++item) {
            for (std::int64_t user = 0; user <= item; ++user) {
                rows.emplace_back(-1 - user, item);
            }
        }
        for (std::int64_t user = 0; user < 20000; ++user) {
            rows.emplace_back(user, 100);
        }
        std::vector<double> weights(8);
        for (std::size_t i = 0; i < 8; ++i) {
            weights[i] = std::pow(static_cast<double>(i + 1), exponent);
        }
        const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
        std::vector<double> first(8);
        std::vector<double> second(8);
        for (std::size_t i = 0; i < 8; ++i) {
            first[i] = 20000 * weights[i] / sum;
            for (std::size_t j = 0; j < 8; ++j) {
                second[i] += i == j ? 0 : 20000 * weights[j] / sum * weights[i] / (sum - weights[j]);
            }
        }
        std::vector<std::uint64_t> firsts(8);
        std::vector<std::uint64_t> seconds(8);
        const auto listed = first_numbers(8);
        for (const auto& [user, sample] : world{rows, is_listed ? nullptr : &listed}.sample(times(2, exponent, 11))) {
            if (user >= 0) {
                ++firsts[static_cast<std::size_t>(sample.at(0))];
                ++seconds[static_cast<std::size_t>(sample.at(1))];
            }
        }
        EXPECT_LT(chi_square(first, firsts), chi_square_limit(7)) << exponent;
        EXPECT_LT(chi_square(second, seconds), chi_square_limit(7)) << exponent;
    }
}

TEST(AliasTable, HasTheWeights)
{
    const std::vector<double> weights = {1, 10, 1e-3, 100, 5, 5};
    const alias_table table{weights, etl::never_poll, std::pmr::get_default_resource()};
    random_numbers random{print_of(1), 2};
    std::vector<std::uint64_t> counts(weights.size());
    for (int i = 0; i < 1'000'000; ++i) {
        ++counts[table.draw(random)];
    }
    std::vector<double> expected;
    for (const double weight : weights) {
        expected.push_back(1e6 * weight / 121.001);
    }
    EXPECT_LT(chi_square(expected, counts), chi_square_limit(weights.size() - 1));
}

TEST(WeightTree, NeverDrawsWhatWasTakenOut)
{
    std::vector<double> weights;
    for (int i = 0; i < 37; ++i) {
        weights.push_back(std::pow(2.0, 3 * (i % 17)));
    }
    weight_tree tree{weights, etl::never_poll, std::pmr::get_default_resource()};
    random_numbers random{print_of(3), 0};
    std::set<std::uint32_t> left;
    for (std::uint32_t item = 0; item < weights.size(); ++item) {
        left.insert(item);
    }
    while (!left.empty()) {
        const auto item = tree.draw(random);
        ASSERT_EQ(left.erase(item), 1u);
        tree.set(item, 0);
    }
    tree.set(5, 1e-300);
    EXPECT_EQ(tree.draw(random), 5u);
}

TEST(RandomNumbers, BelowABoundAreEven)
{
    random_numbers random{print_of(9), 1};
    std::vector<std::uint64_t> counts(7);
    for (int i = 0; i < 70000; ++i) {
        ++counts[random.below(7)];
    }
    EXPECT_LT(chi_square(std::vector<double>(7, 10000), counts), chi_square_limit(6));
    EXPECT_EQ(random.below(1), 0u);
    const std::uint64_t large = (std::uint64_t{1} << 63) + 1; // half of the draws are thrown away
    for (int i = 0; i < 1000; ++i) {
        EXPECT_LT(random.below(large), large);
    }
}

TEST(ValueNumbers, KeepTheirNumbersWhileTheyGrow)
{
    value_numbers numbers{std::pmr::get_default_resource(), etl::never_poll};
    for (std::int64_t value = 0; value < 10000; ++value) {
        ASSERT_EQ(numbers.number_of(print_of(value)), value);
    }
    for (std::int64_t value = 0; value < 10000; ++value) {
        ASSERT_EQ(numbers.number_of(print_of(value)), value);
    }
    const auto sorted = numbers.sorted();
    EXPECT_EQ(std::set(sorted.begin(), sorted.end()).size(), 10000u);
}

} // namespace
