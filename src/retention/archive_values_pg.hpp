// The values of a column as texts of an archive file, and back.
//
// A value is written as its type's output function writes it under portable settings, and read back by the input
// function. Exceptions, so that it is read back as the very same value whatever happens meanwhile:
//
//   json, xml           as they are stored: xml's own output leaves parts of a declaration out
//   regclass and kin    by number: names change
//   "char"              \ooo for a byte beyond ASCII, as PostgreSQL writes it from version 16 on
//
// Of types whose texts are not known to be exact, each value is read back at once, before it counts as written.
#pragma once

#include "pg/function.hpp"
#include "retention/archive_parser.hpp"
#include "retention/archive_writer.hpp"
#include "retention/row_image_pg.hpp"

extern "C" {
#include <access/tupdesc.h>
}

namespace etl {

// Whether the values of a type stand as they are in JSON: jsonb, and domains over it.
bool is_raw_in_json(Oid type);

// Writes the values of one column. Trivial; all of it may raise, and leaves what it makes to the current memory
// context.
class column_writer {
  public:
    // In the current memory context, which must outlive it. Refuses what cannot be stored in a table.
    static column_writer of(TupleDesc row, int column);

    void write(archive_writer& to, Datum value);

  private:
    enum class way {
        boolean,
        int2,
        int4,
        int8,
        oid,
        float4,
        float8,
        numeric,
        stored_text,
        bytes,
        json,
        character,
        plain,
        text,
        checked
    };

    static way way_of(Oid type);
    void write_number(archive_writer& to, std::int64_t value) const;
    template <class Float>
    void write_float(archive_writer& to, Float value) const;
    void write_numeric(archive_writer& to, Datum value);
    void write_character(archive_writer& to, char value) const;
    void require_same(Datum value, char* text);

    std::size_t place_;
    way how_;
    FmgrInfo output_;
    // For those that are checked.
    const char* name_;
    Oid type_;
    FmgrInfo input_;
    Oid parameter_;
    std::int32_t modifier_;
    value_image* image_;
};

// Makes values of one column. Trivial; all of it may raise.
class column_reader_of_archive {
  public:
    static column_reader_of_archive of(TupleDesc row, int column);

    // Of a field that is not NULL, in the current memory context. Changes the field.
    Datum read(const archive_field& field);

  private:
    enum class way { boolean, int2, int4, int8, text, bytes, character, other };

    static way way_of(Oid type, std::int32_t modifier);
    bool read_integer(std::string_view text, Datum& to) const;

    way how_;
    FmgrInfo input_;
    Oid parameter_;
    std::int32_t modifier_;
};

} // namespace etl
