// Which texts dateutil.parser.parse(text), Python's reader of dates in almost any form, accepts with its defaults.
//
// Semantics are those of python-dateutil 2.9 (its documentation, and dateutil/parser/_parser.py): the text is divided
// into words, numbers and signs; every one of them must belong to a date, a time or a time zone, or be one of the
// words between those ("at", "of", "th", …); the numbers left are year, month and day by the rules for ambiguous
// dates; and the result must be a moment that datetime can hold. What the text does not say is today's, so that "31"
// is a date only in a month with 31 days. The local time zone is UTC.
//
// Digits are ASCII's (Python takes those of other scripts as well), and all other characters beyond ASCII but blanks
// count as letters. Time is linear in the text, and memory constant.
#pragma once

#include <chrono>
#include <string_view>

namespace etl::validate {

bool dateutil_parseable_on(std::string_view text, std::chrono::year_month_day today);

// The same on the present day (in UTC).
bool dateutil_parseable(std::string_view text);

} // namespace etl::validate
