#include "sketch/distinct_set_kind_pg.hpp"

#include "pg/calling_expression.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_enum.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

#include <bit>
#include <cmath>
#include <limits>

namespace etl {
namespace {

using form = value_reader::form;

// A type has the same OID everywhere if it came with the server's own catalogs.
std::uint32_t lasting(Oid type)
{
    return type < FirstGenbkiObjectId ? type : InvalidOid;
}

value_reader learn_other(Oid base, Oid collation)
{
    printer* prints = make_printer(base, collation);
    int16 length = 0;
    bool by_value = false;
    get_typlenbyval(base, &length, &by_value);
    const bool is_bits = by_value && are_bytes_printed(*prints);
    return {{lasting(base), static_cast<std::uint8_t>(is_bits ? 8 : 16), false},
            is_bits ? form::bits : form::print,
            length,
            base,
            prints};
}

// Values that are texts, or are made texts first.
value_reader learn_text(form how, Oid type, Oid collation)
{
    printer* prints = make_printer(type, OidIsValid(collation) ? collation : C_COLLATION_OID);
    if (are_bytes_printed(*prints)) {
        return {text_set, how, 0, type, prints};
    }
    const bool is_text = lasting(type) != InvalidOid;
    return {{is_text ? TEXTOID : InvalidOid, 16, is_text}, how, 0, type, prints};
}

value_reader learn_value(Oid type, Oid collation)
{
    const Oid base = getBaseType(type);
    if (get_typtype(base) == TYPTYPE_ENUM) {
        return {{InvalidOid, 16, false}, form::label, 0, base, nullptr};
    }
    switch (base) {
    case FLOAT4OID:
        return {{FLOAT8OID, 8, false}, form::real4, 0, base, nullptr};
    case FLOAT8OID:
        return {{FLOAT8OID, 8, false}, form::real8, 0, base, nullptr};
    case BPCHAROID:
        return learn_text(form::padded_text, TEXTOID, collation);
    case NAMEOID:
        return learn_text(form::name, TEXTOID, collation);
    default:
        return learn_other(base, collation);
    }
}

// The type of an argument before casts that the query does not mention.
Oid written_type(pg::arguments args, int i)
{
    const Node* written = pg::argument_expression(args, i);
    while (written != nullptr && IsA(written, RelabelType) &&
           reinterpret_cast<const RelabelType*>(written)->relabelformat == COERCE_IMPLICIT_CAST) {
        written = reinterpret_cast<const Node*>(reinterpret_cast<const RelabelType*>(written)->arg);
    }
    const Oid type = written == nullptr ? TEXTOID : getBaseType(exprType(written));
    return lasting(type) != InvalidOid ? TEXTOID : type;
}

template <class Learn>
const value_reader& learnt(pg::arguments args, Learn&& learn)
{
    return args.cached<value_reader>([&] {
        MemoryContext old = MemoryContextSwitchTo(args.raw()->flinfo->fn_mcxt);
        const value_reader made = learn();
        MemoryContextSwitchTo(old);
        return made;
    });
}

std::uint64_t real_bits(double value)
{
    const double one_of_equals = value == 0 ? 0 : std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
    return spread(std::bit_cast<std::uint64_t>(one_of_equals));
}

fingerprint label_print(Datum value)
{
    HeapTuple found = SearchSysCache1(ENUMOID, value);
    if (!HeapTupleIsValid(found)) {
        throw error(sqlstate::invalid_binary_representation,
                    "invalid internal value for enum: " + std::to_string(DatumGetObjectId(value)));
    }
    const auto* label = reinterpret_cast<Form_pg_enum>(GETSTRUCT(found));
    const fingerprint made = fingerprint_of(std::string_view{NameStr(label->enumlabel)});
    ReleaseSysCache(found);
    return made;
}

[[noreturn]] void refuse_type(Oid type)
{
    const char* name = format_type_be(type);
    throw error(sqlstate::undefined_function, std::string{"values of type "} + name + " cannot be counted as distinct",
                "The type, or one inside of it, has no hash function: it does not say which values are equal.",
                std::string{"Cast the value to a type that has one, as in etl.count_distinct(x::"} +
                    (type == JSONOID ? "jsonb" : "text") + ").");
}

// A set from elsewhere may name a type that this server does not know.
const char* name_of(const set_kind& kind)
{
    if (kind.type == InvalidOid) {
        return "a type that is not built in";
    }
    if (!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(kind.type))) {
        return "a type that is not known here";
    }
    const char* name = format_type_be(kind.type);
    return kind.by_collation ? psprintf("%s with a nondeterministic collation", name) : name;
}

} // namespace

std::uint64_t value_reader::bits(Datum value) const
{
    switch (how) {
    case form::real4:
        return real_bits(static_cast<double>(DatumGetFloat4(value)));
    case form::real8:
        return real_bits(DatumGetFloat8(value));
    default:
        return spread(size < 8 ? value & ((std::uint64_t{1} << (size * 8)) - 1) : value);
    }
}

fingerprint value_reader::print(Datum value) const
{
    switch (how) {
    case form::label:
        return label_print(value);
    case form::padded_text:
        value = DirectFunctionCall1(rtrim1, value);
        break;
    case form::name:
        value = PointerGetDatum(cstring_to_text(NameStr(*DatumGetName(value))));
        break;
    default:
        break;
    }
    fingerprint made;
    if (!etl::print(*prints, value, detail::fingerprint_seed, made)) {
        refuse_type(type);
    }
    return made;
}

const value_reader& reader_of_value(pg::arguments args, int i)
{
    return learnt(args, [=] {
        const Oid type = args.type(i);
        if (!OidIsValid(type)) {
            throw error(sqlstate::undefined_function, "the type of the value is not known",
                        "The function was called by its address, without an expression that tells its types.");
        }
        return learn_value(type, pg::argument_collation(args, i));
    });
}

const value_reader& reader_of_text(pg::arguments args, int i)
{
    return learnt(args, [=] { return learn_text(form::print, written_type(args, i), args.collation()); });
}

// The binary form that numeric's send function gives: number of digits, weight, sign and display scale in two bytes
// each, then the digits, without zeros at either end. Only the scale tells 1.0 from 1.00, so it is blanked out.
fingerprint numeric_entry(Datum value)
{
    constexpr std::size_t scale_at = 6;
    auto* form = DatumGetByteaPP(DirectFunctionCall1(numeric_send, value));
    auto* bytes = reinterpret_cast<std::byte*>(VARDATA_ANY(form));
    std::memset(bytes + scale_at, 0, sizeof(std::uint16_t));
    return fingerprint_of(std::span<const std::byte>{bytes, VARSIZE_ANY_EXHDR(form)});
}

fingerprint uuid_entry(Datum value)
{
    return fingerprint_of_uuid(reinterpret_cast<const std::byte*>(DatumGetPointer(value)));
}

void require_same_kind(const set_kind& one, const set_kind& other)
{
    if (one != other) {
        const char* left = name_of(one);
        const char* right = name_of(other);
        throw error(sqlstate::datatype_mismatch,
                    std::string{"sets of "} + left + " and of " + right + " have nothing in common",
                    "A set keeps its values by the rules of their type; those of another type would never match.",
                    "Make both sets from values of one type, as in etl.distinct_set(x::text).");
    }
}

void require_kind_of_set(const set_kind& set, const set_kind& value)
{
    if (set != value) {
        const char* own = name_of(set);
        const char* given = name_of(value);
        throw error(sqlstate::datatype_mismatch, std::string{"a set of "} + own + " is asked for a value of " + given,
                    "A set keeps its values by the rules of their type; one of another type would never match.",
                    "Cast the value to the type of the set, or name the collation that the set was made with.");
    }
}

} // namespace etl
