#include "extract/json_records.hpp"

#include "core/error.hpp"
#include "core/file_error.hpp"
#include "extract/header_names.hpp"

#include "core/cpp_only.hpp"

namespace etl {

json_records::json_records(byte_source& from, const load_job& job, std::span<const std::string> columns)
{
    if (job.format == load_job::rows_as::ndjson) {
        texts_ = std::make_unique<json_lines>(from);
    } else {
        texts_ = std::make_unique<json_array>(from, job.records_path.empty() ? field_path{}
                                                                             : parse_field_path(job.records_path));
    }
    mapping_ = job.mapping.empty() ? mapping::by_names(columns) : mapping::parse(job.mapping, columns);
    reads_arrays_ = !job.mapping.empty();
    reads_anything_ = mapping_->paths().at(0).slot >= 0;
    require_columns(job.required, mapping_->rules());
    mapper_.emplace(*mapping_);
}

bool json_records::next()
{
    fault_.reset();
    if (!texts_->next()) {
        return false;
    }
    if (texts_->is_too_long()) {
        fault_ = {"the record is longer than " + std::to_string(json_limits{}.record) + " bytes",
                  {},
                  file_sqlstate::bad_file_format,
                  texts_->line(),
                  {}};
        return true;
    }
    const char first = texts_->text().front();
    if (first != '{' && !(first == '[' && reads_arrays_) && !reads_anything_) {
        fault_ = {"the record is no JSON object", {}, sqlstate::invalid_text_representation, texts_->line(), {}};
        return true;
    }
    try {
        values_ = mapper_->map(texts_->text());
    } catch (const error& e) { // of this record
        fault_ = {e.what(), e.detail(), e.sqlstate(), texts_->line(), {}};
    }
    return true;
}

} // namespace etl
