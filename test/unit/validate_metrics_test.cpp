// Metrics: exact values, the same for any split of the rows, and read from nobody's bytes but their own.
#include "unit/fake_columns.hpp"
#include "unit/memory_run_store.hpp"

#include "validate/extremes.hpp"
#include "validate/value_counts.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <random>

namespace etl::validate {
namespace {

// One metric over the first of these columns, or over the first two.
class gatherer {
  public:
    gatherer(metric_kind kind, const std::string& type, std::size_t columns = 1, metric_room room = {})
    {
        columns_.push_back(test::fake_column("a", type));
        columns_.push_back(test::fake_column("b", "text"));
        spec_.kind = kind;
        for (std::size_t i = 0; i < columns; ++i) {
            spec_.columns.push_back(i);
        }
        room_ = room;
        room_.seed = 3;
    }

    using handle = std::unique_ptr<metric, std::function<void(metric*)>>;

    handle make() const
    {
        return {make_metric(spec_, columns_view{columns_}, room_),
                [memory = room_.memory](metric* gone) { destroy_metric(gone, memory); }};
    }

    void add(metric& to, const std::string& value, const char* second = "") const
    {
        const std::array row{columns_[0].type->literal(value, "a test"), test::text_field(second)};
        ++to.rows;
        ++to.values;
        to.add(row);
    }

    handle of(const std::vector<std::string>& values) const
    {
        auto made = make();
        for (const std::string& value : values) {
            add(*made, value);
        }
        return made;
    }

    template <class M>
    static M& as(const handle& of)
    {
        return dynamic_cast<M&>(*of);
    }

    static void merge(metric& into, const metric& other)
    {
        into.rows += other.rows;
        into.values += other.values;
        into.merge(other);
    }

    static std::vector<std::byte> flat(metric& of)
    {
        std::pmr::vector<std::byte> made{std::pmr::get_default_resource()};
        byte_writer to{made};
        of.write(to);
        return {made.begin(), made.end()};
    }

    handle read(std::span<const std::byte> flat, std::uint64_t values) const
    {
        auto made = make();
        made->rows = made->values = values;
        byte_reader from{flat, "a state"};
        made->read(from);
        from.expect_end();
        return made;
    }

  private:
    std::vector<column> columns_;
    metric_spec spec_{};
    metric_room room_;
};

// --- moments -------------------------------------------------------------------------------------------------------

TEST(moments, sum_exactly)
{
    const auto sum = [](const char* type, const std::vector<std::string>& values) {
        return gatherer::as<moments>(gatherer{metric_kind::moments, type}.of(values)).sum();
    };
    EXPECT_EQ(sum("bigint", {"9223372036854775807", "9223372036854775807", "1"}), "18446744073709551615");
    EXPECT_EQ(sum("bigint", {"-5", "5"}), "0");
    EXPECT_EQ(sum("numeric", {"0.1", "0.2", "-0.00000000000000000001"}), "0.29999999999999999999");
    EXPECT_EQ(sum("numeric", {"1", "NaN"}), "NaN");
    EXPECT_EQ(sum("numeric", {"Infinity", "-Infinity"}), "NaN");
    EXPECT_EQ(sum("double precision", {"1e16", "1", "-1e16"}), "1");
    EXPECT_EQ(sum("double precision", {"0.1", "0.2", "0.3"}), "0.6") << "one rounding, at the end";
    EXPECT_EQ(sum("double precision", {"1", "inf"}), "Infinity");
    EXPECT_EQ(sum("double precision", {"-inf", "inf"}), "NaN");
    EXPECT_EQ(sum("double precision", {"1e308", "1e308", "-1e308"}), "1e+308") << "no overflow on the way";
}

TEST(moments, mean_and_deviation)
{
    const auto of = [](const char* type, const std::vector<std::string>& values) {
        return gatherer{metric_kind::moments, type}.of(values);
    };
    EXPECT_EQ(gatherer::as<moments>(of("bigint", {"1", "2", "4"})).mean(), 7.0 / 3.0);
    EXPECT_EQ(gatherer::as<moments>(of("bigint", {"1", "1", "3"})).deviation(), 1.1547005383792515);
    EXPECT_EQ(gatherer::as<moments>(of("bigint", {"5", "5"})).deviation(), 0.0);
    EXPECT_EQ(gatherer::as<moments>(of("double precision", {"1e9", "1000000001", "1000000002"})).deviation(), 1.0)
        << "a small spread around a large mean";
    EXPECT_EQ(gatherer::as<moments>(of("numeric", {"0.1", "0.3"})).mean(), 0.2);
    EXPECT_TRUE(std::isnan(gatherer::as<moments>(of("double precision", {"nan", "1"})).deviation()));
}

// --- extremes ------------------------------------------------------------------------------------------------------

std::string ends_of(const char* type, const std::vector<std::string>& values)
{
    const gatherer with{metric_kind::extremes, type};
    const auto made = with.of(values);
    const test::fake_type shown{type};
    const auto& found = gatherer::as<extremes>(made);
    return shown.json(found.least()) + ' ' + shown.json(found.greatest());
}

TEST(extremes, go_by_the_types_order)
{
    EXPECT_EQ(ends_of("bigint", {"3", "-9223372036854775808", "5"}), "-9223372036854775808 5");
    EXPECT_EQ(ends_of("double precision", {"1", "nan", "-inf"}), "\"-Infinity\" \"NaN\"");
    EXPECT_EQ(ends_of("numeric", {"1.5", "-0.0001", "10000"}), "-0.0001 10000");
    EXPECT_EQ(ends_of("text", {"b", "", "é", "Z"}), "\"\" \"é\"");
    EXPECT_EQ(ends_of("loose", {"b", "Z", "a"}), "\"a\" \"Z\"");
    EXPECT_EQ(ends_of("uuid", {"22", "11", "33"}), "\"11\" \"33\"");
    EXPECT_EQ(ends_of("character", {"b ", "a   "}), "\"a\" \"b\"");
}

// --- samples -------------------------------------------------------------------------------------------------------

TEST(samples, are_ordered_as_their_values)
{
    const gatherer with{metric_kind::samples, "double precision"};
    const auto made = with.of({"1", "-1", "nan", "0", "-0.0", "inf", "-inf", "2.5", "-2.5", "1"});
    std::string found;
    gatherer::as<samples>(made).each([&](std::uint64_t key, std::uint64_t rows) {
        found += std::to_string(samples::real_of_key(key, field::kind::real)) + '*' + std::to_string(rows) + ' ';
        return true;
    });
    EXPECT_EQ(found, "-inf*1 -2.500000*1 -1.000000*1 0.000000*2 1.000000*2 2.500000*1 inf*1 nan*1 ");
    std::vector<std::int64_t> whole;
    const auto others = gatherer{metric_kind::samples, "bigint"}.of(
        {"9223372036854775807", "-1", "-9223372036854775808", "9223372036854775806"});
    gatherer::as<samples>(others).each([&](std::uint64_t key, std::uint64_t) {
        whole.push_back(samples::whole_of_key(key));
        return true;
    });
    EXPECT_EQ(whole, (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min(), -1,
                                                std::numeric_limits<std::int64_t>::max() - 1,
                                                std::numeric_limits<std::int64_t>::max()}));
}

// --- fingerprints --------------------------------------------------------------------------------------------------

std::string summary_of(const char* type, const std::vector<std::string>& values)
{
    const auto made = gatherer{metric_kind::fingerprints, type}.of(values);
    const auto found = gatherer::as<fingerprints>(made).summarize();
    return std::to_string(found.distinct) + ' ' + std::to_string(found.repeating) + ' ' + std::to_string(found.rows);
}

TEST(fingerprints, count_different_and_repeated_values)
{
    EXPECT_EQ(summary_of("bigint", {}), "0 0 0");
    EXPECT_EQ(summary_of("bigint", {"1", "2", "1", "3", "1", "2"}), "3 2 5");
    EXPECT_EQ(summary_of("text", {"a", "A", "a "}), "3 0 0");
    EXPECT_EQ(summary_of("loose", {"a", "A", "b"}), "2 1 2");
    EXPECT_EQ(summary_of("character", {"a", "a ", "b"}), "2 1 2");
    EXPECT_EQ(summary_of("numeric", {"1.0", "1.00", "10", "0", "-0.0", "0.0001", "NaN", "NaN"}), "5 3 6");
    EXPECT_EQ(summary_of("double precision", {"0", "-0.0", "nan", "nan", "1"}), "3 2 4");
}

TEST(fingerprints, of_several_columns)
{
    const gatherer with{metric_kind::fingerprints, "bigint", 2};
    const auto made = with.make();
    with.add(*made, "1", "a");
    with.add(*made, "1", "b");
    with.add(*made, "2", "a");
    with.add(*made, "1", "a");
    const auto found = gatherer::as<fingerprints>(made).summarize();
    EXPECT_EQ(found.distinct, 3U);
    EXPECT_EQ(found.rows, 2U);
    const auto repeated = gatherer::as<fingerprints>(made).repeated(10);
    ASSERT_EQ(repeated.size(), 1U);
}

TEST(fingerprints, spill_and_stay_exact)
{
    test::memory_run_store store;
    const gatherer with{metric_kind::fingerprints, "bigint", 1, {.budget = 65536, .store = &store}};
    const auto made = with.make();
    std::mt19937 random{2};
    for (int i = 0; i < 100000; ++i) {
        with.add(*made, std::to_string(i < 99990 ? i : i - 50000));
    }
    EXPECT_GT(store.files(), 0U);
    const auto found = gatherer::as<fingerprints>(made).summarize();
    EXPECT_EQ(found.distinct, 99990U);
    EXPECT_EQ(found.repeating, 10U);
    EXPECT_EQ(found.rows, 20U);
    EXPECT_EQ(gatherer::as<fingerprints>(made).repeated(3).size(), 3U);
}

// --- counted values ------------------------------------------------------------------------------------------------

TEST(value_counts, keep_values_with_their_rows)
{
    const auto made = gatherer{metric_kind::value_counts, "text"}.of({"b", "a", "b", "c", "b", "a", ""});
    std::string found;
    for (const auto* value : gatherer::as<value_counts>(made).by_count()) {
        found += std::string{value->json} + '*' + std::to_string(value->rows) + ' ';
    }
    EXPECT_EQ(found, "\"b\"*3 \"a\"*2 \"\"*1 \"c\"*1 ");
}

TEST(moments, mean_of_numeric_is_that_of_its_digits)
{
    const auto made = gatherer{metric_kind::moments, "numeric"}.of({"100000000000000000001", "-100000000000000000000"});
    EXPECT_EQ(gatherer::as<moments>(made).mean(), 0.5) << "its nearest doubles cancel each other out";
}

TEST(extremes, show_the_same_of_equal_values_in_any_order)
{
    const auto least = [](const char* type, const std::vector<std::string>& values) {
        const gatherer with{metric_kind::extremes, type};
        const auto made = with.make();
        const auto parts = {with.of({values[0]}), with.of({values[1]})};
        for (const auto& part : parts) {
            gatherer::merge(*made, *part);
        }
        return test::fake_type{type}.text(gatherer::as<extremes>(made).least());
    };
    EXPECT_EQ(least("loose", {"b", "B"}), "B");
    EXPECT_EQ(least("loose", {"B", "b"}), "B");
    EXPECT_EQ(least("double precision", {"0", "-0"}), "-0");
    EXPECT_EQ(least("double precision", {"-0", "0"}), "-0");
}

TEST(value_counts, show_the_same_of_equal_values_in_any_order)
{
    const auto shown = [](const char* type, const std::vector<std::string>& values) {
        const gatherer with{metric_kind::value_counts, type};
        const auto made = with.of(values);
        const auto merged = with.of({values.back()});
        gatherer::merge(*merged, *with.of({values.front()}));
        const auto& json = gatherer::as<value_counts>(made).by_count().at(0)->json;
        EXPECT_EQ(gatherer::as<value_counts>(merged).by_count().at(0)->json, json);
        return std::string{json};
    };
    EXPECT_EQ(shown("loose", {"b", "B"}), "\"B\"");
    EXPECT_EQ(shown("loose", {"B", "b"}), "\"B\"");
    EXPECT_EQ(shown("double precision", {"0", "-0"}), "-0");
    EXPECT_EQ(shown("double precision", {"-0", "0"}), "-0");
}

TEST(value_counts, end_where_values_take_too_much_memory)
{
    const gatherer with{metric_kind::value_counts, "text"};
    const auto made = with.make();
    std::vector<field> row(2);
    std::string text(90, 'x'); // the fake type shows 100 bytes
    const std::size_t enough = value_counts::least_budget / 200;
    for (std::size_t i = 0; i < enough + enough / 2; ++i) {
        text.replace(0, 8, std::to_string(10'000'000 + i));
        row[0] = test::text_field(text);
        ++made->rows;
        ++made->values;
        made->add(row);
    }
    EXPECT_THROW(gatherer::as<value_counts>(made).require_complete("a test"), error);
}

TEST(value_counts, are_walked_with_a_poll)
{
    struct stop {};
    metric_room room;
    room.poll = [] { throw stop{}; };
    const gatherer with{metric_kind::value_counts, "bigint", 1, room};
    const auto made = with.make();
    std::vector<field> row(2);
    for (std::size_t i = 0; i < 10'000; ++i) {
        row[0] = test::integer_field(static_cast<std::int64_t>(i));
        made->add(row);
    }
    EXPECT_THROW(gatherer::as<value_counts>(made).each([](const auto&, const auto&) {}), stop);
    EXPECT_THROW(gatherer::as<value_counts>(made).by_count(), stop);
}

// What a forged state may hold: fingerprints of one low half, and of halves that cancel each other out.
TEST(value_counts, of_forged_fingerprints_are_read_in_time)
{
    constexpr std::uint64_t many = 200'000;
    for (const bool is_cancelled : {false, true}) {
        std::pmr::vector<std::byte> flat;
        byte_writer to{flat};
        to.value(std::uint8_t{0});
        to.count(many);
        for (std::uint64_t i = 0; i < many; ++i) {
            to.value(fingerprint{is_cancelled ? i : 1, i});
            to.value(std::uint64_t{1});
            to.string("1");
        }
        const auto begun = std::chrono::steady_clock::now();
        const auto made = gatherer{metric_kind::value_counts, "bigint"}.read(flat, many);
        EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{3});
        EXPECT_EQ(gatherer::as<value_counts>(made).distinct(), many);
    }
}

TEST(value_counts, end_where_a_column_is_no_category)
{
    const gatherer with{metric_kind::value_counts, "bigint"};
    const auto made = with.make();
    std::vector<field> row(2);
    for (std::size_t i = 0; i <= value_counts::most_values; ++i) {
        row[0] = test::integer_field(static_cast<std::int64_t>(i));
        ++made->rows;
        ++made->values;
        made->add(row);
    }
    EXPECT_THROW(gatherer::as<value_counts>(made).require_complete("a test"), error);
    const auto few = with.of({"1"});
    gatherer::merge(*few, *made);
    EXPECT_THROW(gatherer::as<value_counts>(few).require_complete("a test"), error) << "merging does not undo it";
    const auto back = with.read(gatherer::flat(*made), made->values);
    EXPECT_THROW(gatherer::as<value_counts>(back).require_complete("a test"), error);
}

// --- all -----------------------------------------------------------------------------------------------------------

struct kind_of_column {
    metric_kind kind;
    const char* type;
};

constexpr std::array all_kinds{
    kind_of_column{metric_kind::moments, "bigint"},       kind_of_column{metric_kind::moments, "double precision"},
    kind_of_column{metric_kind::moments, "numeric"},      kind_of_column{metric_kind::extremes, "bigint"},
    kind_of_column{metric_kind::extremes, "numeric"},     kind_of_column{metric_kind::extremes, "text"},
    kind_of_column{metric_kind::extremes, "character"},   kind_of_column{metric_kind::extremes, "uuid"},
    kind_of_column{metric_kind::samples, "bigint"},       kind_of_column{metric_kind::samples, "double precision"},
    kind_of_column{metric_kind::samples, "numeric"},      kind_of_column{metric_kind::fingerprints, "bigint"},
    kind_of_column{metric_kind::fingerprints, "text"},    kind_of_column{metric_kind::value_counts, "bigint"},
    kind_of_column{metric_kind::value_counts, "numeric"}, kind_of_column{metric_kind::value_counts, "text"},
};

std::string random_value(const std::string& type, std::mt19937& random)
{
    const int number = static_cast<int>(random() % 60) - 30;
    if (type == "character") {
        return std::string(1, static_cast<char>('a' + random() % 26)) + "  ";
    }
    if (type == "bigint" || type == "text" || type == "uuid") {
        return std::to_string(number);
    }
    return random() % 20 == 0 && type == "numeric" ? "NaN" : std::to_string(number) + ".25";
}

TEST(metrics, any_split_merges_to_the_whole)
{
    std::mt19937 random{5};
    for (const auto& [kind, type] : all_kinds) {
        const gatherer with{kind, type};
        for (int round = 0; round < 40; ++round) {
            const auto whole = with.make();
            std::vector<gatherer::handle> parts;
            for (std::size_t i = 0; i < 1 + random() % 5; ++i) {
                parts.push_back(with.make());
            }
            for (std::size_t rows = random() % 200; rows > 0; --rows) {
                const std::string value = random_value(type, random);
                with.add(*whole, value);
                with.add(*parts[random() % parts.size()], value);
            }
            const auto merged = with.make();
            for (const auto& part : parts) {
                const auto sent = with.read(gatherer::flat(*part), part->values);
                gatherer::merge(*merged, round % 2 == 0 ? *part : *sent);
            }
            ASSERT_EQ(gatherer::flat(*merged), gatherer::flat(*whole)) << type << static_cast<int>(kind);
        }
    }
}

TEST(metrics, round_trip_and_go_on)
{
    std::mt19937 random{6};
    for (const auto& [kind, type] : all_kinds) {
        const gatherer with{kind, type};
        const auto made = with.make();
        for (int i = 0; i < 100; ++i) {
            with.add(*made, random_value(type, random));
        }
        const auto flat = gatherer::flat(*made);
        const auto back = with.read(flat, 100);
        EXPECT_EQ(gatherer::flat(*back), flat) << type << static_cast<int>(kind);
        for (int i = 0; i < 100; ++i) {
            const std::string value = random_value(type, random);
            with.add(*made, value);
            with.add(*back, value);
        }
        EXPECT_EQ(gatherer::flat(*back), gatherer::flat(*made)) << type << static_cast<int>(kind);
    }
}

TEST(metrics, hostile_bytes_are_refused_or_harmless)
{
    std::mt19937 random{7};
    for (const auto& [kind, type] : all_kinds) {
        const gatherer with{kind, type};
        const auto made = with.make();
        for (int i = 0; i < 30; ++i) {
            with.add(*made, random_value(type, random));
        }
        const auto flat = gatherer::flat(*made);
        EXPECT_THROW(with.read(std::span{flat}.first(flat.size() - 1), 30), error) << type;
        for (int round = 0; round < 2000; ++round) {
            auto forged = flat;
            for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
                forged[random() % forged.size()] = static_cast<std::byte>(random());
            }
            try {
                const auto read = with.read(forged, 30);
                gatherer::merge(*read, *made);
                with.add(*read, random_value(type, random));
                gatherer::flat(*read);
            } catch (const error&) {
            }
        }
    }
}

TEST(metrics, numbers_of_values_must_agree)
{
    for (const auto& [kind, type] : all_kinds) {
        const gatherer with{kind, type};
        const auto made = with.of({"1", "2", "3"});
        const auto flat = gatherer::flat(*made);
        if (kind != metric_kind::moments && kind != metric_kind::extremes) {
            EXPECT_THROW(with.read(flat, 2), error) << type << static_cast<int>(kind);
            EXPECT_THROW(with.read(flat, 4), error) << type << static_cast<int>(kind);
        }
    }
}

} // namespace
} // namespace etl::validate
