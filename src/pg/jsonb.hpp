// jsonb from and to the text of a JSON document.
#pragma once

#include "pg/encoding.hpp"
#include "pg/function.hpp"

extern "C" {
#include <utils/jsonb.h>
}

#include <string>
#include <string_view>

namespace etl::pg {

// The text of a jsonb value, in the current memory context. May raise: phase one only.
inline std::string_view jsonb_text(Datum value)
{
    Jsonb* document = DatumGetJsonbP(value);
    return JsonbToCString(nullptr, &document->root, VARSIZE(document));
}

// A jsonb value in the current memory context, under any live object. The text is in UTF-8.
inline Datum make_jsonb(const std::string& text)
{
    const std::string of_server{from_utf8(text)};
    return call([from = of_server.c_str()] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(from)); });
}

} // namespace etl::pg
