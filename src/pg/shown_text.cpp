#include "pg/shown_text.hpp"

#include "core/utf8.hpp"
#include "pg/encoding.hpp"

extern "C" {
#include <catalog/namespace.h>
}

#include <cstring>

namespace etl::pg {
namespace {

// How many bytes of the text were converted, and appended, before a character that the server lacks. May raise.
std::size_t convert_some(Oid conversion, std::string_view text, std::string& made)
{
    const std::size_t before = made.size();
    const std::size_t room = text.size() * MAX_CONVERSION_GROWTH + 1;
    made.resize(before + room);
    auto* to = reinterpret_cast<unsigned char*>(made.data() + before);
    auto* from = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
    const int done = call([=, size = static_cast<int>(text.size())] {
        return pg_do_encoding_conversion_buf(conversion, PG_UTF8, GetDatabaseEncoding(), from, size, to,
                                             static_cast<int>(room), true);
    });
    made.resize(before + std::strlen(made.c_str() + before));
    return static_cast<std::size_t>(done);
}

} // namespace

std::string shown_text(std::string_view text)
{
    if (server_speaks_utf8() || is_ascii(text)) {
        return std::string{text};
    }
    const Oid conversion = call([] { return FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding()); });
    std::string made;
    while (!text.empty()) {
        text.remove_prefix(OidIsValid(conversion) ? convert_some(conversion, text, made) : 0);
        if (!text.empty()) {
            made += '?';
            text.remove_prefix(decode_at(text, 0).size);
        }
    }
    return made;
}

} // namespace etl::pg
