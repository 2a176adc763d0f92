// One form for all spellings of a text: what is left when case, accents, punctuation and spacing do not count.
//
//   letters      as NFKC_Casefold has them (Unicode Standard Annex 15 and section 3.13): small, wide and narrow forms
//                alike; without accents; a few letters that Unicode does not take apart as plain ones: ø as o, æ as ae
//   digits       of any script as 0 to 9
//   apostrophes  dropped, so that O'Brien and OBrien are the same
//   other punctuation, symbols, white space, bytes that are no UTF-8
//                one blank, none at the ends
//   what is not seen (zero-width and other control characters)
//                dropped
//
// Marks that are no accents stay: without them Thai, the scripts of India and Japanese kana are other words.
#pragma once

#include "core/error.hpp"

#include <memory_resource>
#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Empty where nothing is left. Normalising what it returns changes nothing.
std::pmr::string normalize_text(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll = never_poll);

} // namespace etl::dedupe
