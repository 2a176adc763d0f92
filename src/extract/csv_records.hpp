// The lines of a CSV file as records of a load.
#pragma once

#include "extract/csv_reader.hpp"
#include "extract/load_records.hpp"

namespace etl {

class csv_records final : public load_records {
  public:
    csv_records(byte_source& from, const load_job& job, std::span<const std::string> columns, names_fn names);

    bool next() override;
    std::uint64_t line() const noexcept override { return reader_.line(); }
    std::string_view text() const noexcept override { return reader_.text(); }
    std::string_view as_json(names_fn names) override;

  private:
    csv_reader::outcome next_line();
    void take_header(std::span<const std::string> columns, names_fn names);
    void count_columns(std::span<const std::string> columns);
    void choose_mapping(std::span<const std::string> columns);
    void take_values();

    csv_reader reader_;
    const load_job& job_;
    std::vector<std::string> names_; // of the values of a line
    bool has_first_ = false;         // the line that was looked at is a record
    csv_reader::outcome first_ = csv_reader::outcome::end;
    std::vector<column_text> fields_;
    std::string json_;
};

} // namespace etl
