// text[] from C++ strings.
#pragma once

#include "pg/function.hpp"

#include <span>
#include <string>
#include <vector>

namespace etl::pg {

// A new array in the current memory context, under any live object.
Datum make_text_array(std::span<const std::string> texts);

// The elements of a text[] or name[]; NULLs as empty strings.
std::vector<std::string> read_text_array(Datum array);

// A text[] from its text. May raise.
Datum parse_text_array(const char* text);

} // namespace etl::pg
