// Values of PostgreSQL as fields: what runs for every column of every row.
#pragma once

#include "pg/function.hpp"
#include "pg/numeric.hpp"
#include "validate/field.hpp"

namespace etl::validate {

// How to make a field of a Datum: decided once a column, by its base type and by what the checks ask.
enum class reading : std::uint8_t {
    presence,
    boolean,
    int16,
    int32,
    int64,
    float4,
    float8,
    text,
    padded_text,
    numeric,
    other
};

inline field::kind kind_of(reading how)
{
    switch (how) {
    case reading::boolean:
    case reading::int16:
    case reading::int32:
    case reading::int64:
        return field::kind::integer;
    case reading::float4:
    case reading::float8:
        return field::kind::real;
    case reading::text:
    case reading::padded_text:
        return field::kind::text;
    case reading::numeric:
        return field::kind::decimal;
    case reading::presence:
    case reading::other:
        break;
    }
    return field::kind::other;
}

namespace detail {

inline void read_text(field& to, Datum value, bool is_padded)
{
    to.text = pg::varlena_text(value);
    to.padding = 0;
    while (is_padded && to.text.ends_with(' ')) {
        to.text.remove_suffix(1);
        ++to.padding;
    }
}

inline void read_decimal(field& to, Datum value)
{
    const decimal digits = pg::read_numeric(value);
    to.sign = digits.is;
    to.integer = digits.weight;
    to.text = digits.digits;
}

} // namespace detail

// Detoasts; may raise: only trivial locals may be alive. Leaves what the field's kind does not use as it is.
inline void read_field(field& to, reading how, Datum value, bool is_null)
{
    if (is_null) {
        to.is = field::kind::null;
        return;
    }
    to.is = kind_of(how);
    to.raw = value;
    switch (how) {
    case reading::boolean:
        to.integer = DatumGetBool(value) ? 1 : 0;
        break;
    case reading::int16:
        to.integer = DatumGetInt16(value);
        break;
    case reading::int32:
        to.integer = DatumGetInt32(value);
        break;
    case reading::int64:
        to.integer = DatumGetInt64(value);
        break;
    case reading::float4:
        to.real = static_cast<double>(DatumGetFloat4(value));
        break;
    case reading::float8:
        to.real = DatumGetFloat8(value);
        break;
    case reading::text:
    case reading::padded_text:
        detail::read_text(to, value, how == reading::padded_text);
        break;
    case reading::numeric:
        detail::read_decimal(to, value);
        break;
    case reading::presence:
    case reading::other:
        break;
    }
}

} // namespace etl::validate
