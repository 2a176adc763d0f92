// The settings pg_etl.*. SQL reads them by current_setting(); here they get their types and descriptions.
#pragma once

#include <cstddef>

namespace etl::pg {

void define_settings();

std::size_t match_memory_bytes() noexcept;
std::size_t graph_memory_bytes() noexcept;
std::size_t sample_memory_bytes() noexcept;

// How many rows one statement may add to the log of a rollup, and whether what it deletes is erased: see
// src/rollup/capture_pg.cpp.
std::size_t rollup_log_rows() noexcept;
bool is_erasing() noexcept;

// Below it are the files of archives; empty where there shall be none.
const char* archive_directory() noexcept;
// Below it are the files that may be loaded; empty where none may.
const char* import_directory() noexcept;
// Which hosts may be asked: see src/extract/address_rules.hpp. The room that reads the list defines what a list is: it
// throws for what is none.
const char* allowed_hosts() noexcept;
void require_host_list(const char* list);
// The rollup that is at work, and what its queries may call, as the text of an array: see src/pg/held_query.hpp.
const char* rollup_uses() noexcept;

} // namespace etl::pg
