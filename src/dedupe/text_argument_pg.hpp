// A text argument as the core wants it: UTF-8, and not longer than what is compared.
#pragma once

#include "core/text.hpp"
#include "dedupe/code_points.hpp"
#include "pg/function.hpp"

extern "C" {
#include <access/detoast.h>
#include <mb/pg_wchar.h>
}

namespace etl::dedupe {

// A text in another encoding is converted where it is not ASCII. SQL_ASCII knows no characters: its bytes are taken
// for UTF-8 where they are, and each other one for a character.
inline std::string_view in_utf8(std::string_view text)
{
    const int encoding = GetDatabaseEncoding();
    if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || is_ascii(text)) [[likely]] {
        return text;
    }
    return pg_server_to_any(text.data(), static_cast<int>(text.size()), PG_UTF8);
}

// May raise: phase one only. A text that is too long is refused before it is fetched.
inline std::string_view text_argument(pg::arguments args, int i)
{
    const Datum value = args.given(i);
    const auto* stored = reinterpret_cast<const varlena*>(DatumGetPointer(value));
    if (VARATT_IS_EXTERNAL(stored) || VARATT_IS_COMPRESSED(stored)) [[unlikely]] {
        const std::size_t size = toast_raw_datum_size(value) - VARHDRSZ;
        if (size > longest_text) {
            refuse_long_text(size);
        }
    }
    return in_utf8(pg::varlena_text(value));
}

} // namespace etl::dedupe
