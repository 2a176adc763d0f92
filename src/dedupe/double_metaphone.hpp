// The two Double Metaphone codes of a name: L. Philips, "The double metaphone search algorithm", C/C++ Users Journal,
// June 2000. The second one is how the name sounds where its spelling is read in another language; where there is no
// other reading the codes are equal. The original codes have up to 4 letters. An empty text, or one without a letter
// from A to Z, has two empty codes.
#pragma once

#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

struct double_code {
    std::string primary;
    std::string alternate;
};

double_code double_metaphone(std::string_view name, int max_length = 4);

} // namespace etl::dedupe
