// The settings pg_etl.*. SQL reads them by current_setting(); here they get their types and descriptions.
#pragma once

namespace etl::pg {

void define_settings();

} // namespace etl::pg
