// Which of the known names a mistyped one may have been meant for.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace etl::validate {

// The number of letters to insert, delete, change or swap with a neighbour that makes one text the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// 'Did you mean "x" or "y"? ' with at most three names, the nearest first; empty where none is near.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> known);

// What a message shows of a text that somebody else wrote: its beginning.
std::string shortened(std::string_view text);

} // namespace etl::validate
