// Values of any type side by side in a row of bytes, and back: what a row carries along to be handed out again.
//
// Values passed by value take eight bytes. Others are aligned to eight bytes, but for texts with a header of one byte,
// which is never zero and so tells itself from the padding.
#pragma once

#include "feature/row_parts.hpp"
#include "pg/function.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

using row_bytes = std::pmr::vector<std::byte>; // begins at a multiple of eight

struct packed_type {
    Oid type;
    std::int16_t length;
    bool by_value;
};

// May raise.
packed_type make_packed_type(Oid type);

inline void align_row(row_bytes& row)
{
    row.resize((row.size() + row_alignment - 1) / row_alignment * row_alignment);
}

// Where the bytes of a value lie; as long as the value, or the current memory context where it had to be detoasted. The
// span of a value that is passed by value is that of `value` itself. May raise.
std::span<const std::byte> bytes_of(const packed_type& type, const Datum& value);

// Appends a value that bytes_of() has found.
void pack(row_bytes& row, const packed_type& type, std::span<const std::byte> value);

// The value at a place, which moves on to its end.
Datum unpack(const packed_type& type, const std::byte*& at) noexcept;

// The value that bytes_of() has found, from a copy of the bytes.
Datum datum_of(const packed_type& type, std::span<const std::byte> bytes) noexcept;

} // namespace etl::feature
