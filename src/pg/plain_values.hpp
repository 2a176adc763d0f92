// Values of the most frequent types straight from their texts, where there is no doubt what the input function of the
// type would make of them: the very same value. What is in doubt is left to that function, and so is every error.
#pragma once

#include "pg/boundary.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace etl::pg {

// The value in the current memory context, or nullopt where the input function is to be asked. The text is in the
// server's encoding and holds no zero byte.
std::optional<Datum> plain_value(Oid type, std::int32_t modifier, std::string_view text);

} // namespace etl::pg
