// One form for all spellings of a postal address, as normalize_text leaves it and with its words abbreviated.
#pragma once

#include "core/error.hpp"

#include <memory_resource>
#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

//   street types, units, directions   by address_words.hpp; "N. E." as "ne"
//   hauptstrasse, hauptstr            haupt st, likewise …platz
//   first, twenty-first               1st, 21st
//   no. 5, # 5                        5
//   12a, 12-A                         12 a; a range of numbers is its two ends: 12-14 and 12 – 14 are 12 14
//   P.O. Box, post office box         pobox
//
// Order and what is missing stay: an address with a postcode is another text than one without. Empty where nothing is
// left.
std::pmr::string normalize_address(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll = never_poll);

} // namespace etl::dedupe
