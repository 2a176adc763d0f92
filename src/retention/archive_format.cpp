#include "retention/archive_format.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include "core/cpp_only.hpp"

namespace etl {

archive_format archive_format::parse(std::string_view name)
{
    const std::size_t dot = name.find('.');
    const std::string_view rows = name.substr(0, dot);
    const std::string_view packed = dot == std::string_view::npos ? std::string_view{} : name.substr(dot);
    const bool known = (rows == "ndjson" || rows == "csv") && (packed.empty() || packed == ".gz" || packed == ".zst");
    if (!known) {
        throw error(sqlstate::invalid_parameter_value, "unknown format " + in_quotes(name) + " of an archive file", {},
                    "Write ndjson or csv, with .zst or .gz behind it where the file shall be compressed, as in "
                    "'ndjson.zst'.");
    }
    return {rows == "csv" ? rows_as::csv : rows_as::ndjson, packed.empty()    ? packed_by::nothing
                                                            : packed == ".gz" ? packed_by::gzip
                                                                              : packed_by::zstd};
}

} // namespace etl
