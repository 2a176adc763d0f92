// Texts of the database as an archive file holds them, and back: in UTF-8, or as they are in a database in SQL_ASCII,
// which does not know what its bytes mean.
#pragma once

#include "pg/encoding.hpp"
#include "pg/function.hpp"

#include <string_view>

namespace etl {

// All of it may raise, and what must be made new lies in the current memory context. A text that is not valid in the
// encoding of the database is refused (22021): it could not be read back.
inline std::string_view to_archive_text(std::string_view text)
{
    if (is_ascii(text) || GetDatabaseEncoding() == PG_SQL_ASCII) {
        return text;
    }
    if (GetDatabaseEncoding() == PG_UTF8) {
        pg_verify_mbstr(PG_UTF8, text.data(), static_cast<int>(text.size()), false);
        return text;
    }
    const char* made = pg_server_to_any(text.data(), static_cast<int>(text.size()), PG_UTF8);
    return {made, made == text.data() ? text.size() : strlen(made)};
}

// Followed by a zero byte where the text is.
inline std::string_view from_archive_text(std::string_view text)
{
    if (is_ascii(text) || GetDatabaseEncoding() == PG_SQL_ASCII) {
        return text;
    }
    const char* made = pg_any_to_server(text.data(), static_cast<int>(text.size()), PG_UTF8); // checks it, too
    return {made, made == text.data() ? text.size() : strlen(made)};
}

// The bytes of a bytea from the digits that come after \x. Refuses (22P02) what is none.
Datum read_hexadecimal(std::string_view digits);

// The byte of a "char".
char read_character(std::string_view text) noexcept;

} // namespace etl
