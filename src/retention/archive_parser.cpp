#include "retention/archive_parser.hpp"

#include "core/text.hpp"
#include "retention/archive_csv.hpp"
#include "retention/archive_ndjson.hpp"

#include <utility>

#include "core/cpp_only.hpp"

namespace etl {

archive_parser::archive_parser(record_cutter& from, std::vector<archive_column> columns)
    : from_{from}, columns_{std::move(columns)}, fields_(columns_.size())
{
}

bool archive_parser::next()
{
    const auto record = from_.next();
    if (!record) {
        return false;
    }
    fields_.assign(fields_.size(), {nullptr, 0});
    parse(*record);
    for (const archive_field& field : fields_) {
        if (field.data != nullptr) {
            field.data[field.size] = '\0'; // where a quote or what separates values has been
        }
    }
    return true;
}

std::size_t archive_parser::place_of(std::string_view name, std::size_t expected) const
{
    if (expected < columns_.size() && columns_[expected].name == name) {
        return expected;
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (columns_[i].name == name) {
            return i;
        }
    }
    refuse("It has a column " + in_quotes(name) + ", which was not looked for.");
}

std::unique_ptr<archive_parser> make_archive_parser(record_cutter& from, archive_format format,
                                                    std::vector<archive_column> columns)
{
    if (format.rows == archive_format::rows_as::csv) {
        return std::make_unique<csv_parser>(from, std::move(columns));
    }
    return std::make_unique<ndjson_parser>(from, std::move(columns));
}

} // namespace etl
