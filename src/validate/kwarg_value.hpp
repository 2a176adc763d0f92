// Whether the value of an argument is of the kind that the catalogue asks for.
#pragma once

#include "core/json.hpp"
#include "validate/catalogue.hpp"

namespace etl::validate {

// {"$PARAMETER": "…"}, whose value is known later.
bool is_parameter(const json& value);

// Whether it is one, or has one at any depth.
bool has_parameter(const json& value);

// Throws etl::error (22023) that names the argument, the type and the value. What has a parameter passes: it is
// checked when the parameter has its value. A null passes too.
void check_value(const expectation_type& of, const kwarg& what, const json& value);

// What the value of an argument may be, in words: "a number from 0 to 1".
std::string kind_in_words(const kwarg& what);

// "argument "x" of expect_… must be …", with the value as the detail.
[[noreturn]] void refuse_value(const expectation_type& of, const char* name, const std::string& expected,
                               const json& value);

} // namespace etl::validate
