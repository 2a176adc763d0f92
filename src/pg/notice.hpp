// What a function tells the user beside its result.
#pragma once

#include <string>

namespace etl::pg {

// A WARNING: the answer stands, and the user should know something about it. Texts as in etl::error.
void warn(const std::string& message, const std::string& detail, const std::string& hint);

} // namespace etl::pg
