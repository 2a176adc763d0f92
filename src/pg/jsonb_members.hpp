// The members of a jsonb object as texts: what parameters and headers are given as.
#pragma once

#include "pg/function.hpp"

#include <string>
#include <utility>
#include <vector>

namespace etl::pg {

// Names with texts in UTF-8, in the order in which jsonb has them. A number is as jsonb prints it, true and false are
// these words, null is left out, and of an array each element stands for itself, under the same name. Throws 22023,
// naming it `what`, for all but an object, and for objects and arrays inside of its members.
std::vector<std::pair<std::string, std::string>> jsonb_members(Datum object, const char* what);

} // namespace etl::pg
