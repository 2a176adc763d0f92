// The records of a load, whatever they are written in: of each the values for the columns of the table, or what is
// wrong with it.
#pragma once

#include "core/byte_stream.hpp"
#include "extract/column_text.hpp"
#include "extract/load_job.hpp"
#include "extract/mapping.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

// What is wrong with a record.
struct record_fault {
    std::string what;
    std::string detail;
    std::string sqlstate;
    std::uint64_t line = 0;
    std::string column; // of the content or of the table; empty where it is a matter of the whole record
};

// A name out of the content; throws where it is no text.
using names_fn = std::string (*)(std::string_view text);

class load_records {
  public:
    virtual ~load_records() = default;
    load_records(const load_records&) = delete;
    load_records& operator=(const load_records&) = delete;

    // The next record, which lives until the one after it; false at the end.
    virtual bool next() = 0;

    // Where it begins (lines from 1), and what stands there.
    virtual std::uint64_t line() const noexcept = 0;
    virtual std::string_view text() const noexcept = 0;

    // What is wrong with it as a whole; nullptr where it has values.
    const record_fault* fault() const noexcept { return fault_ ? &*fault_ : nullptr; }

    // The whole record as a JSON object, for rules with expressions; valid as long as it is.
    virtual std::string_view as_json(names_fn names) = 0;

    // By the rules.
    std::span<const column_text> values() const noexcept { return values_; }
    const mapping& mapped() const noexcept { return *mapping_; }

  protected:
    load_records() = default;

    std::optional<mapping> mapping_;
    std::optional<record_mapper> mapper_;
    std::optional<record_fault> fault_;
    std::span<const column_text> values_;
};

// Reads what comes before the first record. The columns are those that a load may fill. Everything is in the encoding
// of the content but the columns and the rules, which are in UTF-8, as names() makes it of a text of the content.
// Throws 22P04 for content that is not what the job says, 42703 for a column that is in the one and not in the other,
// and 42701 for two of one name.
std::unique_ptr<load_records> make_load_records(byte_source& from, const load_job& job,
                                                std::span<const std::string> columns, names_fn names);

} // namespace etl
