// The settings pg_etl.*, as the C++ sees them. Defined when the library is loaded.
#pragma once

namespace etl::pg {

struct settings {
    char* as_of = nullptr; // pg_etl.as_of: logical time of a pipeline's step, as text
    bool progress = false; // pg_etl.progress: long procedures say how far they are
};

const settings& current_settings() noexcept;

void define_settings();

} // namespace etl::pg
