// text[] from C++ strings.
#pragma once

#include "pg/function.hpp"

#include <span>
#include <string>

namespace etl::pg {

// A new array in the current memory context, under any live object.
Datum make_text_array(std::span<const std::string> texts);

} // namespace etl::pg
