#include "sketch/value_hash_pg.hpp"

extern "C" {
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
}

#include <string>
#include <type_traits>

namespace etl {

static_assert(std::is_trivial_v<value_hash>);

namespace {

value_form form_of(Oid type)
{
    switch (type) {
    case INT2OID:
        return value_form::smallint;
    case INT4OID:
        return value_form::integer;
    case BPCHAROID:
        return value_form::padded_text;
    case UNKNOWNOID:
    case NAMEOID:
        return value_form::c_string;
    default:
        return value_form::value;
    }
}

printer* learn_printer(value_form given, Oid base, Oid collation)
{
    switch (given) {
    case value_form::smallint:
    case value_form::integer:
        return make_printer(INT8OID, InvalidOid);
    case value_form::padded_text:
        return make_printer(TEXTOID, collation);
    case value_form::c_string:
        return make_printer(TEXTOID, OidIsValid(collation) ? collation : C_COLLATION_OID);
    default:
        return make_printer(base, collation);
    }
}

Datum in_its_form(value_form given, Datum value)
{
    switch (given) {
    case value_form::smallint:
        return Int64GetDatum(DatumGetInt16(value));
    case value_form::integer:
        return Int64GetDatum(DatumGetInt32(value));
    case value_form::padded_text:
        return DirectFunctionCall1(rtrim1, value);
    case value_form::c_string:
        return PointerGetDatum(cstring_to_text(DatumGetCString(value)));
    default:
        return value;
    }
}

[[noreturn]] void refuse_type(Oid type)
{
    const bool is_json = type == JSONOID;
    const std::string name = format_type_be(type);
    throw error(sqlstate::undefined_function, "values of type " + name + " cannot be hashed",
                "The type, or one inside of it, has no hash function: it does not say which values are equal.",
                std::string{"Cast the value to a type that has one, as in value::"} + (is_json ? "jsonb." : "text."));
}

} // namespace

value_hash learn_value_hash(Oid type, Oid collation)
{
    const Oid base = getBaseType(type);
    const value_form given = form_of(base);
    char category = TYPCATEGORY_INVALID;
    bool is_preferred = false;
    get_type_category_preferred(base, &category, &is_preferred);
    const bool is_text = given == value_form::c_string || (category == TYPCATEGORY_STRING && get_typlen(base) == -1);
    return {type, given, is_text, learn_printer(given, base, collation)};
}

fingerprint own_hash(const value_hash& of, Datum value)
{
    fingerprint made = {0, 0};
    if (!print(*of.prints, in_its_form(of.given, value), value_hash_seed, made)) {
        refuse_type(of.type);
    }
    return made;
}

fingerprint chained(const fingerprint& before, const value_hash& of, bool is_null, Datum value)
{
    struct link {
        fingerprint before;
        fingerprint own;
        std::uint64_t is_null;
    };
    static_assert(std::has_unique_object_representations_v<link>);
    const link next = {before, is_null ? fingerprint{0, 0} : own_hash(of, value), is_null};
    const XXH128_hash_t hash = XXH3_128bits_withSeed(&next, sizeof next, value_hash_seed);
    return {hash.low64, hash.high64};
}

} // namespace etl
