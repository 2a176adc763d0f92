// Which page follows which: a truth table of every signal, for every kind of pagination, and of signals that lie.
#include "extract/pagination.hpp"

#include "unit/fake_api.hpp"

#include <gtest/gtest.h>

using etl::http_header;
using etl::http_request;
using etl::json;
using etl::page_answer;
using etl::page_contents;
using etl::page_position;
using etl::paginate_options;
using etl::pagination;

namespace {

using headers = std::vector<http_header>;

constexpr char url[] = "https://api.example.com/v1/sales";

http_request request_of(std::string url, const char* body = nullptr)
{
    http_request made;
    made.url = std::move(url);
    if (body != nullptr) {
        made.method = "POST";
        made.body = body;
    }
    return made;
}

class pages_of_api {
  public:
    explicit pages_of_api(const char* paginate, http_request first = request_of(url))
        : pagination_{paginate_options::parse(json::parse(paginate)), std::move(first)}
    {
    }

    // What follows a page with records of these ids: "end", a position, or the error.
    std::string after(const char* position, std::int64_t from, std::int64_t to, const std::string& members = "",
                      const headers& sent = {})
    {
        const std::string records = records_text(from, to);
        const std::string body = members == "bare" ? records : "{\"data\":" + records + members + '}';
        const etl::page_format format{{}, {}, false};
        const page_contents contents = etl::read_page(body, format, etl::never_poll);
        const page_answer answer{contents, sent};
        try {
            if (std::string_view{position} == "probe") {
                return shown(pagination_.after_probe(answer));
            }
            return shown(pagination_.after(page_position::from(json::parse(position)), answer, url));
        } catch (const etl::error& e) {
            return std::string{e.sqlstate()} + ' ' + e.what();
        }
    }
    std::string url_of(const char* position) const
    {
        return pagination_.request_for(page_position::from(json::parse(position))).url.substr(sizeof url - 1);
    }
    std::string body_of(const char* position) const
    {
        return *pagination_.request_for(page_position::from(json::parse(position))).body;
    }
    const pagination& get() const { return pagination_; }

  private:
    static std::string shown(const etl::page_decision& made)
    {
        if (made.what == etl::page_decision::is::end) {
            return "end";
        }
        auto position = made.next.document();
        position.erase("records");
        position.erase("total");
        return (made.what == etl::page_decision::is::probe ? "probe " : "") + position.dump();
    }
    pagination pagination_;
};

// Whether an error says so.
void expect_error(const std::string& what, const std::string& part)
{
    EXPECT_EQ(what.substr(0, 6), "08P01 ") << what;
    EXPECT_NE(what.find(part), std::string::npos) << what;
}

std::string first_of(const std::string& members, const headers& sent = {}, const char* paginate = "{}")
{
    return pages_of_api{paginate}.after("{}", 0, 10, members, sent);
}

TEST(pagination, auto_knows_words_for_the_next_page)
{
    for (const char* name : {"next_page", "nextPage"}) {
        const std::string key = ",\"" + std::string{name} + "\":";
        for (const auto& [value, follows] : std::vector<std::pair<std::string, std::string>>{
                 {"2", "{\"page\":2}"},
                 {"\"2\"", "{\"page\":2}"},
                 {"null", "end"},
                 {"\"\"", "end"},
                 {"false", "end"},
                 {"\"https://api.example.com/v1/sales?page=2\"", "{\"url\":\"/v1/sales?page=2\"}"},
                 {"\"/v1/sales?page=2#x\"", "{\"url\":\"/v1/sales?page=2\"}"},
                 {"\"?page=2\"", "{\"url\":\"/v1/sales?page=2\"}"},
                 {"\"sales?page=2\"", "{\"url\":\"/v1/sales?page=2\"}"},
                 {"{\"href\":\"?p=2\"}", "{\"url\":\"/v1/sales?p=2\"}"},
                 {"\"eyJhIjoxfQ+/==\"", "{\"cursor\":\"eyJhIjoxfQ+/==\"}"}}) {
            EXPECT_EQ(first_of(key + value), follows) << name << value;
            EXPECT_EQ(first_of(",\"pagination\":{\"x\":1" + key + value + '}'), follows) << name << value;
        }
        expect_error(first_of(key + "true"), "neither a number nor a text");
        expect_error(first_of(key + "[2]"), "neither a number nor a text");
    }
    EXPECT_EQ(first_of(R"(,"links":{"self":"/a","next":"sales"})"), "{\"url\":\"/v1/sales\"}");
    EXPECT_EQ(first_of(R"(,"links":{"next":null})"), "end");
    EXPECT_EQ(first_of(R"(,"next":"/v1/sales?page=2")"), "{\"url\":\"/v1/sales?page=2\"}");
    EXPECT_EQ(first_of(R"(,"next_cursor":"2")"), "{\"cursor\":\"2\"}");
    EXPECT_EQ(first_of(R"(,"pagination":{"nextCursor":"/?a=b"})"), "{\"cursor\":\"/?a=b\"}");
    EXPECT_EQ(first_of(R"(,"next_cursor":12345678901234567890)"), "{\"cursor\":\"12345678901234567890\"}");
}

TEST(pagination, auto_knows_the_other_signals)
{
    for (const char* name : {"has_more", "hasMore"}) {
        const std::string key = ",\"" + std::string{name} + "\":";
        EXPECT_EQ(first_of(key + "false"), "end");
        EXPECT_EQ(first_of(key + "true"), "probe {\"page\":1}");
        EXPECT_EQ(first_of(key + "true,\"page\":1"), "{\"page\":2}");
        EXPECT_EQ(first_of(key + "true,\"page\":0"), "{\"page\":1}");
        EXPECT_EQ(first_of(key + "true,\"offset\":0,\"limit\":10"), "{\"offset\":10}");
        EXPECT_EQ(first_of(key + "true,\"offset\":0,\"limit\":10,\"page\":1"), "{\"page\":2}");
        EXPECT_EQ(first_of(",\"pagination\":{\"page\":1" + key + "true}"), "{\"page\":2}");
    }
    EXPECT_EQ(first_of("", {{"Link", "</v1/sales?page=2>; rel=next"}}), "{\"url\":\"/v1/sales?page=2\"}");
    EXPECT_EQ(first_of("", {{"Link", "</v1/sales?page=1>; rel=first"}}), "end");
    expect_error(first_of("", {{"Link", "</style.css>; rel=preload"}}), "does not say whether another page follows");
    EXPECT_EQ(first_of(R"(,"next_page_url":"/v1/sales?page=2")"), "{\"url\":\"/v1/sales?page=2\"}");
    EXPECT_EQ(first_of(R"(,"next_page_url":null,"total":10)"), "end");
    EXPECT_EQ(first_of(R"(,"response_metadata":{"next_cursor":"a"})"), "{\"cursor\":\"a\"}");
    EXPECT_EQ(first_of(R"(,"response_metadata":{"next_cursor":""})"), "end");
    for (const char* name : {"X-Total-Pages", "X-WP-TotalPages"}) {
        EXPECT_EQ(first_of("bare", {{name, "1"}}), "end");
        EXPECT_EQ(first_of("bare", {{name, "2"}}), "probe {\"page\":1}");
    }
    EXPECT_EQ(first_of(R"(,"page":1,"total_pages":2)"), "{\"page\":2}");
    EXPECT_EQ(first_of(R"(,"page":1,"total_pages":1)"), "end");
    EXPECT_EQ(first_of(R"(,"offset":0,"limit":10,"total":11)"), "{\"offset\":10}");
    EXPECT_EQ(first_of(R"(,"total":10)"), "end");
    EXPECT_EQ(first_of("bare"), "probe {\"page\":1}");
    expect_error(first_of(""), "does not say whether another page follows");
    expect_error(first_of(R"(,"total":11)"), "does not say whether another page follows");
    expect_error(first_of(R"(,"next":{"token":1},"has_more":null)"), "does not say whether another page follows");
}

TEST(pagination, signals_must_agree)
{
    expect_error(first_of(R"(,"next_page":2,"has_more":false)"), "contradicts itself");
    expect_error(first_of(R"(,"next_page":null,"has_more":true)"), "contradicts itself");
    expect_error(first_of(R"(,"next_page":2,"links":{"next":null})"), "says that there is none");
    expect_error(first_of(R"(,"next":null)", {{"Link", "<?page=2>; rel=next"}}), "says that there is none");
    expect_error(first_of(R"(,"next_cursor":"a","has_more":false)"), "contradicts itself");
    expect_error(first_of(R"(,"next_cursor":null,"has_more":true)"), "contradicts itself");
    expect_error(first_of(R"(,"has_more":false,"total":11)"), "contradicts itself");
    expect_error(first_of(R"(,"has_more":true,"page":1,"total":10)"), "contradicts itself");
    expect_error(first_of(R"(,"next_page":null,"total":11)"), "contradicts itself");
    expect_error(first_of(R"(,"next_page":2,"total":9)"), "but 10 records have come");
    EXPECT_EQ(first_of(R"(,"next_page":2,"total":9)", {}, R"({"total":false})"), "{\"page\":2}");
    EXPECT_EQ(first_of(R"(,"next_page":2,"has_more":false)", {}, R"({"has_more":false})"), "{\"page\":2}");
    expect_error(pages_of_api{"{}"}.after("{}", 0, 0, R"(,"has_more":true,"page":1)"), "it is empty");
}

TEST(pagination, numbers_must_follow_each_other)
{
    pages_of_api api{"{}"};
    EXPECT_EQ(api.after("{}", 0, 10, R"(,"next_page":2)"), "{\"page\":2}");
    expect_error(api.after(R"({"page":2})", 10, 20, R"(,"next_page":2)"), "tells page 2 as the next one");
    expect_error(api.after(R"({"page":2})", 20, 30, R"(,"next_page":4)"), "tells page 4 as the next one");
    expect_error(api.after(R"({"page":2})", 30, 40, R"(,"page":1,"next_page":3)"), "and page 2 was asked for");
    expect_error(api.after(R"({"page":2})", 40, 50), "does not tell the next page at /next_page");
    expect_error(api.after(R"({"page":2})", 50, 60, R"(,"next_page":"abc")"), "no number of a page");
    expect_error(api.after(R"({"page":2})", 0, 10, R"(,"next_page":3)"), "same records as a page before it");
    EXPECT_EQ(api.after(R"({"page":9})", 90, 95, R"(,"next_page":null)"), "end");
}

TEST(pagination, the_first_number_is_never_guessed)
{
    pages_of_api one{R"({"type":"page"})"};
    EXPECT_EQ(one.url_of("{}"), "");
    EXPECT_EQ(one.after("{}", 0, 10, "bare"), "probe {\"page\":1}");
    EXPECT_EQ(one.after("probe", 0, 10, "bare"), "{\"page\":2}");
    EXPECT_EQ(one.after(R"({"page":2})", 10, 20, "bare"), "{\"page\":3}");
    EXPECT_EQ(one.after(R"({"page":3})", 0, 0, "bare"), "end");
    pages_of_api zero{R"({"type":"page"})"};
    zero.after("{}", 0, 10, "bare");
    expect_error(zero.after("probe", 10, 20, "bare"), "nothing says what number it has");
    pages_of_api told{R"({"type":"page","start":0,"param":"p"})"};
    EXPECT_EQ(told.url_of("{}"), "?p=0");
    EXPECT_EQ(told.after("{}", 0, 10), "{\"page\":1}");
    pages_of_api asked{"{}", request_of(std::string{url} + "?page=4")};
    EXPECT_EQ(asked.after("{}", 0, 10, R"(,"has_more":true)"), "{\"page\":5}");
}

TEST(pagination, by_page_ends_where_it_is_said)
{
    const auto after = [](const char* options, std::int64_t count, const std::string& members = "") {
        const std::string paginate = R"({"type":"page","start":1)" + std::string{options} + '}';
        return pages_of_api{paginate.c_str()}.after(R"({"page":2,"records":10})", 10, 10 + count, members);
    };
    EXPECT_EQ(after("", 10), "{\"page\":3}");
    EXPECT_EQ(after("", 3), "{\"page\":3}");
    EXPECT_EQ(after("", 0), "end");
    EXPECT_EQ(after("", 10, R"(,"total":20)"), "end");
    EXPECT_EQ(after("", 10, R"(,"total":21)"), "{\"page\":3}");
    expect_error(after("", 0, R"(,"total":11)"), "contradicts itself");
    EXPECT_EQ(after("", 10, R"(,"total_pages":2)"), "end");
    EXPECT_EQ(after("", 10, R"(,"total_pages":3)"), "{\"page\":3}");
    EXPECT_EQ(after(R"(,"end":"short","size":10)", 10), "{\"page\":3}");
    EXPECT_EQ(after(R"(,"end":"short","size":10)", 9), "end");
    expect_error(after(R"(,"end":"short","size":10)", 9, R"(,"has_more":true)"), "contradicts itself");
    EXPECT_EQ(after(R"(,"end":"empty")", 9, R"(,"has_more":false)"), "{\"page\":3}");
    EXPECT_EQ(after(R"(,"end":"empty")", 0, R"(,"has_more":true)"), "end");
    EXPECT_EQ(after(R"(,"has_more":"/m")", 10, R"(,"m":true)"), "{\"page\":3}");
    EXPECT_EQ(after(R"(,"has_more":"/m")", 10, R"(,"m":false,"has_more":true)"), "end");
    expect_error(after(R"(,"has_more":"/m")", 10), "does not say whether there is more, at /m");
    expect_error(after(R"(,"has_more":"/m")", 10, R"(,"m":"perhaps")"), "no true or false at /m");
    expect_error(after(R"(,"pages":"/n")", 10), "does not tell the number of pages");
    expect_error(after(R"(,"total":"/n")", 10), "no total at /n");
    EXPECT_EQ(after(R"(,"total":"/n")", 10, R"(,"n":"20")"), "end");
}

TEST(pagination, has_more_must_be_there)
{
    pages_of_api api{R"({"type":"has_more","at":"/meta/more","start":1})"};
    EXPECT_EQ(api.after("{}", 0, 10, R"(,"meta":{"more":true})"), "{\"page\":2}");
    expect_error(api.after(R"({"page":2})", 10, 20, R"(,"meta":{})"), "does not say whether there is more");
    EXPECT_EQ(api.after(R"({"page":2})", 20, 30, R"(,"meta":{"more":false})"), "end");
    pages_of_api usual{"{}"};
    EXPECT_EQ(usual.after("{}", 0, 10, R"(,"has_more":true,"page":1)"), "{\"page\":2}");
    expect_error(usual.after(R"({"page":2})", 10, 20), "does not say whether there is more");
    pages_of_api sometimes{R"({"type":"page","start":1})"};
    EXPECT_EQ(sometimes.after("{}", 0, 10, R"(,"has_more":true)"), "{\"page\":2}");
    expect_error(sometimes.after(R"({"page":2})", 10, 20), "as pages before it did");
}

TEST(pagination, by_offset_counts_what_came)
{
    pages_of_api api{R"({"type":"offset","size_param":"limit","size":100})"};
    EXPECT_EQ(api.url_of("{}"), "?limit=100");
    EXPECT_EQ(api.after("{}", 0, 40), "{\"offset\":40}"); // the server gives less than was asked for
    EXPECT_EQ(api.url_of(R"({"offset":40})"), "?offset=40&limit=100");
    EXPECT_EQ(api.after(R"({"offset":40})", 40, 70), "{\"offset\":70}");
    EXPECT_EQ(api.after(R"({"offset":70})", 0, 0), "end");
    expect_error(api.after(R"({"offset":70})", 0, 0, R"(,"total":72)"), "contradicts itself");
    pages_of_api more{R"({"type":"offset"})"};
    expect_error(more.after(R"({"offset":70})", 70, 71, R"(,"total":70)"), "but 71 records have come");
    EXPECT_EQ((pages_of_api{R"({"type":"offset","start":1})"}.after("{}", 0, 10)), "{\"offset\":11}");
}

TEST(pagination, by_cursor)
{
    pages_of_api api{R"({"type":"cursor","at":"/meta/next","param":"after"})"};
    EXPECT_EQ(api.after("{}", 0, 10, R"(,"meta":{"next":"a b"})"), "{\"cursor\":\"a b\"}");
    EXPECT_EQ(api.url_of(R"({"cursor":"a b&c=+/"})"), "?after=a%20b%26c%3D%2B%2F");
    expect_error(api.after(R"({"cursor":"a b"})", 10, 20, R"(,"meta":{"next":"a b"})"), "read before");
    expect_error(api.after(R"({"cursor":"c"})", 20, 30), "does not tell the next page at /meta/next");
    EXPECT_EQ(api.after(R"({"cursor":"c"})", 0, 0, R"(,"meta":{"next":"d"})"), "{\"cursor\":\"d\"}");
    EXPECT_EQ(api.after(R"({"cursor":"d"})", 30, 40, R"(,"meta":{"next":null})"), "end");
    pages_of_api header{R"({"type":"cursor","at":"header:X-Next","end":"missing"})"};
    EXPECT_EQ(header.after("{}", 0, 10, "", {{"x-next", "7"}}), "{\"cursor\":\"7\"}");
    EXPECT_EQ(header.after(R"({"cursor":"7"})", 10, 20), "end");
    expect_error(header.after("{}", 20, 30, "", {{"x-next", "\xff"}}), "is not UTF-8");
    pages_of_api flag{R"({"type":"cursor","at":"/c","has_more":"/m"})"};
    EXPECT_EQ(flag.after("{}", 0, 10, R"(,"c":"x","m":true)"), "{\"cursor\":\"x\"}");
    EXPECT_EQ(flag.after(R"({"cursor":"x"})", 10, 20, R"(,"c":"y","m":false)"), "end");
    expect_error(flag.after(R"({"cursor":"x"})", 20, 30, R"(,"c":null,"m":true)"), "tells no next page");
    expect_error(flag.after(R"({"cursor":"x"})", 30, 40, R"(,"c":"y")"), "does not say whether there is more");
    pages_of_api last{R"({"type":"cursor","at":"record:/id","param":"starting_after"})"};
    EXPECT_EQ(last.after("{}", 0, 10, R"(,"has_more":true)"), "{\"cursor\":\"9\"}");
    EXPECT_EQ(last.after(R"({"cursor":"9"})", 10, 20, R"(,"has_more":false)"), "end");
    expect_error(last.after(R"({"cursor":"9"})", 20, 30), "does not say whether there is more");
    pages_of_api until{R"({"type":"cursor","at":"record:/id","end":"empty"})"};
    EXPECT_EQ(until.after("{}", 0, 10), "{\"cursor\":\"9\"}");
    EXPECT_EQ(until.after(R"({"cursor":"9"})", 0, 0), "end");
}

TEST(pagination, promises_of_more_come_to_an_end)
{
    pages_of_api api{R"({"type":"cursor","at":"/c"})"};
    for (int i = 0; i < 10; ++i) {
        const std::string cursor = std::to_string(i);
        EXPECT_EQ(api.after("{}", 0, 0, ",\"c\":\"" + cursor + '"'), "{\"cursor\":\"" + cursor + "\"}");
    }
    expect_error(api.after("{}", 0, 0, R"(,"c":"z")"), "11th empty page");
}

TEST(pagination, by_links)
{
    pages_of_api api{R"({"type":"next","at":"/paging/next"})"};
    EXPECT_EQ(api.after("{}", 0, 10, R"(,"paging":{"next":"?p=2"})"), "{\"url\":\"/v1/sales?p=2\"}");
    EXPECT_EQ(api.url_of(R"({"url":"/v1/sales?p=2"})"), "?p=2");
    EXPECT_EQ(api.after(R"({"url":"/v1/sales?p=2"})", 10, 20, R"(,"paging":{"next":null})"), "end");
    expect_error(api.after(R"({"url":"/v1/sales?p=2"})", 20, 30), "does not tell the next page");
    const std::string other = api.after("{}", 30, 40, R"(,"paging":{"next":"https://evil.example.com/v1/sales?p=2"})");
    EXPECT_EQ(other, "42501 its link to the next page leads to another origin, https://evil.example.com:443");
    EXPECT_EQ(api.after("{}", 40, 50, R"(,"paging":{"next":"http://api.example.com/"})").substr(0, 5), "42501");
    EXPECT_EQ(api.after("{}", 50, 60, R"(,"paging":{"next":"//evil.example.com/"})").substr(0, 5), "42501");
    expect_error(api.after("{}", 60, 70, R"(,"paging":{"next":"https://u:p@api.example.com/"})"), "cannot be followed");
    expect_error(api.after("{}", 70, 80, R"(,"paging":{"next":"file:///etc/passwd"})"), "cannot be followed");
    EXPECT_EQ(api.after("{}", 80, 90, R"(,"paging":{"next":"https://API.example.com:443/x"})"), "{\"url\":\"/x\"}");
}

TEST(pagination, by_link_headers)
{
    pages_of_api api{R"({"type":"link"})"};
    EXPECT_EQ(api.after("{}", 0, 10), "end"); // RFC 8288: what has nothing to link to sends none
    EXPECT_EQ(api.after("{}", 10, 20, "", {{"Link", "<?p=2>; rel=next"}}), "{\"url\":\"/v1/sales?p=2\"}");
    expect_error(api.after(R"({"url":"/v1/sales?p=2"})", 20, 30), "no Link header, which the page before it had");
    EXPECT_EQ(api.after(R"({"url":"/v1/sales?p=2"})", 30, 40, "", {{"Link", "<?p=1>; rel=prev"}}), "end");
    expect_error(api.after(R"({"url":"/v1/sales?p=2"})", 40, 50, "", {{"Link", "<?p=2>; rel=next"}}), "read before");
    expect_error(api.after("{}", 50, 60, "", {{"Link", "nonsense"}}), "has no target");
    expect_error(api.after("{}", 60, 70, "", {{"Link", "<\xff>; rel=next"}}), "is not UTF-8");
}

TEST(pagination, without_pages)
{
    EXPECT_EQ((pages_of_api{R"({"type":"none"})"}.after("{}", 0, 10)), "end");
    EXPECT_EQ((pages_of_api{R"({"type":"none"})"}.after("{}", 0, 10, R"(,"total":10)")), "end");
    expect_error((pages_of_api{R"({"type":"none"})"}.after("{}", 0, 10, R"(,"total":11)")), "but 10 records have come");
}

TEST(pagination, totals_may_grow)
{
    pages_of_api end{R"({"type":"page","start":1})"}; // records are added at the end
    EXPECT_EQ(end.after("{}", 0, 10, R"(,"total":20)"), "{\"page\":2}");
    EXPECT_EQ(end.after(R"({"page":2,"records":10})", 10, 20, R"(,"total":23)"), "{\"page\":3}");
    EXPECT_EQ(end.after(R"({"page":3,"records":20})", 20, 23, R"(,"total":23)"), "end");
    pages_of_api front{R"({"type":"cursor","at":"/c"})"}; // added before the place of reading
    EXPECT_EQ(front.after("{}", 0, 10, R"(,"total":20,"c":"a")"), "{\"cursor\":\"a\"}");
    EXPECT_EQ(front.after(R"({"cursor":"a","records":10})", 10, 20, R"(,"total":23,"c":null)"), "end");
    pages_of_api less{R"({"type":"page","start":1})"};
    EXPECT_EQ(less.after("{}", 0, 10, R"(,"total":20)"), "{\"page\":2}");
    expect_error(less.after(R"({"page":2,"records":10})", 10, 20, R"(,"total":19)"),
                 "its total (/total) is 19, after 20");
    pages_of_api gone{R"({"type":"cursor","at":"/c"})"};
    EXPECT_EQ(gone.after("{}", 0, 10, R"(,"total":20,"c":"a")"), "{\"cursor\":\"a\"}");
    EXPECT_EQ(gone.after(R"({"cursor":"a","records":10})", 10, 19, R"(,"total":19,"c":null)"), "end");
    pages_of_api resumed{R"({"type":"cursor","at":"/c"})"}; // 3 were added at the front before it was resumed
    EXPECT_EQ(resumed.after(R"({"cursor":"a","records":10,"total":20})", 10, 20, R"(,"total":23,"c":null)"), "end");
    pages_of_api short_of{R"({"type":"cursor","at":"/c"})"};
    expect_error(short_of.after(R"({"cursor":"a","records":10,"total":20})", 10, 19, R"(,"total":23,"c":null)"),
                 "but 19 records have come");
}

TEST(pagination, puts_positions_into_bodies)
{
    pages_of_api api{R"({"type":"cursor","at":"/c","in":"body","param":"search_after"})",
                     request_of(url, "{\"n\": 12345678901234567890.10}")};
    EXPECT_EQ(api.body_of("{}"), "{\"n\": 12345678901234567890.10}");
    EXPECT_EQ(api.body_of(R"({"cursor":"a\"b"})"), R"({"n": 12345678901234567890.10, "search_after": "a\"b"})");
    pages_of_api empty{R"({"type":"page","in":"body","start":1})", request_of(url, "{ }")};
    EXPECT_EQ(empty.body_of(R"({"page":2})"), R"({"page": 2})");
    EXPECT_THROW((pages_of_api{R"({"type":"page","in":"body"})"}), etl::error);
    pages_of_api nested{
        R"({"type":"cursor","at":"/c","in":"body","param":"/variables/after","size_param":"/variables/n",
                            "size":5})",
        request_of(url, R"({"query": "{a}", "variables": {"x": 1.10}, "z": {"variables": {}}})")};
    EXPECT_EQ(nested.body_of(R"({"cursor":"a"})"),
              R"({"query": "{a}", "variables": {"x": 1.10, "after": "a", "n": 5}, "z": {"variables": {}}})");
    for (const char* body : {R"({"query":"a"})", R"({"variables":[]})", R"({"variables":{"after":null}})", "[]"}) {
        EXPECT_THROW((pages_of_api{R"({"type":"cursor","at":"/c","in":"body","param":"/variables/after"})",
                                   request_of(url, body)}),
                     etl::error)
            << body;
    }
    EXPECT_THROW((pages_of_api{R"({"type":"page"})", request_of(std::string{url} + "?a=1&pa%67e=3")}), etl::error);
}

TEST(pagination, cursors_of_a_body_are_sent_as_they_were_told)
{
    pages_of_api api{R"({"type":"cursor","at":"/c","in":"body","param":"after","end":"missing"})",
                     request_of(url, "{}")};
    std::int64_t from = 0;
    for (const char* cursor : {R"([50,"a"])", R"({"id":{"N":"50"}})", "50", R"("50")"}) {
        from += 10;
        const std::string position = R"({"cursor":)" + std::string{cursor} + '}';
        EXPECT_EQ(api.after("{}", from, from + 10, R"(,"c":)" + std::string{cursor}), position);
        EXPECT_EQ(json::parse(api.body_of(position.c_str()))["after"].dump(), cursor);
        pages_of_api again{R"({"type":"cursor","at":"/c","in":"body","param":"after"})", request_of(url, "{}")};
        expect_error(again.after(position.c_str(), 0, 10, R"(,"c":)" + std::string{cursor}), "was read before");
    }
    EXPECT_EQ(api.after(R"({"cursor":[50,"a"]})", 90, 95), "end");
    expect_error(pages_of_api{R"({"type":"cursor","at":"/c"})"}.after("{}", 0, 10, R"(,"c":[1])"),
                 "neither a number nor a text");
}

TEST(pagination, what_is_within_a_null_is_null)
{
    pages_of_api api{R"({"type":"cursor","at":"/next_page/offset","param":"offset"})"};
    EXPECT_EQ(api.after("{}", 0, 10, R"(,"next_page":{"offset":"a"})"), R"({"cursor":"a"})");
    expect_error(api.after(R"({"cursor":"a"})", 10, 20, R"(,"next_page":{})"), "does not tell the next page");
    EXPECT_EQ(api.after(R"({"cursor":"a"})", 20, 30, R"(,"next_page":null)"), "end");
}

TEST(pagination, silence_is_refused_with_what_the_page_has)
{
    const auto hint = [](const char* members, const headers& sent = {}) {
        const std::string body = "{\"data\":[1]" + std::string{members} + '}';
        const page_contents contents = etl::read_page(body, {{}, {}, false}, etl::never_poll);
        pagination made{{}, request_of(url)};
        try {
            made.after({}, {contents, sent}, url);
        } catch (const etl::error& e) {
            return e.hint();
        }
        return std::string{"none"};
    };
    const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
    EXPECT_TRUE(has(hint(R"(,"@odata.nextLink":"https://a/b?c=d")"),
                    R"('{"type": "next", "at": "/@odata.nextLink", "end": "missing"}')"));
    EXPECT_TRUE(has(hint(R"(,"paging":{"next":{"after":"a"}})"),
                    R"('{"type": "cursor", "at": "/paging/next/after", "param": "after", "end": "missing"}')"));
    EXPECT_TRUE(has(hint(R"(,"nextPageToken":"a","_links":{"next":{"href":"/b"}})"), R"("at": "/_links/next/href")"));
    EXPECT_TRUE(has(hint("", {{"x-ms-continuation", "a"}}), R"("at": "header:x-ms-continuation")"));
    EXPECT_TRUE(has(hint(R"(,"took":3,"nextPageToken":"")"), R"('{"type": "page"}')"));
    const std::string long_name(100, 'a');
    for (const std::string& name :
         {std::string{"next'); DROP TABLE a; --"}, "next\\n" + std::string{"HINT"}, long_name}) {
        const std::string hostile = ",\"" + name + "\":{\"next\":\"a\"}";
        EXPECT_TRUE(has(hint(hostile.c_str()), R"('{"type": "page"}')")) << hint(hostile.c_str());
    }
}

TEST(pagination, takes_secrets_out_of_links)
{
    pagination made{paginate_options::parse(json::parse(R"({"type":"next","at":"/n"})")), request_of(url), "key"};
    const std::string body = R"({"data":[1],"n":"?key=SECRET&p=2&k%65y=SECRET"})";
    const page_contents contents = etl::read_page(body, {{}, {}, false}, etl::never_poll);
    EXPECT_EQ(made.after({}, {contents, {}}, url).next.url, "/v1/sales?p=2");
}

TEST(pagination, refuses_options_that_are_none)
{
    for (const char* bad : {R"({"type":"pages"})",
                            R"({"typ":"page"})",
                            R"({"type":"page","at":"/x"})",
                            R"({"type":"cursor"})",
                            R"({"type":"next"})",
                            R"({"type":"page","size":10})",
                            R"({"type":"page","size_param":"n"})",
                            R"({"type":"page","size_param":"n","size":0})",
                            R"({"type":"page","end":"short"})",
                            R"({"type":"page","end":"missing"})",
                            R"({"type":"link","end":"short"})",
                            R"({"type":"page","start":-1})",
                            R"({"type":"page","start":"1"})",
                            R"({"type":"page","param":""})",
                            R"({"type":"page","in":"path"})",
                            R"({"type":"cursor","at":"next"})",
                            R"({"type":"cursor","at":7})",
                            R"({"type":"page","has_more":true})",
                            R"({"type":"next","at":"record:/id"})",
                            R"({"allow_repeats":1})",
                            "[]",
                            "\"page\"",
                            "7"}) {
        EXPECT_THROW(paginate_options::parse(json::parse(bad)), etl::error) << bad;
    }
    for (const char* bad :
         {R"({"page":-1})", R"({"page":"1"})", R"({"page":1,"offset":2})", R"({"cursor":""})", R"({"cursor":true})",
          R"({"cursor":[]})", R"({"cursor":1.5})", R"({"pages":7})", "[]", "7"}) {
        EXPECT_THROW(page_position::from(json::parse(bad)), etl::error) << bad;
    }
    EXPECT_TRUE(page_position::from(json{}).is_first());
    const pages_of_api by_page{R"({"type":"page"})"};
    EXPECT_THROW(by_page.get().check_position(page_position::from(json::parse(R"({"cursor":"a"})"))), etl::error);
}

} // namespace
