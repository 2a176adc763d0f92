// The order of steps: how far each stands from those that need nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace etl::pipeline {

constexpr std::int32_t no_level = -1;

// For each step its level: 0 where it needs nothing, else one more than the highest level of what it needs. no_level
// where there is none: the step needs itself by way of others, needs one that does, or one that is not there.
// steps[i] needs needed[i]; both are names.
std::vector<std::int32_t> levels_of(std::span<const std::string> names, std::span<const std::string> steps,
                                    std::span<const std::string> needed);

} // namespace etl::pipeline
