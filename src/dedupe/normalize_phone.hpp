// One form for all spellings of a telephone number: "+", the calling code and the national number, in digits (ITU-T
// E.164), from what people write by ITU-T E.123 and otherwise.
#pragma once

#include "dedupe/calling_codes.hpp"

#include <memory_resource>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// The country that numbers without a calling code belong to; nullptr for "ZZ", where it is not known. Raises (22023)
// for what is no country.
const dialling* home_country(std::string_view name);

// Empty where the text is no number, or one that needs a country.
std::pmr::string normalize_phone(std::string_view text, const dialling* home, std::pmr::memory_resource* memory);

} // namespace etl::dedupe
