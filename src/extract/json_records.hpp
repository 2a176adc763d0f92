// Records of a load that are written as JSON.
#pragma once

#include "extract/json_cutter.hpp"
#include "extract/load_records.hpp"

namespace etl {

class json_records final : public load_records {
  public:
    json_records(byte_source& from, const load_job& job, std::span<const std::string> columns);

    bool next() override;
    std::uint64_t line() const noexcept override { return texts_->line(); }
    std::string_view text() const noexcept override { return texts_->text(); }
    std::string_view as_json(names_fn) override { return texts_->text(); }

  private:
    std::unique_ptr<json_texts> texts_;
    bool reads_arrays_ = false;   // by the places of their elements
    bool reads_anything_ = false; // as a whole
};

} // namespace etl
