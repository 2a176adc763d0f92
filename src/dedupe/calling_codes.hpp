// How the countries of the world write telephone numbers: calling codes (ITU-T Recommendation E.164, list of assigned
// codes), the prefixes that are dialled before numbers within the country and abroad (ITU-T E.164, list of dialling
// procedures), and how many digits a national number has (the countries' numbering plans).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

struct dialling {
    std::string_view country; // ISO 3166-1 alpha-2
    std::uint16_t code;
    std::string_view abroad; // prefixes, a blank between them; none where they name a carrier
    std::string_view trunk;  // prefix within the country, which is no part of the number
    std::uint8_t fewest;     // digits of a national number
    std::uint8_t usual;      // of most telephones
    std::uint8_t most;
};

// nullptr where there is no such country.
const dialling* dialling_of(std::string_view country) noexcept;

// Of those that share a code the widest bounds. Codes that belong to no country (+800) count, too.
struct code_facts {
    std::uint16_t code;
    std::uint8_t fewest;
    std::uint8_t most;
    bool has_trunk_zero;
};
const code_facts* facts_of_code(std::uint32_t code) noexcept;

} // namespace etl::dedupe
