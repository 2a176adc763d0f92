// Known times of schedules, with clocks that are set forward and back; and any fields against a search minute by minute.
#include "core/error.hpp"
#include "core/schedule.hpp"
#include "core/schedule_words.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <sstream>

namespace {

using etl::clock::cron;
using etl::clock::every;
using etl::clock::moment;
using etl::clock::schedule;

// "2026-03-29 02:30" as seconds since 1970.
std::int64_t at(const std::string& text)
{
    std::tm parts = {};
    std::istringstream stream{text};
    char dash = 0;
    stream >> parts.tm_year >> dash >> parts.tm_mon >> dash >> parts.tm_mday >> parts.tm_hour >> dash >> parts.tm_min;
    parts.tm_mon = -parts.tm_mon;
    using namespace std::chrono;
    const auto day = sys_days{year{parts.tm_year} / month{static_cast<unsigned>(std::abs(parts.tm_mon))} /
                              std::chrono::day{static_cast<unsigned>(std::abs(parts.tm_mday))}};
    return day.time_since_epoch().count() * 86400LL + parts.tm_hour * 3600 + parts.tm_min * 60;
}

// Clocks that are set at given moments.
class set_clocks final : public etl::clock::zone {
  public:
    struct change {
        moment from;
        std::int64_t offset;
    };
    set_clocks(std::int64_t offset, std::vector<change> changes) : offset_{offset}, changes_{std::move(changes)} {}

    etl::clock::clock_offset at(moment when) const override
    {
        auto offset = offset_;
        for (const auto& c : changes_) {
            if (when < c.from) {
                return {offset, c.from};
            }
            offset = c.offset;
        }
        return {offset, std::numeric_limits<moment>::max()};
    }

  private:
    std::int64_t offset_;
    std::vector<change> changes_;
};

const set_clocks utc{0, {}};
// 2026 in Central Europe.
const set_clocks berlin{3600, {{at("2026-03-29 01:00"), 7200}, {at("2026-10-25 01:00"), 3600}}};
// Half an hour, as on Lord Howe Island.
const set_clocks half_hour{37800, {{at("2026-04-04 15:00"), 37800}, {at("2026-10-03 15:30"), 39600}}};
// A day is left out, as on Samoa at the end of 2011: 30 December was none.
const set_clocks samoa{-36000, {{at("2011-12-30 10:00"), 50400}}};

std::vector<std::int64_t> times(const schedule& of, const etl::clock::zone& in, moment from, std::size_t count)
{
    std::vector<std::int64_t> made;
    for (auto next = of.next(from, in); next && made.size() < count; next = of.next(*next, in)) {
        made.push_back(*next);
    }
    return made;
}

std::vector<std::int64_t> all(std::initializer_list<const char*> texts)
{
    std::vector<std::int64_t> made;
    for (const auto* text : texts) {
        made.push_back(at(text));
    }
    return made;
}

schedule fields(std::string_view text)
{
    return schedule{cron::parse(text)};
}

TEST(core_schedule, fields_of_cron)
{
    EXPECT_EQ(times(fields("*/15 * * * *"), utc, at("2026-01-01 00:00"), 3),
              all({"2026-01-01 00:15", "2026-01-01 00:30", "2026-01-01 00:45"}));
    EXPECT_EQ(times(fields("0 9-17/4 * * mon-fri"), utc, at("2026-01-02 13:00"), 3),
              all({"2026-01-02 17:00", "2026-01-05 09:00", "2026-01-05 13:00"}));
    EXPECT_EQ(times(fields("0 0 13 * fri"), utc, at("2026-02-01 00:00"), 4),
              all({"2026-02-06 00:00", "2026-02-13 00:00", "2026-02-20 00:00", "2026-02-27 00:00"}));
    EXPECT_EQ(times(fields("0 0 29 2 *"), utc, at("2026-01-01 00:00"), 2),
              all({"2028-02-29 00:00", "2032-02-29 00:00"}));
    EXPECT_EQ(times(fields("0 0 L * *"), utc, at("2028-01-31 00:00"), 2),
              all({"2028-02-29 00:00", "2028-03-31 00:00"}));
    EXPECT_EQ(times(fields("0 6 L-2,1 * *"), utc, at("2026-02-01 06:00"), 2),
              all({"2026-02-26 06:00", "2026-03-01 06:00"}));
    EXPECT_EQ(times(fields("30 1 * * 5L"), utc, at("2026-01-01 00:00"), 2),
              all({"2026-01-30 01:30", "2026-02-27 01:30"}));
    EXPECT_EQ(times(fields(" @Weekly "), utc, at("2026-01-01 00:00"), 2),
              all({"2026-01-04 00:00", "2026-01-11 00:00"}));
    EXPECT_EQ(times(fields("0 12 * jan,JUL sat,SUN"), utc, at("2026-01-31 13:00"), 2),
              all({"2026-07-04 12:00", "2026-07-05 12:00"}));
    // Both stars: a day must be among both.
    EXPECT_EQ(times(fields("0 0 */10 * mon"), utc, at("2026-01-01 00:00"), 2),
              all({"2026-05-11 00:00", "2026-06-01 00:00"}));
}

TEST(core_schedule, before_the_epoch_and_the_ends)
{
    EXPECT_EQ(times(fields("0 0 * * *"), utc, at("1969-12-30 12:00"), 2),
              all({"1969-12-31 00:00", "1970-01-01 00:00"}));
    EXPECT_FALSE(fields("0 0 1 1 *").next(at("9999-12-31 23:00"), utc));
    EXPECT_EQ(fields("0 0 1 1 *").next(at("9998-12-31 23:00"), utc), at("9999-01-01 00:00"));
}

TEST(core_schedule, skipped_and_doubled_times_come_once)
{
    // 02:30 is skipped on 29 March: it comes at 03:00, which is 01:00 UTC.
    EXPECT_EQ(times(fields("30 2 * * *"), berlin, at("2026-03-28 00:00"), 3),
              all({"2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"}));
    // 02:30 comes twice on 25 October, at 00:30 and 01:30 UTC.
    EXPECT_EQ(times(fields("30 2 * * *"), berlin, at("2026-10-24 12:00"), 2),
              all({"2026-10-25 00:30", "2026-10-26 01:30"}));
    // Those that are skipped, and the one right after them, come at one moment.
    EXPECT_EQ(times(fields("0,15,30 2,3 29 3 *"), berlin, at("2026-03-28 23:00"), 3),
              all({"2026-03-29 01:00", "2026-03-29 01:15", "2026-03-29 01:30"}));
    EXPECT_EQ(times(fields("15 2 * * *"), half_hour, at("2026-10-02 00:00"), 3),
              all({"2026-10-02 15:45", "2026-10-03 15:30", "2026-10-04 15:15"}));
    EXPECT_EQ(times(fields("0 0 * * *"), samoa, at("2011-12-28 12:00"), 3),
              all({"2011-12-29 10:00", "2011-12-30 10:00", "2011-12-31 10:00"}));
}

TEST(core_schedule, what_comes_in_every_hour_follows_the_clock)
{
    EXPECT_EQ(times(fields("*/30 * * * *"), berlin, at("2026-03-29 00:00"), 4),
              all({"2026-03-29 00:30", "2026-03-29 01:00", "2026-03-29 01:30", "2026-03-29 02:00"}));
    EXPECT_EQ(times(fields("30 * * * *"), berlin, at("2026-10-24 23:45"), 3),
              all({"2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30"}));
}

TEST(core_schedule, spans)
{
    EXPECT_EQ(times(schedule{every{0, 0, 900, at("2026-01-01 00:05")}}, berlin, at("2026-01-01 00:20"), 2),
              all({"2026-01-01 00:35", "2026-01-01 00:50"}));
    EXPECT_EQ(times(schedule{every{0, 0, 900, at("2026-01-01 00:05")}}, utc, at("2025-12-31 23:49"), 2),
              all({"2025-12-31 23:50", "2026-01-01 00:05"}));
    // Days keep the time of day: 04:00 in Berlin.
    EXPECT_EQ(times(schedule{every{0, 14, 0, at("2026-03-23 03:00")}}, berlin, at("2026-03-23 03:00"), 2),
              all({"2026-04-06 02:00", "2026-04-20 02:00"}));
    EXPECT_EQ(times(schedule{every{0, 1, 0, at("2026-06-01 00:30")}}, berlin, at("2026-03-28 00:00"), 2),
              all({"2026-03-28 01:30", "2026-03-29 01:00"}));
    EXPECT_EQ(times(schedule{every{1, 0, 0, at("2026-01-31 06:00")}}, utc, at("2027-12-31 06:00"), 3),
              all({"2028-01-31 06:00", "2028-02-29 06:00", "2028-03-31 06:00"}));
    EXPECT_EQ(times(schedule{every{3, 0, 0, at("2026-01-31 06:00")}}, utc, at("2001-01-01 00:00"), 2),
              all({"2001-01-31 06:00", "2001-04-30 06:00"}));
}

TEST(core_schedule, previous)
{
    EXPECT_EQ(fields("0 2 * * *").previous(at("2026-01-02 02:00"), utc), at("2026-01-01 02:00"));
    EXPECT_EQ(fields("0 2 * * *").previous(at("2026-01-02 02:00") + 1, utc), at("2026-01-02 02:00"));
    EXPECT_EQ(fields("30 2 * * *").previous(at("2026-03-29 12:00"), berlin), at("2026-03-29 01:00"));
    EXPECT_EQ(fields("0 0 29 2 *").previous(at("2027-01-01 00:00"), utc), at("2024-02-29 00:00"));
    EXPECT_FALSE(fields("0 0 29 2 *").previous(at("0003-01-01 00:00"), utc));
}

void expect_refused(std::string_view text, std::string_view message)
{
    try {
        cron::parse(text);
        ADD_FAILURE() << text << " was taken";
    } catch (const etl::error& refusal) {
        EXPECT_EQ(refusal.what(), message);
        EXPECT_STREQ(refusal.sqlstate(), etl::sqlstate::invalid_parameter_value);
        EXPECT_FALSE(refusal.hint().empty()) << text;
    }
}

TEST(core_schedule, what_is_refused)
{
    expect_refused("", "schedule must not be empty");
    expect_refused("@noon", R"(schedule "@noon" is not known)");
    expect_refused("0 2 * *", R"(schedule "0 2 * *" has 4 fields instead of five)");
    expect_refused("0 0 2 * * *", R"(schedule "0 0 2 * * *" has 6 fields instead of five)");
    expect_refused("60 * * * *", R"(minute "60" of schedule "60 * * * *" is not between 0 and 59)");
    expect_refused("* 24 * * *", R"(hour "24" of schedule "* 24 * * *" is not between 0 and 23)");
    expect_refused("* * 0 * *", R"(day of month "0" of schedule "* * 0 * *" is not between 1 and 31)");
    expect_refused("* * * foo *", R"(month "foo" of schedule "* * * foo *" is not understood)");
    expect_refused("* * * * 8", R"(day of week "8" of schedule "* * * * 8" is not between 0 and 7)");
    expect_refused("-1 * * * *", R"(minute "-1" of schedule "-1 * * * *" is not understood)");
    expect_refused("*/0 * * * *", R"(minute "*/0" of schedule "*/0 * * * *" is not between 1 and 999)");
    expect_refused("5/15 * * * *",
                   R"(minute "5/15" of schedule "5/15 * * * *" has a step, but no range to step through)");
    expect_refused("1,,2 * * * *", R"(minute "1,,2" of schedule "1,,2 * * * *" has an empty item)");
    expect_refused("0 22-2 * * *", R"(hour "22-2" of schedule "0 22-2 * * *" ends before it begins)");
    expect_refused("0 0 * * sat-sun", R"(day of week "sat-sun" of schedule "0 0 * * sat-sun" ends before it begins)");
    expect_refused("0 L * * *", R"(hour "l" of schedule "0 L * * *" is not understood)");
    expect_refused("0 0 L5 * *", R"(day of month "l5" of schedule "0 0 L5 * *" is not understood)");
    expect_refused("0 0 31 4,6 *", R"(schedule "0 0 31 4,6 *" never comes)");
    expect_refused("99999999999 * * * *",
                   R"(minute "99999999999" of schedule "99999999999 * * * *" is not between 0 and 59)");
}

TEST(core_schedule, words)
{
    const auto words = [](std::string_view text) { return etl::clock::words_of(cron::parse(text)); };
    EXPECT_EQ(words("* * * * *"), "every minute");
    EXPECT_EQ(words("*/15 * * * *"), "every 15 minutes");
    EXPECT_EQ(words("0 2 * * *"), "at 02:00 every day");
    EXPECT_EQ(words("0,30 9-10 * * mon-fri"), "at 09:00, 09:30, 10:00 and 10:30, on Monday to Friday");
    EXPECT_EQ(words("5 * * * *"), "at minute 5 of every hour");
    EXPECT_EQ(words("*/20 9-17 * 1,7 *"), "every 20 minutes of hours 9 to 17, in January and July");
    EXPECT_EQ(words("0 0 1,15,L * *"), "at 00:00, on days 1 and 15 and the last day of the month");
    EXPECT_EQ(words("0 0 13 * fri"), "at 00:00, on day 13 of the month and on Friday");
    EXPECT_EQ(words("0 0 * * 5L"), "at 00:00, on the last Friday of the month");
}

TEST(core_schedule, warnings)
{
    const auto warnings = [](std::string_view text) { return etl::clock::warnings_of(cron::parse(text)); };
    EXPECT_TRUE(warnings("*/15 */6 * * *").empty());
    EXPECT_EQ(
        warnings("0 0 */14 * *"),
        std::vector<std::string>{"*/14 is not every 14 days: it counts anew in each month, and means values 1, 15 "
                                 "and 29. The interval '14 days' does not."});
    EXPECT_EQ(warnings("*/7 * * * *").size(), 1U);
    EXPECT_EQ(warnings("* 2 * * *").size(), 1U);
    EXPECT_EQ(warnings("0 0 13 * 5").size(), 1U);
    EXPECT_EQ(warnings("0 0 31 * *").size(), 1U);
    EXPECT_TRUE(warnings("0 0 L * *").empty());
}

// A field as it is written, and whether it allows a value, told from the same items.
struct random_field {
    std::string text;
    std::vector<bool> allowed;
};

random_field make_field(std::mt19937& random, int low, int high)
{
    const auto pick = [&random](int from, int to) { return std::uniform_int_distribution{from, to}(random); };
    random_field made{{}, std::vector<bool>(static_cast<std::size_t>(high) + 1)};
    for (int items = pick(1, 3); items > 0; --items) {
        int first = low;
        int end = high;
        int step = 1;
        std::string item = "*";
        if (pick(0, 3) > 0) {
            first = pick(low, high);
            end = pick(0, 1) == 0 ? first : pick(first, high);
            item = std::to_string(first) + (end > first ? "-" + std::to_string(end) : "");
        }
        if (end > first && pick(0, 2) == 0) {
            step = pick(1, 20);
            item += "/" + std::to_string(step);
        }
        for (int value = first; value <= end; value += step) {
            made.allowed[static_cast<std::size_t>(value)] = true;
        }
        made.text += (made.text.empty() ? "" : ",") + item;
    }
    return made;
}

TEST(core_schedule, agrees_with_a_search_minute_by_minute)
{
    std::mt19937 random{20261130};
    int compared = 0;
    while (compared < 150) {
        const auto minute = make_field(random, 0, 59);
        const auto hour = make_field(random, 0, 23);
        const auto day = make_field(random, 1, 31);
        const auto month = make_field(random, 1, 12);
        const auto weekday = make_field(random, 0, 6);
        const auto text = minute.text + " " + hour.text + " " + day.text + " " + month.text + " " + weekday.text;
        const bool either = day.text.front() != '*' && weekday.text.front() != '*';
        auto from = at("2026-01-01 00:00") + std::uniform_int_distribution{0, 400 * 86400}(random);
        std::optional<std::int64_t> expected;
        for (auto time = (from / 60 + 1) * 60; !expected && time < from + 10 * 86400; time += 60) {
            const std::chrono::sys_days date{std::chrono::days{time / 86400}};
            const std::chrono::year_month_day parts{date};
            const auto of = [](const random_field& field, auto value) { return field.allowed[std::size_t{value}]; };
            const bool is_day = of(day, static_cast<unsigned>(parts.day()));
            const bool is_weekday = of(weekday, std::chrono::weekday{date}.c_encoding());
            if (of(minute, static_cast<unsigned>(time / 60 % 60)) &&
                of(hour, static_cast<unsigned>(time / 3600 % 24)) && of(month, static_cast<unsigned>(parts.month())) &&
                (either ? is_day || is_weekday : is_day && is_weekday)) {
                expected = time;
            }
        }
        if (expected) {
            EXPECT_EQ(cron::parse(text).next(from), expected) << text << " after " << from;
            EXPECT_EQ(fields(text).previous(*expected + 1, utc), expected) << text;
            ++compared;
        }
    }
}

// Whatever is before or after a moment is so in every zone: times only grow, and nothing lies between.
TEST(core_schedule, next_and_previous_agree)
{
    std::mt19937 random{7};
    for (const auto* text : {"30 2 * * *", "0,20,40 1-3 * * *", "*/10 * * * *", "0 0 * * 0", "* 2 * * *"}) {
        for (int n = 0; n < 200; ++n) {
            const auto from = at("2026-03-28 00:00") + std::uniform_int_distribution{0, 3 * 86400}(random);
            const auto next = fields(text).next(from, berlin);
            ASSERT_TRUE(next && *next > from) << text;
            EXPECT_EQ(fields(text).next(*next - 1, berlin), next);
            EXPECT_EQ(fields(text).previous(*next + 1, berlin), next) << text;
        }
    }
}

} // namespace
