// The settings pg_etl.*, as the C++ sees them. Defined when the library is loaded.
#pragma once

namespace etl::pg {

struct settings {
    bool progress = false; // pg_etl.progress: long procedures say how far they are
};

const settings& current_settings() noexcept;

void define_settings();

} // namespace etl::pg
