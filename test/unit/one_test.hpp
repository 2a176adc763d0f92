// One row test over two columns of every kind, for the tests of the families.
#pragma once

#include "unit/fake_columns.hpp"

#include "validate/suite.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace etl::test {

// i, j whole numbers, r, q floats, n, m decimals, t, u texts, c text with blanks, l text that overlooks case, d moments,
// b truths, o and p of types with and without an order.
inline constexpr std::string_view column_names = "ijrqnmtucldbop";

inline std::vector<validate::column> all_columns()
{
    constexpr std::array types{"bigint",
                               "bigint",
                               "double precision",
                               "double precision",
                               "numeric",
                               "numeric",
                               "text",
                               "text",
                               "character",
                               "loose",
                               "timestamp without time zone",
                               "boolean",
                               "uuid",
                               "point"};
    std::vector<validate::column> made;
    for (std::size_t i = 0; i < types.size(); ++i) {
        made.push_back(fake_column(std::string{column_names[i]}, types[i]));
    }
    return made;
}

class one_test {
  public:
    one_test(const std::string& type, const std::string& kwargs, std::vector<std::string> more_columns = {})
        : columns_{all_columns()}, suite_{validate::parse_suite(R"({"expectations": [{"type": "expect_)" + type +
                                                                R"(", "kwargs": )" + kwargs + "}]}")}
    {
        for (std::string& name : more_columns) {
            columns_.push_back(fake_column(std::move(name), "boolean"));
        }
        test_ = validate::compile_test(suite_.expectations[0], validate::columns_view{columns_});
    }

    bool exists() const { return test_ != nullptr; }

    // The verdict on a row of these values; all others are NULL.
    validate::verdict of(std::string_view names, const std::vector<const char*>& values)
    {
        std::vector<validate::field> row(columns_.size());
        for (std::size_t n = 0; n < names.size(); ++n) {
            const std::size_t i = column_names.find(names[n]);
            row[i] = values[n] == nullptr ? null_field() : columns_[i].type->literal(values[n], "a test");
        }
        return test_->test(row);
    }

    validate::verdict of_last(const validate::field& value) const
    {
        std::vector<validate::field> row(columns_.size());
        row.back() = value;
        return test_->test(row);
    }

    bool keeps(char name, const char* value)
    {
        return of(std::string_view{&name, 1}, {value}) == validate::verdict::as_expected;
    }

  private:
    std::vector<validate::column> columns_;
    validate::suite suite_;
    std::unique_ptr<validate::row_test> test_;
};

// SQLSTATE and message, or "accepted".
inline std::string refusal(const std::string& type, const std::string& kwargs)
{
    try {
        one_test made{type, kwargs};
    } catch (const error& e) {
        return std::string{e.sqlstate()} + ": " + e.what();
    }
    return "accepted";
}

} // namespace etl::test
