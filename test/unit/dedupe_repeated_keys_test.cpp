// The bits that say which keys may occur more than once: against a plain count, merged, small, and read from strangers.
#include "dedupe/repeated_keys.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using etl::dedupe::key_layout;
using etl::dedupe::repeated_keys;
using etl::dedupe::repeated_keys_view;

constexpr std::uint64_t seed = 42;

repeated_keys made(key_layout layout, const std::vector<std::uint64_t>& keys)
{
    repeated_keys all{std::pmr::get_default_resource(), layout, seed, 0};
    for (const std::uint64_t key : keys) {
        all.add(key);
    }
    return all;
}

std::vector<std::byte> answer_of(repeated_keys& keys, std::uint32_t folds)
{
    std::vector<std::byte> bytes(keys.answer_size(folds));
    keys.write_answer(bytes.data(), folds, etl::never_poll);
    return bytes;
}

std::vector<std::byte> answer_of(repeated_keys& keys)
{
    return answer_of(keys, keys.best_folds(etl::never_poll));
}

std::vector<std::byte> state_of(repeated_keys& keys)
{
    std::vector<std::byte> bytes(keys.state_size());
    keys.write_state(bytes.data());
    return bytes;
}

std::vector<std::uint64_t> random_keys(std::size_t unique, std::size_t repeated)
{
    std::mt19937_64 random{7};
    std::vector<std::uint64_t> keys(unique + repeated);
    std::ranges::generate(keys, [&random] { return random(); });
    keys.insert(keys.end(), keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(repeated));
    std::ranges::shuffle(keys, random);
    return keys;
}

struct outcome {
    int missed = 0;
    int wrong = 0;
};

outcome compare(const std::vector<std::uint64_t>& keys, const std::vector<std::byte>& answer)
{
    std::unordered_map<std::uint64_t, int> counts;
    for (const std::uint64_t key : keys) {
        ++counts[key];
    }
    const auto view = repeated_keys_view::read(answer);
    outcome found;
    for (const auto& [key, count] : counts) {
        found.missed += static_cast<int>(count > 1 && !view.has(key));
        found.wrong += static_cast<int>(count == 1 && view.has(key));
    }
    return found;
}

TEST(repeated_keys, finds_every_repeated_key_and_few_others)
{
    const auto keys = random_keys(100000, 5000);
    auto all = made(key_layout::for_keys(keys.size(), std::size_t{1} << 30), keys);
    const outcome found = compare(keys, answer_of(all));
    EXPECT_EQ(found.missed, 0);
    EXPECT_LT(found.wrong, 1000);
}

TEST(repeated_keys, misses_none_however_often_it_is_folded)
{
    const auto keys = random_keys(10000, 1000);
    auto all = made(key_layout::for_keys(keys.size(), std::size_t{1} << 30), keys);
    std::size_t size = answer_of(all, 0).size() + 1;
    for (const std::uint32_t folds : {0, 1, 2, 5, 11, 31}) {
        const auto answer = answer_of(all, folds);
        EXPECT_LE(answer.size(), size);
        EXPECT_EQ(compare(keys, answer).missed, 0) << folds;
        size = answer.size();
    }
    EXPECT_GT(all.best_folds(etl::never_poll), 0U);
    EXPECT_LT(compare(keys, answer_of(all)).wrong, 200);
}

TEST(repeated_keys, misses_none_where_memory_is_short)
{
    const auto keys = random_keys(1000000, 1000);
    const auto layout = key_layout::for_keys(keys.size(), 0);
    EXPECT_EQ(layout.probes, 1U);
    auto all = made(layout, keys);
    EXPECT_EQ(compare(keys, answer_of(all)).missed, 0);
}

TEST(repeated_keys, merged_parts_are_the_whole)
{
    const auto keys = random_keys(30000, 3000);
    const auto layout = key_layout::for_keys(keys.size(), std::size_t{1} << 30);
    auto whole = made(layout, keys);
    for (const std::size_t parts : {2, 3, 7}) {
        std::vector<std::vector<std::uint64_t>> split(parts);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            split[i % parts].push_back(keys[i]);
        }
        auto merged = made(layout, split[0]);
        for (std::size_t i = 1; i < parts; ++i) {
            merged.merge(made(layout, split[i]), etl::never_poll);
        }
        EXPECT_EQ(state_of(merged), state_of(whole));
    }
}

TEST(repeated_keys, goes_on_after_it_was_read)
{
    constexpr std::uint64_t a = 0x9e3779b97f4a7c15;
    constexpr std::uint64_t b = 0xbf58476d1ce4e5b9;
    constexpr std::uint64_t c = 0x94d049bb133111eb;
    const auto layout = key_layout::for_keys(100, 1 << 20);
    auto all = made(layout, {a, b, c});
    EXPECT_FALSE(repeated_keys_view::read(answer_of(all)).has(b));
    all.add(b);
    EXPECT_TRUE(repeated_keys_view::read(answer_of(all)).has(b));
    EXPECT_FALSE(repeated_keys_view::read(answer_of(all)).has(a));
}

TEST(repeated_keys, extreme_keys)
{
    const std::vector<std::uint64_t> keys{0, 0, ~std::uint64_t{0}, ~std::uint64_t{0}, 1, std::uint64_t{1} << 63};
    auto all = made(key_layout::for_keys(0, 0), keys);
    EXPECT_EQ(compare(keys, answer_of(all)).missed, 0);
    EXPECT_EQ(compare(keys, answer_of(all, 0)).missed, 0);
}

TEST(repeated_keys, keeps_to_its_budget)
{
    for (const std::uint64_t keys :
         {std::uint64_t{0}, std::uint64_t{1000000}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
        for (const std::size_t budget : {std::size_t{65536}, std::size_t{1} << 20, std::size_t{1} << 28}) {
            EXPECT_LE(key_layout::for_keys(keys, budget).blocks * key_layout::bytes_per_block, budget);
        }
    }
    EXPECT_LT(key_layout::for_keys(~std::uint64_t{0}, ~std::size_t{0}).blocks * key_layout::bytes_per_block,
              std::size_t{1} << 30);
}

TEST(repeated_keys, state_there_and_back)
{
    const auto keys = random_keys(1000, 100);
    auto all = made(key_layout::for_keys(keys.size(), 1 << 20), keys);
    auto back = repeated_keys::read_state(std::pmr::get_default_resource(), state_of(all));
    EXPECT_EQ(state_of(back), state_of(all));
    EXPECT_EQ(answer_of(back), answer_of(all));
}

TEST(repeated_keys, refuses_strangers)
{
    auto all = made(key_layout::for_keys(10, 0), {1, 1});
    const auto answer = answer_of(all);
    auto read = [](std::vector<std::byte> bytes) { return repeated_keys_view::read(bytes).flags(); };
    EXPECT_EQ(read(answer), 0U);
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{24}, answer.size() - 1}) {
        EXPECT_THROW(read({answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(length)}), etl::error)
            << length;
    }
    for (const std::size_t at : {0, 4, 20, 24, 28}) { // magic, version, probes, blocks, folds
        auto forged = answer;
        forged[at] = std::byte{77};
        EXPECT_THROW(read(forged), etl::error) << at;
    }
    EXPECT_THROW(repeated_keys::read_state(std::pmr::get_default_resource(), answer), etl::error);
    auto other = made(key_layout::for_keys(100000, 1 << 30), {1});
    EXPECT_THROW(all.merge(std::move(other), etl::never_poll), etl::error);
}

} // namespace
