// Single tokens of JSON: whether they are well-formed, and what the characters of a string are.
#pragma once

#include <string>
#include <string_view>

namespace etl {

// Whether a text is a number as RFC 8259 has it.
bool is_json_number(std::string_view text) noexcept;

// Whether every backslash of what stands between the quotes of a string begins an escape.
bool has_valid_escapes(std::string_view text) noexcept;

// What a text of PostgreSQL cannot hold.
enum class text_fault { none, zero_character, lone_surrogate };

// Replaces the escapes of what stands between the quotes of a well-formed string, at the end of `into`. Where there is
// a fault, `into` ends before it.
text_fault unescape_json(std::string_view text, std::string& into);

// The text as a JSON string, with its quotes, at the end of `into`.
void append_json_string(std::string_view text, std::string& into);

// The same JSON in ASCII: what is beyond it becomes escapes. The text is in UTF-8.
std::string ascii_json(std::string_view text);

} // namespace etl
