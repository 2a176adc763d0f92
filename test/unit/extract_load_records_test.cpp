// Records of loads: headers and mappings, values and NULLs, and what is wrong with a line or with the whole content.
#include "extract/load_records.hpp"

#include "core/error.hpp"
#include "csv_reference.hpp"

#include <gtest/gtest.h>

namespace {

using csv_reference::pieces;
using etl::column_text;
using etl::load_job;

const std::vector<std::string> columns{"id", "name", "Price"};

std::string name_of(std::string_view text)
{
    return std::string{text};
}

// A record a line: columns with their values, or the line of a fault.
std::string read(std::string_view text, const load_job& job = {})
{
    pieces from{text, 5};
    const auto records = etl::make_load_records(from, job, columns, name_of);
    std::string made;
    while (records->next()) {
        if (records->fault() != nullptr) {
            made += '!' + std::to_string(records->fault()->line) + ' ' + records->fault()->column;
        }
        for (std::size_t i = 0; records->fault() == nullptr && i < records->values().size(); ++i) {
            const column_text& value = records->values()[i];
            made +=
                records->mapped().rules()[i].column + '=' + (value.is_given() ? std::string{value.text} : "NULL") + ' ';
        }
        made += '\n';
    }
    return made;
}

std::string refusal(std::string_view text, const load_job& job = {})
{
    try {
        read(text, job);
    } catch (const etl::error& e) {
        return std::string{e.sqlstate()} + ' ' + e.what();
    }
    return "none";
}

TEST(load_records, goes_by_the_header)
{
    EXPECT_EQ(read("name,id\nx,1\n,\"\"\n"), "id=1 name=x \nid= name=NULL \n");
    EXPECT_EQ(read(" ID ,PRICE\n1,2\n"), "id=1 Price=2 \n");
    EXPECT_EQ(read("id\n\n1\n"), "id=NULL \nid=1 \n");
    EXPECT_EQ(read("id,name\n\n1\n1,\"x\n3,4"), "!3 \n!4 name\nid=3 name=4 \n");
    EXPECT_EQ(refusal("id,nome\n"), "42703 the header has columns that cannot be loaded: nome");
    EXPECT_EQ(refusal("id,ID\n"), "42703 the header has columns that cannot be loaded: ID");
    EXPECT_EQ(refusal("Id,ID\n"), "42701 the header has more than one column \"id\"");
    EXPECT_EQ(refusal("id,id\n"), "42701 the header has more than one column \"id\"");
    EXPECT_EQ(refusal(""), "22P04 the content has no header");
}

TEST(load_records, goes_by_a_mapping)
{
    load_job job;
    job.mapping = R"({"id": "key|event_id", "name": {"from": "n", "default": "none"}})";
    EXPECT_EQ(read("event_id,more,n\n1,2,x\n3,4,\n", job), "id=1 name=x \nid=3 name=none \n");
    EXPECT_EQ(read("EVENT_ID,key\n1,2\n1,\n", job), "id=2 name=none \nid=1 name=none \n");
    EXPECT_EQ(refusal("event\n1\n", job), "42703 the header has none of the columns that the mapping names for \"id\"");
    job.mapping = R"({"id": "/a.b"})";
    EXPECT_EQ(read("a.b\n1\n", job), "id=1 \n");
    job.required = {"name"};
    EXPECT_EQ(refusal("a.b\n1\n", job), "42703 required column \"name\" is not in the content");
}

TEST(load_records, does_without_a_header)
{
    load_job job;
    job.header = load_job::header_is::missing;
    EXPECT_EQ(read("1,x,2\n3,y\n4,z,5", job), "id=1 name=x Price=2 \n!2 \nid=4 name=z Price=5 \n");
    EXPECT_EQ(read("", job), "");
    EXPECT_EQ(refusal("1,x\n", job), "22P04 the first line has 2 values, and the table 3 columns");
    job.mapping = R"({"id": "2"})";
    EXPECT_EQ(read("1,x\n2,y\n", job), "id=x \nid=y \n");
    job.header = load_job::header_is::the_columns;
    job.mapping.clear();
    EXPECT_EQ(read("id,name,Price\n1,2,3\n", job), "id=1 name=2 Price=3 \n");
    EXPECT_EQ(refusal("id,Price,name\n", job), "22P04 the header does not match the columns of the table");
}

TEST(load_records, reads_json)
{
    load_job job;
    job.format = load_job::rows_as::ndjson;
    EXPECT_EQ(read("{\"id\": 1, \"other\": 2}\nx\n{\"name\": null}", job),
              "id=1 name=NULL Price=NULL \n!2 \nid=NULL name=NULL Price=NULL \n");
    job.format = load_job::rows_as::json;
    job.records_path = "/a";
    job.mapping = R"({"id": "k.v"})";
    EXPECT_EQ(read("{\"a\": [{\"k\": {\"v\": 1.50}}]}", job), "id=1.50 \n");
    EXPECT_EQ(refusal("{\"b\": []}", job), "22P04 the JSON is wrong in line 1");
}

TEST(load_job, reads_its_arguments)
{
    const load_job job = load_job::parse(R"({"batch": 7, "format": "ndjson", "compression": "zstd", "delimiter": "\t",
        "quote": "", "null": "NA", "header": "match", "on_bad_row": "skip", "max_errors": 3, "required": ["a"]})");
    EXPECT_EQ(job.batch, 7);
    EXPECT_EQ(job.format, load_job::rows_as::ndjson);
    EXPECT_EQ(job.packed, etl::packed_by::zstd);
    EXPECT_EQ(job.dialect.quote, '\0');
    EXPECT_EQ(job.most_bad_rows, 3U);
    for (const char* text : {"{\"format\": \"xls\"}", "{\"delimiter\": \"||\"}", "{\"header\": \"maybe\"}", "[]", "x",
                             "{\"quote\": \",\"}", "{\"max_errors\": -1}", "{\"max_errors\": \"x\"}", "{\"batch\": {}}",
                             "{\"required\": 1}"}) {
        EXPECT_THROW(load_job::parse(text), etl::error) << text;
    }
}

} // namespace
