// The arguments of one expectation, by name and type.
//
// Every accessor checks the JSON type of what it reads and throws etl::error (22023) that names the argument, the
// expectation and the value. A JSON null counts as left out.
#pragma once

#include "validate/suite.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace etl::validate {

class arguments {
  public:
    explicit arguments(const expectation& of) : type_{*of.type}, kwargs_{of.kwargs} {}

    bool has(const char* name) const;

    std::string text(const char* name) const;    // a non-empty string
    std::string pattern(const char* name) const; // a string
    bool flag(const char* name, bool otherwise = false) const;
    double number(const char* name) const; // "Infinity", "-Infinity" and "NaN" are numbers too
    std::optional<double> number_if(const char* name) const;
    std::int64_t count(const char* name) const; // a whole number from 0
    std::optional<std::int64_t> whole_if(const char* name) const;
    std::optional<std::int64_t> count_if(const char* name) const;
    std::optional<std::string> literal(const char* name) const; // text that the column's input function reads
    std::vector<std::string> literals(const char* name) const;  // NULLs left out
    std::vector<std::string> texts(const char* name) const;     // also a single text; empty where it is left out
    const json& value(const char* name) const;                  // as it is

    // A literal inside of a composed argument, as literal() has it.
    std::string literal_of(const char* name, const json& value) const;

    [[noreturn]] void refuse_value(const char* name, const std::string& expected) const;

  private:
    const expectation_type& type_;
    const json& kwargs_;
};

} // namespace etl::validate
