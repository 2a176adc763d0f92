#include "extract/csv_records.hpp"

#include "core/error.hpp"
#include "core/file_error.hpp"
#include "core/json.hpp"
#include "core/text.hpp"
#include "extract/header_names.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

std::string count_of(std::size_t count, const char* what)
{
    return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

} // namespace

csv_records::csv_records(byte_source& from, const load_job& job, std::span<const std::string> columns, names_fn names)
    : reader_{from, job.dialect}, job_{job}
{
    first_ = next_line();
    if (job.header == load_job::header_is::missing) {
        has_first_ = true;
        count_columns(columns);
    } else {
        take_header(columns, names);
    }
    choose_mapping(columns);
}

// A line without anything in it is none, unless that is what a line with one value looks like that is NULL.
csv_reader::outcome csv_records::next_line()
{
    for (;;) {
        const csv_reader::outcome found = reader_.next();
        if (found != csv_reader::outcome::record || !reader_.text().empty() || names_.size() == 1) {
            return found;
        }
    }
}

void csv_records::take_header(std::span<const std::string> columns, names_fn names)
{
    if (first_ != csv_reader::outcome::record) {
        throw error(file_sqlstate::bad_file_format, "the content has no header",
                    first_ == csv_reader::outcome::end ? "It is empty."
                                                       : "Of its first line " + reader_.what().what + '.',
                    "Say header => 'false' where the first line is a row.");
    }
    for (const csv_value& value : reader_.values()) {
        names_.push_back(names(value.text));
    }
    if (job_.header == load_job::header_is::the_columns && !std::ranges::equal(names_, columns)) {
        throw error(file_sqlstate::bad_file_format, "the header does not match the columns of the table",
                    "It is " + joined(names_) + ", and the columns are " + joined(columns) + '.',
                    "Say header => 'true' to go by the names alone.");
    }
}

// Without a header values go by their number: into the columns in their order, or as the mapping says.
void csv_records::count_columns(std::span<const std::string> columns)
{
    if (job_.mapping.empty()) {
        names_.assign(columns.begin(), columns.end());
    }
    if (first_ != csv_reader::outcome::record) {
        return;
    }
    const std::size_t count = reader_.values().size();
    if (!job_.mapping.empty()) {
        for (std::size_t i = 1; i <= count; ++i) {
            names_.push_back(std::to_string(i));
        }
    } else if (count != columns.size()) {
        throw error(file_sqlstate::bad_file_format,
                    "the first line has " + count_of(count, "value") + ", and the table " +
                        count_of(columns.size(), "column"),
                    "The columns are " + joined(columns) + '.',
                    "Say which value goes where, as in mapping => '{\"id\": \"1\", \"name\": \"3\"}'.");
    }
}

void csv_records::choose_mapping(std::span<const std::string> columns)
{
    if (job_.mapping.empty()) {
        names_ = names_by_columns(std::move(names_), columns);
        std::vector<std::string> present;
        std::ranges::copy_if(columns, std::back_inserter(present), [this](const std::string& each) {
            return std::ranges::find(names_, each) != names_.end();
        });
        mapping_ = mapping::by_names(present);
    } else {
        mapping_ = mapping::parse(job_.mapping, columns);
        names_ = names_by_rules(std::move(names_), mapping_->rules());
    }
    require_columns(job_.required, mapping_->rules());
    mapper_.emplace(*mapping_);
    mapper_->name_fields(names_);
    fields_.resize(names_.size());
}

bool csv_records::next()
{
    const csv_reader::outcome found = has_first_ ? first_ : next_line();
    has_first_ = false;
    fault_.reset();
    if (found == csv_reader::outcome::end) {
        return false;
    }
    if (found == csv_reader::outcome::fault) {
        const csv_reader::fault& what = reader_.what();
        fault_ = {what.what,
                  {},
                  file_sqlstate::bad_file_format,
                  what.line,
                  what.value > 0 && what.value <= names_.size() ? names_[what.value - 1] : std::string{}};
    } else if (reader_.values().size() != names_.size()) {
        fault_ = {"the line has " + count_of(reader_.values().size(), "value") + ", and " +
                      count_of(names_.size(), "column") + " were expected",
                  {},
                  file_sqlstate::bad_file_format,
                  reader_.line(),
                  {}};
    } else {
        take_values();
    }
    return true;
}

std::string_view csv_records::as_json(names_fn names)
{
    json object = json::object();
    for (std::size_t i = 0; i < fields_.size(); ++i) {
        object[names_[i]] = fields_[i].is_given() ? json(names(fields_[i].text)) : json{};
    }
    json_ = object.dump();
    return json_;
}

void csv_records::take_values()
{
    const std::vector<csv_value>& values = reader_.values();
    for (std::size_t i = 0; i < values.size(); ++i) {
        const bool is_null = !values[i].is_quoted && values[i].text == job_.null_text;
        fields_[i] = {is_null ? column_text::kind::null : column_text::kind::plain, false, values[i].text};
    }
    values_ = mapper_->map(fields_);
}

} // namespace etl
