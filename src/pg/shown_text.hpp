// Texts of the core as messages show them in a database whose encoding may lack some of their characters.
#pragma once

#include <string>
#include <string_view>

namespace etl::pg {

// A text in UTF-8 as the server has it, with a question mark for each character that it lacks.
std::string shown_text(std::string_view text);

} // namespace etl::pg
