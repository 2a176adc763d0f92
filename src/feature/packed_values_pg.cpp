#include "feature/packed_values_pg.hpp"

#include "core/bytes.hpp"

extern "C" {
#include <utils/lsyscache.h>
}

#include <cstring>

namespace etl::feature {
namespace {

bool is_short(const std::byte* varlena) noexcept
{
    return VARATT_IS_1B(varlena);
}

const std::byte* align(const std::byte* at) noexcept
{
    const auto place = reinterpret_cast<std::uintptr_t>(at);
    return at + ((row_alignment - place % row_alignment) % row_alignment);
}

} // namespace

packed_type make_packed_type(Oid type)
{
    packed_type made{type, 0, false};
    get_typlenbyval(type, &made.length, &made.by_value);
    return made;
}

std::span<const std::byte> bytes_of(const packed_type& type, const Datum& value)
{
    if (type.by_value) {
        return std::as_bytes(std::span{&value, 1});
    }
    if (type.length == -1) {
        const auto* packed = PG_DETOAST_DATUM_PACKED(value);
        return {reinterpret_cast<const std::byte*>(packed), VARSIZE_ANY(packed)};
    }
    const char* from = DatumGetPointer(value);
    return std::as_bytes(
        std::span{from, type.length > 0 ? static_cast<std::size_t>(type.length) : std::strlen(from) + 1});
}

void pack(row_bytes& row, const packed_type& type, std::span<const std::byte> value)
{
    const bool is_packed = type.by_value || type.length == -2 || (type.length == -1 && is_short(value.data()));
    if (!is_packed) {
        align_row(row);
    }
    row.insert(row.end(), value.begin(), value.end());
}

Datum unpack(const packed_type& type, const std::byte*& at) noexcept
{
    if (type.by_value) {
        const auto value = load<Datum>(at);
        at += sizeof value;
        return value;
    }
    const bool is_packed = type.length == -2 || (type.length == -1 && *at != std::byte{0});
    const std::byte* from = is_packed ? at : align(at);
    at = from + (type.length > 0     ? static_cast<std::size_t>(type.length)
                 : type.length == -1 ? VARSIZE_ANY(from)
                                     : std::strlen(reinterpret_cast<const char*>(from)) + 1);
    return PointerGetDatum(from);
}

Datum datum_of(const packed_type& type, std::span<const std::byte> bytes) noexcept
{
    return type.by_value ? load<Datum>(bytes.data()) : PointerGetDatum(bytes.data());
}

} // namespace etl::feature
