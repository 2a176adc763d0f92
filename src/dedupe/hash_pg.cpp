// etl.hash128: one fingerprint of any values.
//
// The arguments are chained: h(0) is a constant, h(i) the XXH3 hash of h(i - 1), whether argument i is NULL, and its
// own fingerprint (sketch/fingerprint_pg.hpp). So their order, their number and where each one ends are part of the
// result, and none of them has to be copied.
#include "pg/interrupts.hpp"
#include "sketch/fingerprint_pg.hpp"

extern "C" {
#include <access/detoast.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <nodes/nodeFuncs.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/uuid.h>
}

#include <bit>
#include <type_traits>

namespace {

using etl::fingerprint;
using etl::printer;
using etl::pg::arguments;

// Never changes: keys are stored.
constexpr std::uint64_t seed = 0x70675f65746c0080; // "pg_etl" and 128

// What a value is before its printer sees it: whole numbers of all sizes are hashed as bigint, and as text char(n), and
// what is a C string: literals without a type, and names.
enum class form : std::uint8_t { value, smallint, integer, padded_text, c_string };

struct argument_hash {
    Oid type;
    form given;
    printer* prints;
};

// What is learned once for a calling expression.
struct argument_hashes {
    int count;
    argument_hash* each;
};
static_assert(std::is_trivial_v<argument_hash> && std::is_trivial_v<argument_hashes>);

form form_of(Oid type)
{
    switch (type) {
    case INT2OID:
        return form::smallint;
    case INT4OID:
        return form::integer;
    case BPCHAROID:
        return form::padded_text;
    case UNKNOWNOID:
    case NAMEOID:
        return form::c_string;
    default:
        return form::value;
    }
}

argument_hash learn(Oid type, Oid collation)
{
    const Oid base = getBaseType(type);
    switch (const form given = form_of(base)) {
    case form::smallint:
    case form::integer:
        return {type, given, etl::make_printer(INT8OID, InvalidOid)};
    case form::padded_text:
        return {type, given, etl::make_printer(TEXTOID, collation)};
    case form::c_string:
        return {type, given, etl::make_printer(TEXTOID, OidIsValid(collation) ? collation : C_COLLATION_OID)};
    default:
        return {type, given, etl::make_printer(base, collation)};
    }
}

// The collation of an argument of its own: two columns may differ in it.
Oid collation_of(arguments args, int i)
{
    const Node* expression = args.raw()->flinfo->fn_expr;
    if (expression != nullptr && IsA(expression, FuncExpr)) {
        const List* given = reinterpret_cast<const FuncExpr*>(expression)->args;
        return i < list_length(given) ? exprCollation(static_cast<const Node*>(list_nth(given, i))) : InvalidOid;
    }
    return args.collation();
}

argument_hashes* learn_all(arguments args)
{
    MemoryContext old = MemoryContextSwitchTo(args.raw()->flinfo->fn_mcxt);
    const auto count = static_cast<std::size_t>(args.count());
    auto* made = static_cast<argument_hashes*>(MemoryContextAlloc(CurrentMemoryContext, sizeof(argument_hashes)));
    made->each = static_cast<argument_hash*>(MemoryContextAlloc(CurrentMemoryContext, count * sizeof(argument_hash)));
    made->count = args.count();
    for (int i = 0; i < args.count(); ++i) {
        made->each[i] = learn(args.type(i), collation_of(args, i));
    }
    MemoryContextSwitchTo(old);
    return made;
}

Datum in_its_form(form given, Datum value)
{
    switch (given) {
    case form::smallint:
        return Int64GetDatum(DatumGetInt16(value));
    case form::integer:
        return Int64GetDatum(DatumGetInt32(value));
    case form::padded_text:
        return DirectFunctionCall1(rtrim1, value);
    case form::c_string:
        return PointerGetDatum(cstring_to_text(DatumGetCString(value)));
    default:
        return value;
    }
}

[[noreturn]] void refuse_type(Oid type)
{
    const bool is_json = type == JSONOID;
    const std::string name = format_type_be(type);
    throw etl::error(etl::sqlstate::undefined_function, "values of type " + name + " cannot be hashed",
                     "The type, or one inside of it, has no hash function: it does not say which values are equal.",
                     std::string{"Cast the value to a type that has one, as in etl.hash128(value::"} +
                         (is_json ? "jsonb" : "text") + ").");
}

fingerprint chained(const fingerprint& before, const argument_hash& of, bool is_null, Datum value)
{
    struct link {
        fingerprint before;
        fingerprint own;
        std::uint64_t is_null;
    };
    static_assert(std::has_unique_object_representations_v<link>);
    link next = {before, {0, 0}, is_null};
    if (!is_null && !etl::print(*of.prints, in_its_form(of.given, value), seed, next.own)) {
        refuse_type(of.type);
    }
    const XXH128_hash_t hash = XXH3_128bits_withSeed(&next, sizeof next, seed);
    return {hash.low64, hash.high64};
}

// The elements of an array that was given as VARIADIC, as if each were an argument.
fingerprint chained_elements(fingerprint before, argument_hashes& hashes, arguments args, ArrayType* array)
{
    const Oid type = ARR_ELEMTYPE(array);
    if (hashes.each->type != type) {
        MemoryContext old = MemoryContextSwitchTo(args.raw()->flinfo->fn_mcxt);
        *hashes.each = learn(type, collation_of(args, 0));
        MemoryContextSwitchTo(old);
    }
    ArrayIterator elements = array_create_iterator(array, 0, nullptr);
    Datum value = 0;
    bool is_null = false;
    while (array_iterate(elements, &value, &is_null)) {
        before = chained(before, *hashes.each, is_null, value);
        etl::pg::check_interrupts();
    }
    array_free_iterator(elements);
    return before;
}

Datum as_uuid(const fingerprint& hash)
{
    auto* made = static_cast<pg_uuid_t*>(MemoryContextAlloc(CurrentMemoryContext, sizeof(pg_uuid_t)));
    XXH128_canonical_t bytes;
    static_assert(sizeof bytes == sizeof made->data);
    XXH128_canonicalFromHash(&bytes, {hash.low, hash.high});
    std::memcpy(made->data, bytes.digest, sizeof made->data);
    return UUIDPGetDatum(made);
}

Datum hash_all(arguments args)
{
    void*& kept = args.raw()->flinfo->fn_extra;
    if (kept == nullptr) {
        kept = learn_all(args);
    }
    auto& hashes = *static_cast<argument_hashes*>(kept);
    fingerprint hash = {seed, 0};
    if (get_fn_expr_variadic(args.raw()->flinfo)) {
        hash = chained_elements(hash, hashes, args, DatumGetArrayTypeP(args.datum(0)));
    } else {
        for (int i = 0; i < hashes.count; ++i) {
            hash = chained(hash, hashes.each[i], args.is_null(i), args.datum(i));
        }
    }
    return as_uuid(hash);
}

bool is_empty_text(Oid type, Datum value)
{
    return (type == TEXTOID || type == VARCHAROID) && toast_raw_datum_size(value) == VARHDRSZ;
}

} // namespace

// All of it is phase one: PostgreSQL may raise anywhere, and only trivial objects are alive.
ETL_FUNCTION(etl_hash128, args)
{
    if (get_fn_expr_variadic(args.raw()->flinfo) && args.is_null(0)) {
        return args.null_result();
    }
    return hash_all(args);
}

ETL_FUNCTION(etl_block_key, args)
{
    for (int i = 0; i < args.count(); ++i) {
        if (is_empty_text(args.type(i), args.given(i))) {
            return args.null_result();
        }
    }
    return hash_all(args);
}
