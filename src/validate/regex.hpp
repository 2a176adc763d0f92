// Regular expressions for validation, with PostgreSQL's meaning at RE2's speed.
//
// PostgreSQL's regex engine spends microseconds a row on counted repeats, RE2 a tenth of one. But the two differ in
// corners: \d and other classes, back references, look-around, embedded options. So a pattern goes to RE2 only when
// it is made of constructs on which both (and Python's re) agree; is_portable() decides that by reading it. All
// others, and all faulty ones, go to PostgreSQL's own engine, which is the reference.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace etl::validate {

// Says whether a text contains a match.
using text_predicate = std::function<bool(std::string_view)>;

// Made of literals, escaped punctuation, ASCII bracket expressions, '.', '^', '$', '|', groups and single quantifiers
// with bounds up to 255 (PostgreSQL's limit).
bool is_portable(std::string_view pattern);

// RE2 for a portable pattern over UTF-8, `fallback` for any other.
text_predicate compile_regex(const std::string& pattern,
                             const std::function<text_predicate(const std::string&)>& fallback);

} // namespace etl::validate
