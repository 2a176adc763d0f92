// Values for one column of a table, out of what records and files hold.
#pragma once

#include "extract/mapping.hpp"
#include "extract/value_formats.hpp"
#include "pg/json_input.hpp"
#include "pg/moment_pattern.hpp"

#include <optional>
#include <string>

extern "C" {
#include <catalog/pg_attribute.h>
}

namespace etl {

class column_input {
  public:
    // Throws 22023 where the format of the rule is none for the column's type. Lives in the current memory context.
    column_input(const FormData_pg_attribute& column, const column_rule& rule);

    // The value in the current memory context, or why there is none. What is missing or null is NULL, whether the type
    // takes that or not.
    std::optional<pg::value_fault> read(const column_text& given, pg::soft_batch& batch, NullableDatum& value);

    // Whether the type takes NULL: a domain may not.
    std::optional<pg::value_fault> read_null(pg::soft_batch& batch);

  private:
    std::optional<pg::value_fault> unescape(std::string_view& text);
    std::optional<pg::value_fault> of_server(std::string_view& text, pg::soft_batch& batch);
    std::optional<pg::value_fault> read_text(std::string_view text, pg::soft_batch& batch, NullableDatum& value);
    std::optional<pg::value_fault> read_json(std::string_view text, pg::soft_batch& batch, NullableDatum& value);
    std::optional<pg::value_fault> read_formatted(const column_text& given, std::string_view text,
                                                  pg::soft_batch& batch, NullableDatum& value);
    std::optional<pg::value_fault> read_pattern(std::string_view text, pg::soft_batch& batch, NullableDatum& value);
    void choose_format(const std::string& format);

    pg::value_input input_;
    std::optional<pg::json_input> json_input_; // of arrays and composite types
    Oid base_type_;
    value_format format_ = value_format::none;
    std::optional<pg::moment_pattern> pattern_;
    bool is_domain_;
    bool holds_days_;
    std::string unescaped_;
    std::string written_;
};

} // namespace etl
