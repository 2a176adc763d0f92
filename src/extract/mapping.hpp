// What of a record goes into which column of a table: the rules of a mapping document, and their application.
//
// A document is a JSON object, columns to rules. A rule is a text of alternatives ("event_id|eventId|event.id"), or an
// object: from (such a text, or an array of paths), default, format, required, sql. The first alternative that is there
// and not null gives the value.
#pragma once

#include "extract/column_text.hpp"
#include "extract/field_paths.hpp"
#include "extract/json_record.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

struct column_rule {
    std::string column;
    std::vector<std::string> from; // the alternatives as they were written
    std::vector<int> slots;        // their values, in the tree of the mapping
    column_text::kind default_kind = column_text::kind::missing;
    std::string default_json; // as it stands in the document
    std::string format;
    std::string sql;
    bool required = false;

    // What the column gets where no alternative gives a value.
    column_text fallback() const noexcept;
};

class mapping {
  public:
    // Rules in the order of the columns, which are all that there are. Throws 22023 for a document that is no mapping,
    // and 42703 for a column that there is none of.
    static mapping parse(std::string_view document, std::span<const std::string> columns);

    // Each column takes the field of its name.
    static mapping by_names(std::span<const std::string> columns);

    const std::vector<column_rule>& rules() const noexcept { return rules_; }
    const path_tree& paths() const noexcept { return paths_; }

    // Whether an expression may take something out of the record itself.
    bool reads_record() const;

  private:
    mapping() = default;
    void number_slots();

    std::vector<column_rule> rules_;
    path_tree paths_;
};

// A path of a rule as it was written, and the field of the record that it begins with.
struct mapped_path {
    std::string column;
    std::string path;
    std::optional<std::string> field; // none where the path is that of the whole record
};

// All of a document, whatever table it is for. Throws 22023 for a document that is no mapping.
std::vector<mapped_path> paths_of_mapping(std::string_view document);

class record_mapper {
  public:
    // The mapping must outlive it.
    explicit record_mapper(const mapping& rules);

    // The values for the columns, in the order of the rules; valid until the next call. Throws what
    // record_reader::read() throws, and a bad_record where the record holds nothing that is mapped: 2203C where it is
    // no object, 2203A where it is one. A field that is null is there.
    std::span<const column_text> map(std::string_view record);

    // For records that are lists of fields, as the lines of a CSV file: which name each field has.
    void name_fields(std::span<const std::string> names);
    std::span<const column_text> map(std::span<const column_text> fields);

  private:
    std::span<const column_text> choose(std::span<const column_text> found);
    void require_some(std::span<const column_text> found, std::string_view record) const;

    const mapping* rules_;
    bool takes_whole_; // of a record, besides its fields
    record_reader reader_;
    std::vector<int> field_of_slot_; // -1: no field has the name
    std::vector<column_text> by_slot_;
    std::vector<column_text> values_;
};

} // namespace etl
