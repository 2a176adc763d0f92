// A schedule in words, and what those who wrote it may not have meant.
#pragma once

#include "core/cron.hpp"

#include <string>
#include <vector>

namespace etl::clock {

// As in "at 02:00, on Monday to Friday, in January".
std::string words_of(const cron& fields);

// Full sentences, each about one of the classic mistakes: a step that does not fit its field (every fourteenth day of
// a month is not every two weeks), * where a number was meant, days that some months have not, and days of month and
// of week of which either is enough.
std::vector<std::string> warnings_of(const cron& fields);

} // namespace etl::clock
