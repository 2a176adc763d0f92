#include "retention/archive_text_pg.hpp"

#include "core/hex.hpp"
#include "pg/memory.hpp"

#include <algorithm>

namespace etl {

Datum read_hexadecimal(std::string_view digits)
{
    const std::size_t size = digits.size() / 2;
    auto* made = static_cast<varlena*>(pg::allocate_in(CurrentMemoryContext, size + VARHDRSZ));
    SET_VARSIZE(made, size + VARHDRSZ);
    char* to = VARDATA(made);
    bool right = digits.size() % 2 == 0;
    for (std::size_t i = 0; right && i < size; ++i) {
        const int high = hex_digit(digits[2 * i]);
        const int low = hex_digit(digits[2 * i + 1]);
        right = high >= 0 && low >= 0;
        to[i] = static_cast<char>(high << 4 | low);
    }
    if (!right) {
        throw error(sqlstate::invalid_text_representation, "a value of type bytea is no pairs of hexadecimal digits");
    }
    return PointerGetDatum(made);
}

char read_character(std::string_view text) noexcept
{
    const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
    if (text.size() == 4 && text[0] == '\\' && std::all_of(text.begin() + 1, text.end(), is_octal)) {
        return static_cast<char>((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
    }
    return text.empty() ? '\0' : text.front();
}

} // namespace etl
