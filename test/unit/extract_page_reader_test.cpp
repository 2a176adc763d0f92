#include "extract/page_reader.hpp"

#include <gtest/gtest.h>

using etl::page_contents;
using etl::page_format;
using etl::read_page;
using etl::record_path;

namespace {

page_contents read(const std::string& body, const char* path = "auto", bool null_is_empty = false)
{
    static std::string kept; // the records are views into it
    kept = body;
    page_format format;
    format.records = record_path::parse(path);
    format.records.null_is_empty = null_is_empty;
    return read_page(kept, format, etl::never_poll);
}

std::string failure(const std::string& body, const char* path = "auto")
{
    try {
        read(body, path);
    } catch (const etl::error& e) {
        return std::string{e.sqlstate()} + ' ' + e.what();
    }
    return "none";
}

TEST(page_reader, finds_records_by_usual_names)
{
    EXPECT_EQ(read(R"([{"a":1},{"a":2}])").records_at, "");
    EXPECT_EQ(read(R"({"data":[{"a":1}],"tags":["x"]})").records_at, "/data");
    EXPECT_EQ(read(R"({"Results":[{"a":1}]})").records_at, "/Results");
    EXPECT_EQ(read(R"({"response":{"data":{"items":[1,2]}}})").records_at, "/response/data/items");
    EXPECT_EQ(read(R"({"data":{"x":1},"items":[]})").records_at, "/items");
    EXPECT_EQ(read(R"({"data":[],"included":[{"a":1}]})").records_at, "/data");
}

TEST(page_reader, finds_the_only_array_of_objects)
{
    EXPECT_EQ(read(R"({"tickets":[{"a":1}],"ids":[1,2],"warnings":[{"b":1}]})").records_at, "/tickets");
    EXPECT_EQ(read(R"({"tickets":[],"next":null})").records_at, "/tickets");
    EXPECT_EQ(read(R"({"_embedded":{"orders":[{"a":1}]},"links":[{"rel":"self"}]})").records_at, "/_embedded/orders");
    for (const char* orders : {R"([{"a":1}])", "[]"}) { // HAL
        const std::string curies = R"({"_links":{"curies":[{"name":"ea"}]},"_embedded":{"ea:order":)";
        EXPECT_EQ(read(curies + orders + "}}").records_at, "/_embedded/ea:order");
    }
}

TEST(page_reader, names_what_may_be_meant)
{
    EXPECT_EQ(failure(R"({"data":[{"a":1}],"items":[{"a":1}]})"),
              "08P01 several arrays may be the records: /data, /items");
    EXPECT_EQ(failure(R"({"orders":[{"a":1}],"people":[{"a":1}]})"),
              "08P01 several arrays may be the records: /orders, /people");
    EXPECT_EQ(failure(R"({"tickets":[],"users":[{"a":1}]})"),
              "08P01 several arrays may be the records: /tickets, /users");
    EXPECT_EQ(read(R"({"tickets":[{"a":1}],"meta":{"filters":[]}})").records_at, "/tickets");
    EXPECT_EQ(failure(R"({"features":["wifi"],"hotels":[{"a":1}]})"),
              "08P01 several arrays may be the records: /features, /hotels");
    EXPECT_EQ(read(R"({"data":[[1],[2]],"columns":[{"name":"a"}]})").records_at, "/data");
    EXPECT_EQ(failure(R"({"errors":[{"message":"no"}],"data":null})"), "08P01 it has no array of records");
    EXPECT_EQ(failure(R"({"error":"no"})"), "08P01 it has no array of records");
    EXPECT_EQ(failure(R"([{"page":1},[{"a":1}]])"), "08P01 the array mixes objects, arrays and plain values");
}

TEST(page_reader, follows_paths)
{
    const char* body = R"([{"page":1,"pages":9},[{"a":1},{"a":2}]])";
    EXPECT_EQ(read(body, "/1").records.size(), 2U);
    EXPECT_EQ(read(body, "$[1][*]").envelope.dump(), R"([{"page":1,"pages":9},2])");
    EXPECT_EQ(read(R"({"a/b":{"~c":[1]}})", "/a~1b/~0c").records.size(), 1U);
    EXPECT_EQ(read(R"({"a b":{"c":[1,[2]]}})", "$['a b'].c").records[1], "[2]");
    EXPECT_EQ(failure(R"({"one":{"a":1}})", "/one"),
              "08P01 it has a value of type object at \"/one\", where the array of the records should be");
    EXPECT_EQ(read(R"({"a":1})", "").records[0], R"({"a":1})");
    EXPECT_EQ(failure(R"({"data":{"x":[]}})", "/data/items"),
              "08P01 it has nothing at \"/data/items\", where the array of the records should be");
    EXPECT_EQ(failure(R"({"data":"none"})", "/data"),
              "08P01 it has a value of type string at \"/data\", where the array of the records should be");
    EXPECT_EQ(failure(R"({"data":null})", "/data"),
              "08P01 it has null at \"/data\", where the array of the records should be");
    EXPECT_TRUE(read(R"({"data":null})", "/data", true).records.empty());
    EXPECT_TRUE(read(R"({"items":null,"total":0})", "auto", true).records.empty());
    for (const char* bad : {"data", "$.", "$.a[*].b", "$.a[", "/a~2", "$x"}) {
        EXPECT_THROW(record_path::parse(bad), etl::error) << bad;
    }
}

TEST(page_reader, takes_a_missing_list_for_an_empty_one_where_told)
{
    const auto records_of = [](const char* body, const char* path) -> std::string {
        page_format format;
        format.records = record_path::parse(path);
        format.records.missing_is_empty = true;
        const std::string kept = body;
        try {
            return std::to_string(read_page(kept, format, etl::never_poll).records.size());
        } catch (const etl::error& e) {
            return e.what();
        }
    };
    EXPECT_EQ(records_of("{}", "/data"), "0");
    EXPECT_EQ(records_of(R"({"page":{"totalPages":0}})", "/_embedded/events"), "0");
    EXPECT_EQ(records_of(R"({"_embedded":null,"errors":[],"error":false})", "/_embedded/events"), "0");
    EXPECT_EQ(records_of(R"({"data":[1]})", "/data"), "1");
    for (const char* bad : {R"({"error":"later"})", R"({"errors":[{"code":1}]})", R"({"fault":{"code":1}})"}) {
        EXPECT_EQ(records_of(bad, "/data").substr(0, 40), "it has nothing at \"/data\", and something") << bad;
    }
    for (const char* bad : {R"({"data":{}})", R"({"data":"x"})", R"({"data":null})"}) {
        EXPECT_NE(records_of(bad, "/data").find("where the array of the records should be"), std::string::npos) << bad;
    }
    EXPECT_NE(records_of(R"({"_embedded":"x"})", "/_embedded/events").find("it has nothing at"), std::string::npos);
}

TEST(page_reader, leaves_records_as_they_are)
{
    const auto page =
        read("{\"data\":[ {\"a\":\"\\u0000\",\"a\":1e400} ,\t{\"b\":123456789012345678901234567890.10} ]}");
    EXPECT_EQ(page.records[0], "{\"a\":\"\\u0000\",\"a\":1e400}");
    EXPECT_EQ(page.records[1], "{\"b\":123456789012345678901234567890.10}");
}

TEST(page_reader, keeps_the_envelope)
{
    const auto page =
        read(R"({"data":[1,2,3],"n":{"cursor":12345678901234567890,"t":1.50,"i":-7,"e":"\u00e9"},"x":[[1]]})");
    EXPECT_EQ(page.envelope.dump(),
              R"({"data":3,"n":{"cursor":"12345678901234567890","t":"1.50","i":-7,"e":"é"},"x":[[1]]})");
    const auto big = read(R"({"data":[{"a":1}],"ids":[)" + std::string(100'000, '1') + "]}");
    EXPECT_EQ(big.envelope["ids"], "an array of 100002 bytes");
}

TEST(page_reader, refuses_what_is_twice_and_read)
{
    const auto page = read(R"({"data":[1],"next":1,"next":2,"m":{"a":1,"a":2}})");
    EXPECT_THROW(page.find(etl::json_path::parse("/next", "x")), etl::error);
    EXPECT_THROW(page.find(etl::json_path::parse("/m/a", "x")), etl::error);
    EXPECT_EQ(page.find(etl::json_path::parse("/q", "x")), nullptr);
    EXPECT_EQ(failure(R"({"data":[1],"data":[2]})", "/data"), "08P01 it has \"/data\" twice");
    EXPECT_EQ(failure(R"({"r":{"data":[1]},"r":{"data":[2]}})", "/r/data"), "08P01 it has \"/r\" twice");
}

TEST(page_reader, refuses_what_is_no_page)
{
    EXPECT_EQ(failure(""), "08P01 it is empty");
    EXPECT_EQ(failure(" <!DOCTYPE html><html>"), "08P01 it is HTML or XML, not JSON");
    EXPECT_EQ(failure("Bad gateway"), "08P01 it is no JSON array or object");
    EXPECT_EQ(failure(R"({"data":[{"a":1},{"a)"),
              "08P01 it ends at byte 21, within the document, where the rest of a string should be");
    EXPECT_EQ(failure("[1,2]]"), "08P01 it has \"]\" at byte 6, where the end of the document should be");
    EXPECT_EQ(failure("[1]\n[2]"), "08P01 it has \"[\" at byte 5, where the end of the document should be");
    EXPECT_EQ(failure("[\"\xC3\x28\"]"), "08P01 it is not UTF-8 at byte 3");
    EXPECT_EQ(failure("[\"\xED\xA0\x80\"]"), "08P01 it is not UTF-8 at byte 3");
    EXPECT_EQ(failure(std::string(300, '[') + std::string(300, ']')),
              "54000 it nests deeper than 256 levels at byte 257");
    EXPECT_EQ(read("\xEF\xBB\xBF[1]").records.size(), 1U);
    for (const char* bad : {"[1,]",    "[01]",     "[1.]",      "[.5]",       "[1e]",          "[+1]",
                            "[-]",     "[tru]",    "[nul",      "[\"\\x\"]",  "[\"\\u12g4\"]", "[\"\t\"]",
                            "{\"a\"}", "{\"a\":}", "{a:1}",     "{\"a\":1,}", "[1 2]",         "{\"a\":1 \"b\":2}",
                            "[NaN]",   "[1}",      "{\"a\":[1}"}) {
        EXPECT_EQ(failure(bad, "$").substr(0, 5), "08P01") << bad;
    }
}

TEST(page_reader, reads_lines)
{
    const auto page = read("{\"a\":1}\n\n{\"a\":2}\r\n[3]", "ndjson");
    EXPECT_EQ(page.records.size(), 3U);
    EXPECT_EQ(page.records_at, "ndjson");
    EXPECT_TRUE(read("", "ndjson").records.empty());
    EXPECT_EQ(failure("{\"a\":1} {\"a\":2}", "ndjson").substr(0, 5), "08P01");
    EXPECT_EQ(failure("{\"a\":1}\n{\"a\":", "ndjson").substr(0, 5), "08P01");
    EXPECT_TRUE(etl::is_type_of_lines("application/X-NDJSON; charset=utf-8"));
    EXPECT_FALSE(etl::is_type_of_lines("application/json"));
}

} // namespace
