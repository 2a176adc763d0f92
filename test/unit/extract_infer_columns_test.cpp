// Columns out of samples: types that hold all of them, names, two spellings of a name, and what is flattened.
#include "core/error.hpp"
#include "extract/infer_columns.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using texts = std::vector<std::string>;

etl::inferred_columns infer(const texts& records)
{
    const std::vector<std::string_view> views{records.begin(), records.end()};
    return etl::infer_columns(views, etl::never_poll);
}

// name type path, and "?" where a sample has none.
texts columns(const texts& records)
{
    texts made;
    for (const auto& column : infer(records).columns) {
        made.push_back(column.name + " " + std::string{column.type} + (column.nullable ? "? " : " ") + column.path);
    }
    return made;
}

// The type of a field with these values.
std::string type(const texts& values)
{
    texts records;
    for (const std::string& value : values) {
        records.push_back("{\"a\": " + value + "}");
    }
    return std::string{infer(records).columns.at(0).type};
}

TEST(infer_columns, types)
{
    EXPECT_EQ(type({"1", "-9223372036854775808"}), "bigint");
    EXPECT_EQ(type({"1", "9223372036854775808"}), "numeric");
    EXPECT_EQ(type({"1", "1.5"}), "numeric");
    EXPECT_EQ(type({"1e3"}), "numeric");
    EXPECT_EQ(type({"true", "false", "null"}), "boolean");
    EXPECT_EQ(type({"true", "1"}), "text");
    EXPECT_EQ(type({"null"}), "text");
    EXPECT_EQ(type({"\"007\""}), "text");
    EXPECT_EQ(type({"\"7\"", "7"}), "text");
    EXPECT_EQ(type({"\"2024-02-29\""}), "date");
    EXPECT_EQ(type({"\"2023-02-29\""}), "text");
    EXPECT_EQ(type({"\"2024-02-29T10:00:00Z\"", "\"2024-02-29 10:00:00.123456789+05:30\""}), "timestamptz");
    EXPECT_EQ(type({"\"2024-02-29T10:00:00\""}), "timestamp");
    EXPECT_EQ(type({"\"2024-02-29T10:00:00\"", "\"2024-02-29T10:00:00Z\""}), "text");
    EXPECT_EQ(type({"\"2024-02-29\"", "\"\""}), "text");
    EXPECT_EQ(type({"\"3fa85f64-5717-4562-b3fc-2c963f66afa6\""}), "uuid");
    EXPECT_EQ(type({"\"3fa85f64-5717-4562-b3fc-2c963f66afa\""}), "text");
    EXPECT_EQ(type({"[1]", "[]"}), "jsonb");
    EXPECT_EQ(type({"[1]", "1"}), "jsonb");
    EXPECT_EQ(type({"{}"}), "jsonb");
}

TEST(infer_columns, objects_are_flattened_one_level)
{
    EXPECT_EQ(columns({R"({"id": 1, "seat": {"row": 2, "at": {"x": 1}}})", R"({"seat": null})"}),
              (texts{"id bigint? id", "seat_row bigint? seat.row", "seat_at jsonb? seat.at"}));
    EXPECT_EQ(columns({R"({"seat": {"row": 2}})", R"({"seat": "B"})"}), (texts{"seat jsonb seat"}));
    std::string wide = "{\"map\": {\"k0\": 0";
    for (int i = 1; i <= 20; ++i) {
        wide += ", \"k" + std::to_string(i) + "\": 0";
    }
    EXPECT_EQ(columns({wide + "}}"}), (texts{"map jsonb map"}));
}

TEST(infer_columns, names)
{
    const auto name = [](const texts& keys) { return etl::sql_name(keys); };
    EXPECT_EQ(name({"ctid"}), "_ctid");
    EXPECT_EQ(name({"tableoid"}), "_tableoid");
    EXPECT_EQ(name({"eventId"}), "event_id");
    EXPECT_EQ(name({"userID"}), "user_id");
    EXPECT_EQ(name({"HTTPStatus"}), "http_status");
    EXPECT_EQ(name({"Total Amount (EUR)"}), "total_amount_eur");
    EXPECT_EQ(name({"a-b.c/d"}), "a_b_c_d");
    EXPECT_EQ(name({"_id"}), "id");
    EXPECT_EQ(name({"1st"}), "_1st");
    EXPECT_EQ(name({"$$"}), "field");
    EXPECT_EQ(name({""}), "field");
    EXPECT_EQ(name({"seat", "rowNumber"}), "seat_row_number");
    EXPECT_EQ(name({"\xC3\xA9t\xC3\xA9"}), "\xC3\xA9t\xC3\xA9");
    EXPECT_EQ(name({std::string(62, 'x') + "\xC3\xA9"}), std::string(62, 'x'));
}

TEST(infer_columns, two_spellings_share_a_column)
{
    const texts records{R"({"event_id": 1})", R"({"eventId": 2.5})"};
    EXPECT_EQ(columns(records), (texts{"event_id numeric event_id|eventId"}));
    EXPECT_EQ(infer(records).remarks,
              (texts{"column \"event_id\" takes fields \"event_id|eventId\", which are never in one record"}));
}

TEST(infer_columns, two_fields_of_one_name)
{
    const texts records{R"({"event_id": 1, "eventId": "a"})"};
    EXPECT_EQ(columns(records), (texts{"event_id bigint event_id", "event_id_2 text eventId"}));
    EXPECT_EQ(infer(records).remarks,
              (texts{"fields \"event_id\" and \"eventId\" would both be column \"event_id\"; the "
                     "second one is \"event_id_2\""}));
}

TEST(infer_columns, paths_that_need_a_pointer)
{
    EXPECT_EQ(columns({R"({"a.b": 1, "c/d": {"e~f": 2}, "": 3})"}),
              (texts{"a_b bigint /a.b", "c_d_e_f bigint /c~1d/e~0f", "field bigint /"}));
    EXPECT_EQ(infer({R"({"a|b": 1})"}).remarks.size(), 1U);
}

TEST(infer_columns, examples)
{
    EXPECT_EQ(infer({R"({"a": "x\ny"})", R"({"a": "x\ny"})", R"({"a": "b"})", R"({"a": "c"})", R"({"a": "d"})"})
                  .columns.at(0)
                  .examples,
              (texts{"x\ny", "b", "c"}));
}

TEST(infer_columns, refuses_what_is_no_object)
{
    EXPECT_THROW(infer({}), etl::error);
    EXPECT_THROW(infer({"[1]"}), etl::error);
    EXPECT_THROW(infer({"{"}), etl::error);
}

// An object of fields k1, k2, …, each with this value.
std::string wide_object(int fields, const std::string& value)
{
    std::string made;
    for (int i = 1; i <= fields; ++i) {
        made += (made.empty() ? "{\"k" : ", \"k") + std::to_string(i) + "\": " + value;
    }
    return made + "}";
}

std::string state(const texts& records)
{
    try {
        infer(records);
        return "";
    } catch (const etl::error& e) {
        return std::string{e.sqlstate()} + " " + e.what();
    }
}

TEST(infer_columns, more_fields_than_a_table_has_columns)
{
    const std::string refusal = "54011 the samples have more than 1600 fields";
    EXPECT_EQ(infer({wide_object(1600, "1")}).columns.size(), 1600U);
    EXPECT_EQ(state({wide_object(60000, "1")}), refusal);
    EXPECT_EQ(state({R"({"a": 1})", wide_object(1600, "1")}), refusal);
    EXPECT_EQ(state({wide_object(81, wide_object(20, "1"))}), refusal);
    // The keys of a map are no fields.
    EXPECT_EQ(columns({R"({"a": )" + wide_object(60000, "1") + "}"}), (texts{"a jsonb a"}));
}

TEST(infer_columns, can_be_cancelled)
{
    struct cancelled {};
    const std::vector<std::string_view> records{R"({"a": 1})"};
    EXPECT_THROW(etl::infer_columns(records, [] { throw cancelled{}; }), cancelled);
}

} // namespace
