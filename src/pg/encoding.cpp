#include "core/utf8.hpp"

#include "pg/encoding.hpp"

extern "C" {
#include <catalog/namespace.h>
}

namespace etl::pg {
namespace {

constexpr std::string_view ellipsis = "…";
constexpr int longest_expansion = 4; // bytes of one character, in any encoding of a server

// As much of a text as the server's encoding has characters for goes to `to`. Returns how many bytes that is.
std::size_t convert(Oid conversion, std::string_view text, std::string& to)
{
    to.resize(text.size() * longest_expansion + 1);
    const auto size = static_cast<int>(text.size());
    const int done = call([conversion, text, size, dest = to.data(), room = static_cast<int>(to.size())] {
        auto* source = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
        auto* target = reinterpret_cast<unsigned char*>(dest);
        return pg_do_encoding_conversion_buf(conversion, PG_UTF8, GetDatabaseEncoding(), source, size, target, room,
                                             true);
    });
    to.resize(std::strlen(to.c_str()));
    return static_cast<std::size_t>(done);
}

} // namespace

std::string message_from_utf8(std::string_view text)
{
    if (server_speaks_utf8() || is_ascii(text)) {
        return std::string{text};
    }
    const Oid conversion = call([] { return FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding()); });
    std::string made;
    std::string piece;
    while (!text.empty()) {
        if (OidIsValid(conversion)) {
            text.remove_prefix(convert(conversion, text, piece));
            made += piece;
        }
        if (text.starts_with(ellipsis)) {
            made += "...";
            text.remove_prefix(ellipsis.size());
        } else if (!text.empty()) {
            const auto character = decode_at(text, 0);
            made += character.value < 0x80 ? static_cast<char>(character.value) : '?';
            text.remove_prefix(character.size);
        }
    }
    return made;
}

} // namespace etl::pg
