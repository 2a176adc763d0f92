// A text argument as the core wants it: UTF-8, and not longer than what is compared.
#pragma once

#include "dedupe/code_points.hpp"
#include "pg/encoding.hpp"
#include "pg/function.hpp"

extern "C" {
#include <access/detoast.h>
}

namespace etl::dedupe {

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
    return pg::as_utf8(pg::varlena_text(value));
}

} // namespace etl::dedupe
