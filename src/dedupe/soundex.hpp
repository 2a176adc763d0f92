// The Soundex code of a name, as the National Archives of the United States give it for the census: the first letter
// and three digits (R. C. Russell, patent 1,261,167, 1918; "The Soundex Indexing System", National Archives). Letters
// of one digit that meet, or that only H or W stand between, count once; a vowel between them makes them two. An empty
// text, or one without a letter from A to Z, has the empty code.
#pragma once

#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

std::string soundex(std::string_view name);

} // namespace etl::dedupe
