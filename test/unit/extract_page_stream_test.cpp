#include "extract/page_stream.hpp"

#include "unit/fake_api.hpp"

#include <gtest/gtest.h>

using etl::json;
using etl::page_plan;
using etl::page_stream;

namespace {

page_plan plan_of(const char* paginate, int parallel = 4)
{
    page_plan made;
    made.first.url = "https://api.example.com/sales";
    made.paginate = etl::paginate_options::parse(json::parse(paginate));
    made.parallel = parallel;
    return made;
}

// Bare arrays of 10 records; total of them.
fake_api bare_api(std::int64_t total)
{
    return fake_api{[total](const etl::http_request& request) {
        const auto page = number_param(request.url, "page", 1);
        return answer_of(records_text(std::min(total, (page - 1) * 10), std::min(total, page * 10)));
    }};
}

struct outcome {
    std::int64_t records = 0;
    std::int64_t pages = 0;
    std::string error;
    etl::page_position last;
};

outcome read_all(fake_api& api, page_plan plan)
{
    outcome made;
    const std::int64_t before = plan.from.records.value_or(0);
    try {
        page_stream stream{api, std::move(plan), etl::never_poll};
        while (const auto page = stream.next()) {
            made.records += static_cast<std::int64_t>(page->contents.records.size());
            EXPECT_EQ(page->number, ++made.pages);
            if (page->next) {
                EXPECT_EQ(*page->next->records, before + made.records);
            }
            made.last = page->next.value_or(etl::page_position{});
        }
        EXPECT_EQ(stream.next(), nullptr);
    } catch (const etl::error& e) {
        made.error = std::string{e.sqlstate()} + ' ' + e.what() + " | " + e.detail();
    }
    EXPECT_TRUE(api.is_idle());
    return made;
}

TEST(page_stream, asks_side_by_side)
{
    fake_api api = bare_api(995);
    const auto got = read_all(api, plan_of("{}"));
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.records, 995);
    EXPECT_EQ(got.pages, 101); // the last one is empty
    EXPECT_EQ(api.most_under_way, 4U);
    fake_api alone = bare_api(995);
    EXPECT_EQ(read_all(alone, plan_of("{}", 1)).records, 995);
    EXPECT_EQ(alone.most_under_way, 1U);
}

TEST(page_stream, asks_little_in_vain_for_short_lists)
{
    for (std::int64_t pages = 1; pages <= 12; ++pages) {
        fake_api api{[pages](const etl::http_request& request) {
            const auto page = number_param(request.url, "page", 1);
            const std::string next = page < pages ? std::to_string(page + 1) : "null";
            return answer_of("{\"data\":" + records_text(page * 10, page * 10 + 10) + ",\"next_page\":" + next + '}');
        }};
        EXPECT_EQ(read_all(api, plan_of("{}", 8)).records, pages * 10);
        EXPECT_LE(static_cast<std::int64_t>(api.asked.size()), std::min(2 * pages, pages + 7)) << pages;
    }
}

TEST(page_stream, does_not_ask_beyond_what_is_told)
{
    fake_api api{[](const etl::http_request& request) {
        const auto offset = number_param(request.url, "offset", 0);
        return answer_of("{\"total\":45,\"data\":" + records_text(offset, std::min<std::int64_t>(45, offset + 10)) +
                         '}');
    }};
    EXPECT_EQ(read_all(api, plan_of(R"({"type":"offset"})")).records, 45);
    EXPECT_EQ(api.asked.size(), 5U);
}

TEST(page_stream, asks_anew_where_it_asked_wrongly)
{
    fake_api api{[](const etl::http_request& request) { // the third page is short
        const auto offset = number_param(request.url, "offset", 0);
        const auto size = offset == 20 ? 3 : 10;
        return answer_of(records_text(offset, std::min<std::int64_t>(95, offset + size)));
    }};
    const auto got = read_all(api, plan_of(R"({"type":"offset"})"));
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.records, 95);
}

TEST(page_stream, asks_one_ahead_for_cursors)
{
    fake_api api{[](const etl::http_request& request) {
        const auto from = number_param(request.url, "cursor", 0);
        const std::string next = from == 90 ? "null" : '"' + std::to_string(from + 10) + '"';
        return answer_of("{\"data\":" + records_text(from, from + 10) + ",\"next_cursor\":" + next + '}');
    }};
    page_stream stream{api, plan_of("{}"), etl::never_poll};
    const auto first = stream.next();
    EXPECT_EQ(api.asked.size(), 2U);
    EXPECT_EQ(stream.chosen(), "records at /data; cursors in \"cursor\", told at /next_cursor");
    for (int i = 0; i < 9; ++i) {
        EXPECT_NE(stream.next(), nullptr);
    }
    EXPECT_EQ(stream.next(), nullptr);
    EXPECT_EQ(api.asked.size(), 10U);
}

TEST(page_stream, throws_away_what_lies_behind_the_end)
{
    fake_api api{[](const etl::http_request& request) {
        const auto page = number_param(request.url, "page", 1);
        return page > 2 ? answer_of("no such page", {}, 404)
                        : answer_of("{\"data\":" + records_text(page * 10, page * 10 + 10) + ",\"page\":" +
                                    std::to_string(page) + ",\"has_more\":" + (page == 2 ? "false}" : "true}"));
    }};
    const auto got = read_all(api, plan_of("{}"));
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.records, 20);
}

TEST(page_stream, ends_at_a_status_only_where_told)
{
    const auto answer = [](const etl::http_request& request) {
        const auto page = number_param(request.url, "page", 1);
        return page > 2 ? answer_of("no such page", {}, 404) : answer_of(records_text(page * 10, page * 10 + 10));
    };
    fake_api api{answer};
    EXPECT_EQ(read_all(api, plan_of(R"({"type":"page","start":1})")).error,
              "08P01 page 3 of https://api.example.com/sales: status 404 | Position: {\"page\":3,\"records\":20}.");
    fake_api told{answer};
    const auto got = read_all(told, plan_of(R"({"type":"page","start":1,"end":"404"})"));
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.records, 20);
    fake_api nothing{[](const etl::http_request&) { return answer_of("", {}, 404); }};
    EXPECT_NE(read_all(nothing, plan_of(R"({"type":"page","start":1,"end":"404"})")).error, "");
}

TEST(page_stream, goes_on_from_any_position)
{
    for (std::int64_t stop = 1; stop < 11; ++stop) {
        fake_api api = bare_api(95);
        page_plan plan = plan_of("{}");
        plan.max_pages = stop;
        const auto first = read_all(api, plan);
        if (first.error.empty()) {
            EXPECT_EQ(first.records, 95);
            continue;
        }
        EXPECT_EQ(first.error.substr(0, 5), "53400");
        plan.max_pages = 100;
        plan.from = etl::page_position::from(first.last.document());
        fake_api rest = bare_api(95);
        const auto second = read_all(rest, plan);
        EXPECT_EQ(second.error, "");
        EXPECT_EQ(first.records + second.records, 95);
    }
}

TEST(page_stream, ends_at_the_cap)
{
    fake_api api{[](const etl::http_request& request) {
        const auto page = number_param(request.url, "page", 1);
        return answer_of(records_text(page * 10, page * 10 + 10));
    }};
    page_plan plan = plan_of(R"({"type":"page","start":1})");
    plan.max_pages = 7;
    const auto got = read_all(api, plan);
    EXPECT_EQ(got.pages, 7);
    EXPECT_EQ(got.error, "53400 there are more than 7 pages at https://api.example.com/sales | "
                         "Position: {\"page\":8,\"records\":70}.");
    EXPECT_EQ(api.asked.size(), 7U);
}

TEST(page_stream, says_where)
{
    fake_api api{[](const etl::http_request& request) {
        const auto page = number_param(request.url, "page", 1);
        return answer_of("{\"next_page\":" + std::to_string(page + 1) + ",\"data\":[" +
                         (page == 3 ? "" : std::to_string(page) + "]}"));
    }};
    page_plan plan = plan_of("{}");
    plan.first.url += "?token=SECRET";
    const auto got = read_all(api, plan);
    EXPECT_EQ(got.pages, 2);
    EXPECT_EQ(got.error,
              "08P01 page 3 of https://api.example.com/sales: it ends at byte 24, within the document, where "
              "a value should be | The page begins: {\"next_page\":4,\"data\":[ Position: {\"page\":3,\"records\":2}.");
}

TEST(page_stream, takes_secrets_out_before_it_cuts)
{
    const std::string secret = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (std::size_t before = 0; before < 120; ++before) {
        fake_api api{[&](const etl::http_request&) {
            return answer_of("{\"a\":\"" + std::string(before, 'x') + secret + "\",\"next_cursor\":[1]}");
        }};
        api.secret = secret;
        page_plan plan = plan_of("{}");
        plan.from.cursor = std::string(before, 'y') + secret;
        const auto got = read_all(api, plan);
        EXPECT_EQ(got.error.find("abcdef"), std::string::npos) << got.error;
        EXPECT_NE(got.error.find("The page begins"), std::string::npos) << got.error;
    }
}

TEST(page_stream, keeps_to_the_place_that_it_has_found)
{
    fake_api api{[](const etl::http_request& request) {
        const auto page = number_param(request.url, "page", 1);
        return answer_of(page == 1 ? R"({"orders":[{"a":1}],"next_page":2})"
                                   : R"({"people":[{"b":1}],"next_page":null})");
    }};
    EXPECT_NE(read_all(api, plan_of("{}")).error.find("it has nothing at \"/orders\""), std::string::npos);
}

TEST(page_stream, an_object_in_the_place_of_an_array_is_no_record)
{
    for (const char* path : {"auto", "$", ""}) {
        fake_api api{[](const etl::http_request& request) {
            return answer_of(number_param(request.url, "page", 1) == 2 ? R"({"error":"try later"})" : "[1,2]");
        }};
        page_plan plan = plan_of(R"({"type":"page","start":1,"allow_repeats":true})");
        plan.records = etl::record_path::parse(path);
        const auto got = read_all(api, plan);
        EXPECT_EQ(got.records, 2) << path;
        EXPECT_NE(got.error.find("it is an object, where the array of the records should be"), std::string::npos)
            << got.error;
    }
    fake_api ones{[](const etl::http_request& request) {
        const auto page = number_param(request.url, "page", 1);
        return answer_of(page < 3 ? R"({"a":)" + std::to_string(page) + '}' : "[]");
    }};
    page_plan plan = plan_of(R"({"type":"page","start":1})");
    plan.records = etl::record_path::parse("$");
    EXPECT_EQ(read_all(ones, plan).records, 2);
}

TEST(page_stream, takes_no_content_for_an_empty_page)
{
    fake_api api{[](const etl::http_request& request) {
        return number_param(request.url, "page", 1) == 1 ? answer_of("[1]") : answer_of("", {}, 204);
    }};
    const auto got = read_all(api, plan_of(R"({"type":"page","start":1})"));
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.records, 1);
}

TEST(page_stream, large_pages_come_one_by_one)
{
    fake_api api{[](const etl::http_request& request) {
        const auto page = number_param(request.url, "page", 1);
        return answer_of(page > 4 ? "[]" : "[\"" + std::string(25U << 20U, static_cast<char>('a' + page)) + "\"]");
    }};
    EXPECT_EQ(read_all(api, plan_of(R"({"type":"page","start":1})")).records, 4);
    EXPECT_EQ(api.most_under_way, 1U);
}

} // namespace
