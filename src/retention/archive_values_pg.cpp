#include "retention/archive_values_pg.hpp"

#include "core/hex.hpp"
#include "core/text.hpp"
#include "pg/encoding.hpp"
#include "retention/archive_text_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <common/shortest_dec.h>
#include <utils/lsyscache.h>
}

#include <charconv>
#include <cmath>

namespace etl {
namespace {

bool is_number_of_object(Oid type) noexcept
{
    switch (type) {
    case OIDOID:
    case REGCLASSOID:
    case REGTYPEOID:
    case REGPROCOID:
    case REGPROCEDUREOID:
    case REGOPEROID:
    case REGOPERATOROID:
    case REGCONFIGOID:
    case REGDICTIONARYOID:
    case REGNAMESPACEOID:
    case REGROLEOID:
    case REGCOLLATIONOID:
        return true;
    default:
        return false;
    }
}

// Of these every value is read back from its text as it was, and the text needs neither quotes nor escapes.
bool is_plain(Oid type) noexcept
{
    switch (type) {
    case UUIDOID:
    case DATEOID:
    case TIMEOID:
    case TIMETZOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return true;
    default:
        return false;
    }
}

bool is_stored_as_text(Oid type) noexcept
{
    return type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == JSONOID || type == XMLOID;
}

} // namespace

bool is_raw_in_json(Oid type)
{
    return getBaseType(type) == JSONBOID;
}

column_writer::way column_writer::way_of(Oid type)
{
    switch (type) {
    case BOOLOID:
        return way::boolean;
    case INT2OID:
        return way::int2;
    case INT4OID:
        return way::int4;
    case INT8OID:
        return way::int8;
    case FLOAT4OID:
        return way::float4;
    case FLOAT8OID:
        return way::float8;
    case NUMERICOID:
        return way::numeric;
    case BYTEAOID:
        return way::bytes;
    case JSONBOID:
        return way::json;
    case CHAROID:
        return way::character;
    case NAMEOID:
        return way::text;
    default:
        return is_number_of_object(type)           ? way::oid
               : is_plain(type)                    ? way::plain
               : is_stored_as_text(type)           ? way::stored_text
               : get_typtype(type) == TYPTYPE_ENUM ? way::text
                                                   : way::checked;
    }
}

column_writer column_writer::of(TupleDesc row, int column)
{
    const FormData_pg_attribute* attribute = TupleDescAttr(row, column);
    column_writer made = {};
    made.place_ = static_cast<std::size_t>(column);
    made.name_ = pstrdup(NameStr(attribute->attname));
    made.modifier_ = attribute->atttypmod;
    made.type_ = getBaseTypeAndTypmod(attribute->atttypid, &made.modifier_);
    if (get_typtype(made.type_) == TYPTYPE_PSEUDO) {
        const char* type = format_type_be(made.type_);
        throw error(sqlstate::feature_not_supported, "column " + in_quotes(made.name_) + " has the pseudo-type " + type,
                    {}, "Cast it to a type of a table.");
    }
    made.how_ = way_of(made.type_);
    Oid function = InvalidOid;
    bool is_varlena = false;
    getTypeOutputInfo(made.type_, &function, &is_varlena);
    fmgr_info(function, &made.output_);
    if (made.how_ == way::checked) {
        getTypeInputInfo(made.type_, &function, &made.parameter_);
        fmgr_info(function, &made.input_);
        made.image_ = make_value_image(made.type_);
    }
    return made;
}

void column_writer::write(archive_writer& to, Datum value)
{
    switch (how_) {
    case way::boolean:
        return to.boolean(place_, DatumGetBool(value));
    case way::int2:
        return write_number(to, DatumGetInt16(value));
    case way::int4:
        return write_number(to, DatumGetInt32(value));
    case way::int8:
        return write_number(to, DatumGetInt64(value));
    case way::oid:
        return write_number(to, DatumGetObjectId(value));
    case way::float4:
        return write_float(to, DatumGetFloat4(value));
    case way::float8:
        return write_float(to, DatumGetFloat8(value));
    case way::numeric:
        return write_numeric(to, value);
    case way::stored_text:
        return to.text(place_, to_archive_text(pg::varlena_text(value)));
    case way::bytes:
        return to.bytes(place_, pg::varlena_bytes(value));
    case way::json:
        return to.json(place_, to_archive_text(OutputFunctionCall(&output_, value)));
    case way::character:
        return write_character(to, DatumGetChar(value));
    case way::plain:
        return to.plain(place_, OutputFunctionCall(&output_, value));
    case way::text:
        return to.text(place_, to_archive_text(OutputFunctionCall(&output_, value)));
    case way::checked:
        char* const text = OutputFunctionCall(&output_, value);
        require_same(value, text);
        return to.text(place_, to_archive_text(text));
    }
}

void column_writer::write_number(archive_writer& to, std::int64_t value) const
{
    std::array<char, 24> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    to.number(place_, {text.data(), static_cast<std::size_t>(end - text.data())});
}

// As the output functions write it: the shortest digits that give the same number.
template <class Float>
void column_writer::write_float(archive_writer& to, Float value) const
{
    std::array<char, DOUBLE_SHORTEST_DECIMAL_LEN> text;
    int size = 0;
    if constexpr (sizeof(Float) == sizeof(float)) {
        size = float_to_shortest_decimal_bufn(value, text.data());
    } else {
        size = double_to_shortest_decimal_bufn(value, text.data());
    }
    const std::string_view made{text.data(), static_cast<std::size_t>(size)};
    std::isfinite(value) ? to.number(place_, made) : to.plain(place_, made);
}

void column_writer::write_numeric(archive_writer& to, Datum value)
{
    const std::string_view text = OutputFunctionCall(&output_, value);
    const char last = text.back();
    last >= '0' && last <= '9' ? to.number(place_, text) : to.plain(place_, text); // NaN, Infinity
}

void column_writer::write_character(archive_writer& to, char value) const
{
    const auto byte = static_cast<unsigned char>(value);
    if (byte < 0x80) {
        to.text(place_, {&value, byte == 0 ? std::size_t{0} : 1});
    } else {
        const std::array text{'\\', static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + (byte >> 3 & 7)),
                              static_cast<char>('0' + (byte & 7))};
        to.text(place_, {text.data(), text.size()});
    }
}

void column_writer::require_same(Datum value, char* text)
{
    const auto hash = [this](Datum of) {
        row_writer image;
        image.start();
        write_image(image, *image_, of);
        return image.finish();
    };
    if (!(hash(value) == hash(InputFunctionCall(&input_, text, parameter_, modifier_)))) {
        const std::string_view type = format_type_be(type_);
        throw error(sqlstate::feature_not_supported,
                    "a value of column " + in_quotes(name_) + " cannot be archived in a file",
                    "Its type " + std::string{type} + " reads another value from the text " +
                        in_quotes(std::string_view{text}.substr(0, 200)) + ".",
                    "Archive the rows in a table, or change these values to what their text says.");
    }
}

column_reader_of_archive::way column_reader_of_archive::way_of(Oid type, std::int32_t modifier)
{
    switch (type) {
    case BOOLOID:
        return way::boolean;
    case INT2OID:
        return way::int2;
    case INT4OID:
        return way::int4;
    case INT8OID:
        return way::int8;
    case TEXTOID:
        return way::text;
    case VARCHAROID:
    case BPCHAROID:
        return modifier < 0 ? way::text : way::other;
    case BYTEAOID:
        return way::bytes;
    case CHAROID:
        return way::character;
    default:
        return way::other;
    }
}

column_reader_of_archive column_reader_of_archive::of(TupleDesc row, int column)
{
    const FormData_pg_attribute* attribute = TupleDescAttr(row, column);
    column_reader_of_archive made = {};
    made.modifier_ = attribute->atttypmod;
    made.how_ = way_of(attribute->atttypid, made.modifier_);
    Oid function = InvalidOid;
    getTypeInputInfo(attribute->atttypid, &function, &made.parameter_);
    fmgr_info(function, &made.input_);
    return made;
}

bool column_reader_of_archive::read_integer(std::string_view text, Datum& to) const
{
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) {
        return false;
    }
    const auto fits = [value]<class Int>(Int) { return value == static_cast<Int>(value); };
    switch (how_) {
    case way::int2:
        to = Int16GetDatum(static_cast<std::int16_t>(value));
        return fits(std::int16_t{});
    case way::int4:
        to = Int32GetDatum(static_cast<std::int32_t>(value));
        return fits(std::int32_t{});
    default:
        to = Int64GetDatum(value);
        return true;
    }
}

Datum column_reader_of_archive::read(const archive_field& field)
{
    Datum made = Datum{0};
    const std::string_view text = field.view();
    switch (how_) {
    case way::boolean:
        if (text == "t" || text == "true" || text == "f" || text == "false") {
            return BoolGetDatum(text.front() == 't');
        }
        break;
    case way::int2:
    case way::int4:
    case way::int8:
        if (read_integer(text, made)) {
            return made;
        }
        break;
    case way::text:
        return pg::make_text(from_archive_text(text));
    case way::bytes:
        if (text.starts_with("\\x")) {
            return read_hexadecimal(text.substr(2));
        }
        break;
    case way::character:
        return CharGetDatum(read_character(text));
    case way::other:
        break;
    }
    const std::string_view converted = from_archive_text(text); // followed by a zero byte, too
    return InputFunctionCall(&input_, const_cast<char*>(converted.data()), parameter_, modifier_);
}

} // namespace etl
