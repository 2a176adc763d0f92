// One form for all spellings of a person's name: given names first, without titles before and degrees behind it.
#pragma once

#include "core/error.hpp"

#include <memory_resource>
#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// As normalize_text, and further:
//   "Last, First"       first last; what stands between more commas keeps its order after the first part's move
//   titles before       mr, mrs, dr, prof …, as many as there are, while a word is left
//   suffixes behind     jr, sr, ii, iii, phd, esq …, likewise
// Initials, particles (van, de, al) and nicknames stay as they are. Empty where nothing is left.
std::pmr::string normalize_name(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll = never_poll);

} // namespace etl::dedupe
