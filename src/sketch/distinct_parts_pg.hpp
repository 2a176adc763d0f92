// What the scan that sets values aside for etl.count_distinct_per_key tells the process that counts them: the words of
// a value, the chunks of keys, and those of values.
#pragma once

#include "sketch/distinct_per_key.hpp"

namespace etl {

// All of it, from its bytes.
void read_scanned(std::span<const std::byte> bytes, parted_values& to);

} // namespace etl
