// One record, a JSON text, and the values in it that are wanted: found in one walk, which also proves that the whole
// text is JSON.
//
// Of a key that occurs more than once the last one counts, as in jsonb.
#pragma once

#include "core/error.hpp"
#include "extract/column_text.hpp"
#include "extract/field_paths.hpp"

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace etl {

// Why a text is no record.
class bad_record : public error {
  public:
    using error::error;
};

class record_reader {
  public:
    static constexpr int deepest = 1000; // levels of a record

    // The tree must outlive it.
    explicit record_reader(const path_tree& wanted);
    ~record_reader();
    record_reader(const record_reader&) = delete;
    record_reader& operator=(const record_reader&) = delete;

    // The values by the slots of the tree, valid until the next call. Throws a bad_record: 22P02 for a text that is not
    // JSON, with the place in the detail, and 54000 for one that nests too deeply.
    std::span<const column_text> read(std::string_view record);

  private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

} // namespace etl
