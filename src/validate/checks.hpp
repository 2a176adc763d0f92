// Expectations compiled against the columns of one table: what runs for every row.
#pragma once

#include "validate/field.hpp"
#include "validate/suite.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace etl::validate {

enum class verdict : std::uint8_t {
    as_expected,
    missing,    // NULL, or a pair that ignore_row_if passes over: neither right nor wrong
    unexpected, //
    undecided,  // a question of all rows: the value is to be counted
};

struct column {
    std::string name;
    std::unique_ptr<column_type> type;
};

class check {
  public:
    // Resolves columns by name, reads literals and compiles patterns; throws etl::error where the suite does not fit.
    check(const expectation& what, std::span<const column> columns);

    verdict test(std::span<const field> row) const;

    const expectation& what() const noexcept { return what_; }
    bool needs_value_of(std::size_t column) const noexcept;

    // What stands for the value where it is to be counted.
    fingerprint print(std::span<const field> row) const;

    // The failing value as JSON: a scalar, or an array of both values of a pair.
    std::string json(std::span<const field> row) const;

  private:
    void compile_set();
    void compile_bounds();
    void compile_regex_or_length();
    void compile_pair(std::span<const column> columns);
    int compare(const field& left, const field& right) const;
    bool is_in_set(const field& value) const;
    bool is_between(const field& value) const;
    verdict test_pair(const field& a, const field& b) const;

    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return fingerprint_of(text).low; }
    };

    expectation what_;
    std::size_t column_;
    std::size_t column_b_ = 0;
    column_type* type_;
    column_type* type_b_ = nullptr;
    std::vector<field> set_; // sorted by compare()
    std::unordered_set<std::string, text_hash, std::equal_to<>> text_set_;
    std::optional<field> min_;
    std::optional<field> max_;
    text_predicate matches_;
};

// All checks of a suite over one list of columns.
class checker {
  public:
    checker(const suite& rules, std::vector<column> columns);

    std::span<const check> checks() const noexcept { return checks_; }
    std::span<const column> columns() const noexcept { return columns_; }

    // Whether any check looks at more of a column than whether there is a value.
    bool needs_value(std::size_t column) const;

    // The labels of the row-level expectations that a row breaks.
    std::vector<std::string> broken(std::span<const field> row) const;

  private:
    std::vector<column> columns_;
    std::vector<check> checks_;
};

} // namespace etl::validate
