// PostgreSQL's numeric, read where it lies.
//
// The layout belongs to numeric.c, which tells no header of it. But it is the layout of tables on disk, which pg_upgrade
// carries from release to release, and so it does not change: a 16-bit header whose two high bits say which of three
// forms follows (the short one, the long one, or a special value without digits). Reading it spares a copy and a call
// for every value; test/pgtap/validate_oracle.sql compares the result with PostgreSQL's own.
#pragma once

#include "core/bytes.hpp"
#include "core/decimal.hpp"
#include "pg/function.hpp"

namespace etl::pg {

namespace detail {

inline decimal read_short_numeric(std::uint16_t header, std::string_view rest)
{
    constexpr std::uint16_t negative = 0x2000;
    constexpr std::uint16_t weight_sign = 0x0040;
    constexpr std::uint16_t weight_bits = 0x003F;
    const int weight = header & weight_bits;
    return {(header & negative) != 0 ? decimal::sign::negative : decimal::sign::positive,
            (header & weight_sign) != 0 ? weight - weight_sign : weight, rest};
}

inline decimal read_long_numeric(std::uint16_t header, std::string_view rest)
{
    constexpr std::uint16_t negative = 0x4000;
    const auto weight = load<std::int16_t>(reinterpret_cast<const std::byte*>(rest.data()));
    return {(header & negative) != 0 ? decimal::sign::negative : decimal::sign::positive, weight,
            rest.substr(sizeof weight)};
}

inline decimal read_special_numeric(std::uint16_t header)
{
    switch (header & 0xF000) {
    case 0xD000:
        return {decimal::sign::infinity, 0, {}};
    case 0xF000:
        return {decimal::sign::negative_infinity, 0, {}};
    default:
        return {decimal::sign::not_a_number, 0, {}};
    }
}

} // namespace detail

// A numeric's digits; they live as long as the datum, or as the current memory context where it had to be detoasted.
// May raise: phase one only.
inline decimal read_numeric(Datum value)
{
    const std::string_view bytes = varlena_text(value);
    const auto header = load<std::uint16_t>(reinterpret_cast<const std::byte*>(bytes.data()));
    const std::string_view rest = bytes.substr(sizeof header);
    switch (header & 0xC000) {
    case 0x8000:
        return detail::read_short_numeric(header, rest);
    case 0xC000:
        return detail::read_special_numeric(header);
    default:
        return detail::read_long_numeric(header, rest);
    }
}

// How many places a numeric shows after the point; 0 for NaN and infinities. May raise, as read_numeric().
inline int read_numeric_places(Datum value)
{
    const auto header = load<std::uint16_t>(varlena_bytes(value).data());
    switch (header & 0xC000) {
    case 0x8000:
        return header >> 7 & 0x3F;
    case 0xC000:
        return 0;
    default:
        return header & 0x3FFF;
    }
}

namespace detail {

// The header's words, and how many there are.
struct numeric_header {
    std::uint16_t words[2];
    std::size_t count;
};

inline numeric_header write_numeric_header(const decimal& value, int places) noexcept
{
    switch (value.is) {
    case decimal::sign::not_a_number:
        return {{0xC000}, 1};
    case decimal::sign::infinity:
        return {{0xD000}, 1};
    case decimal::sign::negative_infinity:
        return {{0xF000}, 1};
    default:
        break;
    }
    const bool is_negative = value.is == decimal::sign::negative;
    if (places <= 0x3F && value.weight >= -64 && value.weight < 64) {
        const int bits = 0x8000 | (is_negative ? 0x2000 : 0) | places << 7 | (value.weight & 0x7F);
        return {{static_cast<std::uint16_t>(bits)}, 1};
    }
    return {{static_cast<std::uint16_t>((is_negative ? 0x4000 : 0) | places), static_cast<std::uint16_t>(value.weight)},
            2};
}

} // namespace detail

// A numeric of these digits in the current memory context. May raise, and refuses (22003) what is larger than a
// numeric can be. There are no more places than a numeric has (16383).
inline Datum make_numeric(const decimal& value, int places)
{
    if (value.weight != static_cast<std::int16_t>(value.weight)) {
        throw error(sqlstate::numeric_value_out_of_range, "value overflows numeric format");
    }
    const auto header = detail::write_numeric_header(value, places);
    const std::size_t front = header.count * sizeof header.words[0];
    auto* made = static_cast<varlena*>(palloc(VARHDRSZ + front + value.digits.size()));
    SET_VARSIZE(made, VARHDRSZ + front + value.digits.size());
    std::memcpy(VARDATA(made), header.words, front);
    std::copy(value.digits.begin(), value.digits.end(), VARDATA(made) + front);
    return PointerGetDatum(made);
}

} // namespace etl::pg
