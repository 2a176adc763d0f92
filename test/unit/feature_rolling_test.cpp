// etl::feature::rolling against a plain recomputation of every window, with parts in memory and parts that are merged
// from sorted pieces; and the lists of chunks that workers send.
#include "feature/rolling.hpp"

#include "core/bytes.hpp"
#include "memory_run_store.hpp"
#include "sketch/exact_sum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace {

using namespace etl::feature;
using etl::part_chunks;
using etl::part_writer;
using etl::test::memory_run_store;

struct given {
    std::uint64_t key;
    std::optional<std::int64_t> at;
    std::optional<std::int64_t> whole;
    std::optional<double> real;
    std::optional<std::string> text;
};

constexpr slot_form forms[] = {slot_form::whole, slot_form::real, slot_form::bytes, slot_form::print};
constexpr rolling_call calls[] = {
    {rolling_function::rows, 0},     {rolling_function::count, 0}, {rolling_function::sum, 0},
    {rolling_function::avg, 0},      {rolling_function::min, 0},   {rolling_function::max, 0},
    {rolling_function::latest, 0},   {rolling_function::sum, 1},   {rolling_function::max, 1},
    {rolling_function::min, 2},      {rolling_function::max, 2},   {rolling_function::latest, 2},
    {rolling_function::distinct, 3},
};
const std::vector<std::int64_t> spans{1, 40, 1000, INT64_MAX};

std::vector<given> random_rows(std::size_t count, std::uint64_t keys)
{
    std::mt19937_64 random{count + keys};
    std::vector<given> made;
    const auto some = [&random] { return random() % 8 != 0; };
    for (std::size_t i = 0; i < count; ++i) {
        given row{random() % keys, {}, {}, {}, {}};
        if (some()) {
            row.at = static_cast<std::int64_t>(random() % 3000);
        }
        if (random() % 50 == 0) {
            row.at = random() % 2 == 0 ? past_infinity : future_infinity;
        }
        if (some()) {
            row.whole = static_cast<std::int64_t>(random() % 20) - 10;
        }
        if (some()) {
            row.real = static_cast<double>(random() % 1000) * 1e15 / 7;
        }
        if (some()) {
            row.text = std::string(random() % 30, 'a') + std::to_string(random() % 9);
        }
        made.push_back(row);
    }
    return made;
}

// A row as the scan writes it; what it carries is its number.
std::vector<std::byte> row_of(const given& from, std::uint64_t number)
{
    const std::uint64_t key = etl::detail::mix64(from.key + 1);
    row_head head{{key, from.at ? key : ~key}, from.at.value_or(0), 0, from.at ? 0 : no_time};
    row_slot slots[4] = {};
    constexpr std::size_t fixed = sizeof head + sizeof slots + sizeof number;
    std::vector<std::byte> made(fixed);
    if (from.whole) {
        slots[0] = {static_cast<std::uint64_t>(*from.whole), 1};
    }
    if (from.real) {
        slots[1] = {std::bit_cast<std::uint64_t>(*from.real), 1};
    }
    if (from.text) {
        slots[2] = {fixed | from.text->size() << 32, 1};
        const auto print = etl::fingerprint_of(*from.text);
        slots[3] = {print.low, print.high};
        const auto bytes = std::as_bytes(std::span{*from.text});
        made.insert(made.end(), bytes.begin(), bytes.end());
        made.resize((made.size() + 7) / 8 * 8);
    }
    head.bytes = static_cast<std::uint32_t>(made.size());
    etl::store(made.data(), head);
    std::memcpy(made.data() + sizeof head, slots, sizeof slots);
    etl::store(made.data() + sizeof head + sizeof slots, number);
    return made;
}

struct text_order final : byte_order {
    static std::string text(std::span<const std::byte> of)
    {
        return {reinterpret_cast<const char*>(of.data()), of.size()};
    }
    int compare(std::size_t, std::span<const std::byte> a, std::span<const std::byte> b) const override
    {
        return text(a).compare(text(b));
    }
};

using answers = std::map<std::tuple<std::uint64_t, std::size_t, std::size_t>, std::string>; // row, call, span

std::string shown(double value)
{
    return std::to_string(std::bit_cast<std::uint64_t>(value));
}

std::string shown(const rolling_value& value, rolling_function function)
{
    switch (value.is) {
    case rolling_value::kind::null:
        return "null";
    case rolling_value::kind::real:
        return shown(value.real);
    case rolling_value::kind::bytes:
        return text_order::text(value.bytes);
    default: {
        const std::string rows = function == rolling_function::avg ? "/" + std::to_string(value.rows) : "";
        return std::to_string(static_cast<std::int64_t>(value.whole())) + rows;
    }
    }
}

struct collector final : rolling_sink {
    void value(std::size_t call, std::size_t span, const rolling_value& value) override
    {
        current[{call, span}] = shown(value, calls[call].function);
    }
    void row(const row_head* row) override
    {
        const auto number = etl::load<std::uint64_t>(reinterpret_cast<const std::byte*>(row + 1) + 4 * 16);
        for (const auto& [where, text] : current) {
            all[{number, where.first, where.second}] = text;
        }
        ++rows;
    }
    std::map<std::pair<std::size_t, std::size_t>, std::string> current;
    answers all;
    std::size_t rows = 0;
};

part_chunks set_aside(memory_run_store& store, const std::vector<given>& rows, std::size_t writers)
{
    auto* memory = std::pmr::get_default_resource();
    part_chunks all{memory};
    for (std::size_t w = 0; w < writers; ++w) {
        part_writer parts{memory, store, row_layout};
        for (std::size_t i = w; i < rows.size(); i += writers) {
            add_row(parts, row_of(rows[i], i));
        }
        const part_chunks& made = parts.finish();
        all.insert(all.end(), made.begin(), made.end());
    }
    return all;
}

collector computed(const std::vector<given>& rows, std::size_t writers, std::size_t budget)
{
    memory_run_store store;
    const text_order order;
    auto* memory = std::pmr::get_default_resource();
    sorted_rows parts{memory, store, set_aside(store, rows, writers), budget, etl::never_poll};
    rolling all{memory, forms, calls, spans, order};
    collector made;
    while (parts.next_part()) {
        all.run(parts, made, etl::never_poll);
    }
    EXPECT_EQ(store.files(), rows.empty() ? 0 : writers) << "what was merged on the way is gone";
    return made;
}

bool is_seen(const given& by, const given& other, std::int64_t span)
{
    if (!by.at || !other.at || by.key != other.key || *other.at > *by.at) {
        return false;
    }
    const bool is_infinite = *by.at == past_infinity || *by.at == future_infinity;
    return is_infinite ? *other.at == *by.at
                       : *other.at != past_infinity && static_cast<__int128>(*by.at) - span < *other.at;
}

// What all calls give for a row and a span, by looking at every other row.
std::vector<std::string> recomputed(const std::vector<given>& rows, const given& by, std::int64_t span)
{
    std::int64_t count = 0;
    std::vector<std::int64_t> wholes;
    std::vector<double> reals;
    std::vector<std::string> texts;
    std::pair<std::int64_t, std::int64_t> latest_whole{INT64_MIN, 0};
    std::pair<std::int64_t, std::string> latest_text{INT64_MIN, ""};
    for (const given& row : rows) {
        if (!is_seen(by, row, span)) {
            continue;
        }
        ++count;
        if (row.whole) {
            wholes.push_back(*row.whole);
            latest_whole = std::max(latest_whole, {*row.at, *row.whole});
        }
        if (row.real) {
            reals.push_back(*row.real);
        }
        if (row.text) {
            texts.push_back(*row.text);
            latest_text = std::max(latest_text, {*row.at, *row.text});
        }
    }
    if (!by.at) {
        return std::vector<std::string>(std::size(calls), "null");
    }
    std::int64_t sum = 0;
    etl::exact_sum real_sum;
    for (const std::int64_t value : wholes) {
        sum += value;
    }
    for (const double value : reals) {
        real_sum.add(value);
    }
    std::ranges::sort(wholes);
    std::ranges::sort(reals);
    std::ranges::sort(texts);
    const auto unless = [](bool empty, const auto& f) { return empty ? std::string{"null"} : std::string{f()}; };
    const auto whole = [&](auto f) { return unless(wholes.empty(), [&] { return std::to_string(f()); }); };
    const auto number = std::to_string(wholes.size());
    return {std::to_string(count),
            number,
            whole([&] { return sum; }),
            unless(wholes.empty(), [&] { return std::to_string(sum) + "/" + number; }),
            whole([&] { return wholes.front(); }),
            whole([&] { return wholes.back(); }),
            whole([&] { return latest_whole.second; }),
            unless(reals.empty(), [&] { return shown(real_sum.rounded()); }),
            unless(reals.empty(), [&] { return shown(reals.back()); }),
            unless(texts.empty(), [&] { return texts.front(); }),
            unless(texts.empty(), [&] { return texts.back(); }),
            unless(texts.empty(), [&] { return latest_text.second; }),
            std::to_string(std::set<std::string>(texts.begin(), texts.end()).size())};
}

void expect_right(const std::vector<given>& rows, const collector& made)
{
    ASSERT_EQ(made.rows, rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t s = 0; s < spans.size(); ++s) {
            const auto wanted = recomputed(rows, rows[i], spans[s]);
            for (std::size_t c = 0; c < wanted.size(); ++c) {
                ASSERT_EQ(made.all.at({i, c, s}), wanted[c]) << "row " << i << ", call " << c << ", span " << spans[s];
            }
        }
    }
}

constexpr std::size_t plenty = std::size_t{1} << 30;

TEST(rolling, answers_as_a_recomputation_does)
{
    for (const std::size_t keys : {1U, 3U, 200U}) {
        const auto rows = random_rows(240, keys);
        expect_right(rows, computed(rows, 1, plenty));
        expect_right(rows, computed(rows, 3, plenty));
    }
}

TEST(rolling, is_the_same_from_sorted_pieces)
{
    for (const std::size_t rows_given : {300U, 2500U}) {
        const auto rows = random_rows(rows_given, 2);
        const collector merged = computed(rows, 4, 1);
        EXPECT_EQ(merged.all, computed(rows, 1, plenty).all);
    }
}

TEST(rolling, reads_rows_of_any_length)
{
    auto rows = random_rows(40, 2);
    rows[7].text = std::string(row_layout.chunk_bytes * 5, 'z');
    rows[8].text = std::string(300'000, 'y');
    const collector merged = computed(rows, 2, 1);
    expect_right(rows, merged);
    EXPECT_EQ(merged.all, computed(rows, 1, plenty).all);
}

TEST(rolling, has_nothing_to_say_of_no_rows)
{
    EXPECT_EQ(computed({}, 2, plenty).rows, 0U);
}

TEST(rolling, begins_windows_at_the_end_of_time)
{
    EXPECT_EQ(window_start(100, 40), 60);
    EXPECT_EQ(window_start(-5, INT64_MAX), past_infinity);
    EXPECT_EQ(window_start(future_infinity, 40), future_infinity - 1);
    EXPECT_EQ(window_start(past_infinity, 40), past_infinity - 1);
}

TEST(rolling, gives_way_to_a_cancel)
{
    struct stopped {};
    const auto rows = random_rows(5000, 1);
    memory_run_store store;
    const text_order order;
    auto* memory = std::pmr::get_default_resource();
    sorted_rows parts{memory, store, set_aside(store, rows, 1), plenty, etl::never_poll};
    rolling all{memory, forms, calls, spans, order};
    collector made;
    ASSERT_TRUE(parts.next_part());
    EXPECT_THROW(all.run(parts, made, [] { throw stopped{}; }), stopped);
}

TEST(sorted_rows, refuses_a_file_that_holds_something_else)
{
    auto* memory = std::pmr::get_default_resource();
    memory_run_store store;
    part_chunks made = set_aside(store, random_rows(10, 1), 1);
    for (auto& byte : store.file(made.front().from.file)) {
        byte = std::byte{0xff};
    }
    sorted_rows parts{memory, store, made, plenty, etl::never_poll};
    EXPECT_THROW(parts.next_part(), etl::error);
}

} // namespace
