// Which names of a header mean which columns.
//
// A name is what is asked for when it is the same, or the only one that is the same but for letters' case and blanks
// around it.
#pragma once

#include "extract/mapping.hpp"

#include <span>
#include <string>
#include <vector>

namespace etl {

// The header with the names of columns in place of those that mean them. Throws 42703 for one that means none, and
// 42701 where two mean the same.
std::vector<std::string> names_by_columns(std::vector<std::string> header, std::span<const std::string> columns);

// The same by the paths of rules. Other names are left as they are. Throws 42703 where a rule finds none of its
// alternatives and has nothing in place of them, and 42701 where two names mean the same.
std::vector<std::string> names_by_rules(std::vector<std::string> header, const std::vector<column_rule>& rules);

// Throws 42703 for a required column that no rule fills.
void require_columns(std::span<const std::string> required, const std::vector<column_rule>& rules);

} // namespace etl
