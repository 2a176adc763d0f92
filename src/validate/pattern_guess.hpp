// A regular expression guessed from the shape of texts.
#pragma once

#include "validate/pattern_shape.hpp"

#include <cstdint>
#include <string>

namespace etl::validate {

// A regular expression, anchored at both ends, that every text of the shape matches; empty where the texts have too
// little in common for one that says anything. `distinct` is how many different texts there were: a character that is
// the same in all of many is taken to be part of the format, in few it may be chance.
//
// What is seen at a place is widened to the class that a format would name ([0-9], [a-f0-9], [A-Z]), so that the
// pattern is true of texts that are still to come, too, as far as such a guess can be.
std::string guess_pattern(const text_shape& shape, std::uint64_t distinct);

} // namespace etl::validate
