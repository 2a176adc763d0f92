// What a user may give as the end of a comparison: a greatest distance or a least similarity.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Raises 22023 for what is negative.
inline std::uint32_t require_at_most(std::int32_t at_most)
{
    if (at_most < 0) [[unlikely]] {
        throw error(sqlstate::invalid_parameter_value, "at_most must not be negative, not " + std::to_string(at_most),
                    "It is the greatest distance of interest; what is above it is answered as at_most + 1.",
                    "Give 0 or more, or leave it out.");
    }
    return static_cast<std::uint32_t>(at_most);
}

[[noreturn]] void refuse_cutoff(double cutoff);

// Raises 22023 for what is not from 0 to 1, NaN among it.
inline double require_cutoff(double cutoff)
{
    if (!(cutoff >= 0 && cutoff <= 1)) [[unlikely]] {
        refuse_cutoff(cutoff);
    }
    return cutoff;
}

} // namespace etl::dedupe
