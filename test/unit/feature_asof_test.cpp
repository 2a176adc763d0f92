// Point-in-time joins against a brute-force search: every direction, ties, windows, labels that are parted, and forged
// bytes.
#include "feature/asof_join.hpp"
#include "feature/asof_queue.hpp"
#include "unit/memory_run_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace etl;
using namespace etl::feature;

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

struct row {
    int key; // negative: none
    std::int64_t time;
    std::int64_t first = lowest;
    std::int64_t last = highest;
    std::string text;
};

fingerprint key_of(int key)
{
    return fingerprint_of(std::to_string(key));
}

asof_record record_of(const row& of)
{
    return {of.key < 0 ? fingerprint{} : key_of(of.key), of.time, of.first, of.last, of.key < 0 ? 0U : 1U, 0};
}

std::span<const std::byte> bytes_of(const std::string& text)
{
    return std::as_bytes(std::span{text});
}

std::string text_of(std::span<const std::byte> bytes)
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct text_ranking final : row_ranking {
    int compare(std::span<const std::byte> a, std::span<const std::byte> b) override
    {
        return text_of(a).compare(text_of(b));
    }
};

using answers = std::map<std::string, std::optional<std::string>>;

struct collect final : asof_output {
    void put(std::span<const std::byte> spine, const std::span<const std::byte>* feature) override
    {
        order.push_back(text_of(spine));
        const bool is_new =
            found.emplace(text_of(spine), feature ? std::optional{text_of(*feature)} : std::nullopt).second;
        EXPECT_TRUE(is_new) << "twice: " << text_of(spine);
    }
    answers found;
    std::vector<std::string> order;
};

// What a worker does with its share of the features.
void set_aside(asof_join& join, run_store& store, std::span<const std::byte> flat, const std::vector<row>& features,
               std::size_t first, std::size_t step)
{
    const asof_index index = asof_index::read(flat);
    part_writer writer{std::pmr::get_default_resource(), store};
    text_ranking ranking;
    const bool reduces = index.has_labels() && index.rules().is_one_sided();
    asof_best best{std::pmr::get_default_resource(), index, {0, index.labels()}, ranking};
    asof_queue queue{std::pmr::get_default_resource(), index, best};
    for (std::size_t i = first; i < features.size(); i += step) {
        const asof_record row = record_of(features[i]);
        if (row.has_key == 0 || !index.may_have(row.key)) {
            continue;
        }
        if (reduces) {
            queue.add(row, bytes_of(features[i].text));
        } else {
            add_record(writer, row, bytes_of(features[i].text));
        }
    }
    if (reduces) {
        queue.finish();
        best.each([&](const fingerprint& key, const noted_row& noted) {
            add_record(writer, {key, noted.time, noted.known, noted.created, 1, 0}, noted.row());
        });
    }
    std::pmr::vector<std::byte> list;
    byte_writer to{list};
    write_chunks(to, writer.finish());
    join.add_features(list);
}

collect joined(const std::vector<row>& spine, const std::vector<row>& features, asof_rules rules,
               std::size_t budget = std::size_t{64} << 20)
{
    test::memory_run_store store;
    asof_join join{std::pmr::get_default_resource(), store, 0, rules, budget, never_poll};
    for (const row& label : spine) {
        join.add_label(record_of(label), bytes_of(label.text));
    }
    collect to;
    std::vector<std::byte> flat;
    if (join.finish_labels()) {
        flat.resize(join.index_size());
        join.write_index(flat.data());
        set_aside(join, store, flat, features, 0, 2);
        set_aside(join, store, flat, features, 1, 2);
    }
    text_ranking ranking;
    join.emit(ranking, to);
    return to;
}

// The rules, one label and one row at a time.
answers by_search(const std::vector<row>& spine, const std::vector<row>& features, asof_rules rules)
{
    const auto newer = [](const row& a, const row& b) { return a.last != b.last ? a.last > b.last : a.text > b.text; };
    answers made;
    for (const row& label : spine) {
        const row* before = nullptr;
        const row* after = nullptr;
        for (const row& of : features) {
            if (label.key < 0 || of.key != label.key || (rules.has_known && of.first > label.time) ||
                (!rules.exact && of.time == label.time)) {
                continue;
            }
            if (rules.backward && of.time <= label.time &&
                (before == nullptr || of.time > before->time || (of.time == before->time && newer(of, *before)))) {
                before = &of;
            }
            if (rules.forward && of.time >= label.time &&
                (after == nullptr || of.time < after->time || (of.time == after->time && newer(of, *after)))) {
                after = &of;
            }
        }
        before = before != nullptr && before->time < label.first ? nullptr : before;
        after = after != nullptr && after->time > label.last ? nullptr : after;
        const row* found = before != nullptr ? before : after;
        if (before != nullptr && after != nullptr) {
            found = label.time - before->time <= after->time - label.time ? before : after;
        }
        made[label.text] = found ? std::optional{found->text} : std::nullopt;
    }
    return made;
}

struct random_rows {
    std::vector<row> spine;
    std::vector<row> features;
};

random_rows make_random(unsigned seed, int labels, int rows, int keys, int moments, bool known)
{
    std::mt19937 random{seed};
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    random_rows made;
    for (int i = 0; i < labels; ++i) {
        const std::int64_t time = below(moments);
        const bool windowed = below(2) == 0;
        made.spine.push_back({below(keys + 1) - 1, time, windowed ? time - 3 : lowest, windowed ? time + 2 : highest,
                              "label " + std::to_string(i)});
    }
    for (int i = 0; i < rows; ++i) {
        const std::int64_t time = below(moments);
        made.features.push_back({below(keys + 1) - 1, time, known ? time + below(7) - 3 : lowest, below(3),
                                 std::string(static_cast<std::size_t>(below(40)), 'x') + std::to_string(below(100))});
    }
    return made;
}

std::vector<asof_rules> all_rules()
{
    std::vector<asof_rules> made;
    for (std::uint32_t flags = 0; flags < 16; ++flags) {
        if (const auto rules = asof_rules::from_flags(flags); rules.backward || rules.forward) {
            made.push_back(rules);
        }
    }
    return made;
}

TEST(asof, finds_what_a_search_finds)
{
    for (const asof_rules rules : all_rules()) {
        for (unsigned seed = 0; seed < 10; ++seed) {
            const auto rows = make_random(seed, 60, 150, 1 + static_cast<int>(seed % 5), 4 + 9 * static_cast<int>(seed),
                                          rules.has_known);
            EXPECT_EQ(joined(rows.spine, rows.features, rules).found, by_search(rows.spine, rows.features, rules))
                << "flags " << rules.flags() << ", seed " << seed;
        }
    }
}

TEST(asof, parts_give_the_same)
{
    for (const asof_rules rules : all_rules()) {
        const auto rows = make_random(rules.flags(), 900, 2000, 40, 100, rules.has_known);
        const auto wanted = joined(rows.spine, rows.features, rules).found;
        EXPECT_EQ(wanted, by_search(rows.spine, rows.features, rules));
        for (const std::size_t budget : {100, 3000, 20000, 60000}) {
            EXPECT_EQ(joined(rows.spine, rows.features, rules, budget).found, wanted) << budget;
        }
    }
}

TEST(asof, one_key_in_several_turns)
{
    for (const asof_rules rules : all_rules()) {
        const auto rows = make_random(7, 300, 500, 1, 60, rules.has_known);
        const auto wanted = by_search(rows.spine, rows.features, rules);
        for (const std::size_t budget : {100, 5000, 29000}) {
            EXPECT_EQ(joined(rows.spine, rows.features, rules, budget).found, wanted) << budget;
        }
    }
}

TEST(asof, keeps_the_order_of_the_spine)
{
    auto rows = make_random(1, 50, 50, 3, 20, false);
    rows.spine[20].text.append(20'000, 'w');
    std::vector<std::string> wanted;
    for (const row& label : rows.spine) {
        wanted.push_back(label.text);
    }
    const collect got = joined(rows.spine, rows.features, {});
    EXPECT_EQ(got.order, wanted);
    EXPECT_EQ(got.found, by_search(rows.spine, rows.features, {}));
}

TEST(asof, takes_nothing_for_nothing)
{
    EXPECT_TRUE(joined({}, {{1, 1, lowest, highest, "a"}}, {}).found.empty());
    const answers none{{"x", std::nullopt}};
    EXPECT_EQ(joined({{1, 1, lowest, highest, "x"}}, {}, {}).found, none);
    EXPECT_EQ(joined({{-1, 1, lowest, highest, "x"}}, {{1, 1, lowest, highest, "a"}}, {}).found, none);
}

TEST(asof, takes_wide_rows)
{
    const std::string wide(100000, 'w');
    const answers wanted{{"x" + wide, wide + "2"}};
    EXPECT_EQ(joined({{1, 5, lowest, highest, "x" + wide}},
                     {{1, 1, lowest, highest, wide + "1"}, {1, 2, lowest, highest, wide + "2"}}, {})
                  .found,
              wanted);
}

TEST(asof, the_ends_of_time_are_moments)
{
    const asof_rules nearest{true, true, true, false};
    const answers wanted{{"x", "a"}};
    EXPECT_EQ(joined({{1, 5, lowest, highest, "x"}}, {{1, lowest, lowest, highest, "a"}}, {}).found, wanted);
    EXPECT_EQ(joined({{1, highest, lowest, highest, "x"}}, {{1, 9, lowest, highest, "a"}}, {}).found, wanted);
    EXPECT_EQ(joined({{1, -5, lowest, highest, "x"}},
                     {{1, lowest, lowest, highest, "b"}, {1, 4000, lowest, highest, "a"}}, nearest)
                  .found,
              wanted);
    EXPECT_EQ(joined({{1, 5, lowest, highest, "x"}},
                     {{1, lowest, lowest, highest, "a"}, {1, highest, lowest, highest, "b"}}, nearest)
                  .found,
              wanted);
}

std::vector<std::byte> some_index()
{
    std::vector<asof_label> labels;
    for (std::uint32_t i = 0; i < 20; ++i) {
        labels.push_back({key_of(static_cast<int>(i % 3)), i, i});
    }
    const asof_index_maker maker{std::pmr::get_default_resource(), labels, never_poll};
    std::vector<std::byte> made(maker.size());
    maker.write(made.data(), 0, {});
    return made;
}

TEST(asof, refuses_a_forged_index)
{
    const auto good = some_index();
    EXPECT_EQ(asof_index::read(good).labels(), 20U);
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_THROW(asof_index::read(std::span{good}.first(size)), error);
    }
}

TEST(asof, an_index_of_any_bytes_does_no_harm)
{
    std::mt19937 random{5};
    for (int round = 0; round < 2000; ++round) {
        auto bytes = some_index();
        for (int i = 0; i < 8; ++i) {
            bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        }
        try {
            const asof_index index = asof_index::read(bytes);
            text_ranking ranking;
            asof_best best{std::pmr::get_default_resource(), index, {0, index.labels()}, ranking};
            for (int key = 0; key < 3; ++key) {
                best.offer(record_of({key, 7, lowest, highest, ""}), bytes_of("some"));
            }
            best.each([](const fingerprint&, const noted_row&) {});
        } catch (const error&) { // as good
        }
    }
}

} // namespace
