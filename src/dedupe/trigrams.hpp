// The trigrams of a text, as the extension pg_trgm has them: of each word, which is a run of letters and digits in lower
// case with two blanks before and one after, every three characters in a row. "Cat" has "  c", " ca", "cat", "at ".
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Three code points of 21 bits.
using trigram = std::uint64_t;

// Replaces what `to` holds by the text's trigrams, each once, in ascending order. A byte that is no UTF-8 stands between
// words.
void read_trigrams(std::string_view text, std::pmr::vector<trigram>& to);

} // namespace etl::dedupe
