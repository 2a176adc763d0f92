// What a function tells the user beside its result.
#pragma once

#include <string>

namespace etl::pg {

// A WARNING: the answer stands, and the user should know something about it. Texts as in etl::error.
void warn(const std::string& message, const std::string& detail, const std::string& hint);

// A NOTICE: what was chosen for the user, who has not said it.
void notice(const std::string& message);

// A message at DEBUG1, for who sets client_min_messages or log_min_messages to it.
void debug(const std::string& message, const std::string& detail);

} // namespace etl::pg
