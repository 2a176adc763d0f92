// The settings pg_etl.*. SQL reads them by current_setting(); here they get their types and descriptions.
#pragma once

#include <cstddef>

namespace etl::pg {

void define_settings();

std::size_t match_memory_bytes() noexcept;
std::size_t sample_memory_bytes() noexcept;

} // namespace etl::pg
