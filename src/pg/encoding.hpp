// Texts of the server as UTF-8, which is what the core reads, and back. ASCII is the same in every encoding of a server.
//
// A database in SQL_ASCII has texts of no known encoding. They are given to the core as they are, which must expect
// bytes that are no UTF-8.
#pragma once

#include "core/text.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include <mb/pg_wchar.h>
}

#include <cstring>
#include <string>
#include <string_view>

namespace etl::pg {

inline bool server_speaks_utf8() noexcept
{
    return GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
}

// A text of the server as UTF-8, in the current memory context where it had to be converted.
inline std::string_view as_utf8(std::string_view text)
{
    if (server_speaks_utf8() || is_ascii(text)) {
        return text;
    }
    return call([text]() -> std::string_view {
        const char* made = pg_server_to_any(text.data(), static_cast<int>(text.size()), PG_UTF8);
        return {made, made == text.data() ? text.size() : strlen(made)};
    });
}

// A text of the core in the server's encoding, in the current memory context where it had to be converted. Raises
// where the encoding lacks a character.
inline std::string_view from_utf8(std::string_view text)
{
    if (server_speaks_utf8() || is_ascii(text)) {
        return text;
    }
    return call([text]() -> std::string_view {
        const char* made = pg_any_to_server(text.data(), static_cast<int>(text.size()), PG_UTF8);
        return {made, made == text.data() ? text.size() : strlen(made)};
    });
}

// A text of the core for people, in the server's encoding, with ? for each character that it lacks: what went wrong must
// be told, whatever the name is of the one it went wrong with.
std::string message_from_utf8(std::string_view text);

// Runs a body of the core, whose errors speak UTF-8, so that they speak as the server does.
template <class Body>
auto with_errors_of_server(Body&& body)
{
    try {
        return body();
    } catch (const error& e) {
        throw error(e.sqlstate(), message_from_utf8(e.what()), message_from_utf8(e.detail()),
                    message_from_utf8(e.hint()));
    }
}

} // namespace etl::pg
