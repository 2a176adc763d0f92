// etl.hash128: one fingerprint of any values.
//
// The arguments are chained: h(0) is a constant, h(i) the XXH3 hash of h(i - 1), whether argument i is NULL, and its
// own fingerprint (sketch/fingerprint_pg.hpp). So their order, their number and where each one ends are part of the
// result, and none of them has to be copied.
#include "pg/calling_expression.hpp"
#include "pg/interrupts.hpp"
#include "sketch/fingerprint_pg.hpp"

extern "C" {
#include <access/detoast.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
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
constexpr fingerprint start = {seed, 0};

// What a value is before its printer sees it: whole numbers of all sizes are hashed as bigint, and as text char(n), and
// what is a C string: literals without a type, and names.
enum class form : std::uint8_t { value, smallint, integer, padded_text, c_string };

struct argument_hash {
    Oid type;
    form given;
    bool is_text; // of any type of texts, citext and its kin too
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

printer* learn_printer(form given, Oid base, Oid collation)
{
    switch (given) {
    case form::smallint:
    case form::integer:
        return etl::make_printer(INT8OID, InvalidOid);
    case form::padded_text:
        return etl::make_printer(TEXTOID, collation);
    case form::c_string:
        return etl::make_printer(TEXTOID, OidIsValid(collation) ? collation : C_COLLATION_OID);
    default:
        return etl::make_printer(base, collation);
    }
}

argument_hash learn(Oid type, Oid collation)
{
    const Oid base = getBaseType(type);
    const form given = form_of(base);
    char category = TYPCATEGORY_INVALID;
    bool is_preferred = false;
    get_type_category_preferred(base, &category, &is_preferred);
    const bool is_text = given == form::c_string || (category == TYPCATEGORY_STRING && get_typlen(base) == -1);
    return {type, given, is_text, learn_printer(given, base, collation)};
}

argument_hashes* learn_all(arguments args)
{
    MemoryContext old = MemoryContextSwitchTo(args.raw()->flinfo->fn_mcxt);
    const auto count = static_cast<std::size_t>(args.count());
    auto* made = static_cast<argument_hashes*>(MemoryContextAlloc(CurrentMemoryContext, sizeof(argument_hashes)));
    made->each = static_cast<argument_hash*>(MemoryContextAlloc(CurrentMemoryContext, count * sizeof(argument_hash)));
    made->count = args.count();
    for (int i = 0; i < args.count(); ++i) {
        made->each[i] = learn(args.type(i), etl::pg::argument_collation(args, i));
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

// Calls f(argument_hash, is_null, value) with the elements of an array that was given as VARIADIC, as if each were an
// argument.
template <class F>
void for_each_element(arguments args, argument_hashes& hashes, ArrayType* array, F&& f)
{
    const Oid type = ARR_ELEMTYPE(array);
    if (hashes.each->type != type) {
        MemoryContext old = MemoryContextSwitchTo(args.raw()->flinfo->fn_mcxt);
        *hashes.each = learn(type, etl::pg::argument_collation(args, 0));
        MemoryContextSwitchTo(old);
    }
    ArrayIterator elements = array_create_iterator(array, 0, nullptr);
    Datum value = 0;
    bool is_null = false;
    while (array_iterate(elements, &value, &is_null)) {
        f(*hashes.each, is_null, value);
        etl::pg::check_interrupts();
    }
    array_free_iterator(elements);
}

// Calls it with every value of the call.
template <class F>
void for_each_value(arguments args, F&& f)
{
    void*& kept = args.raw()->flinfo->fn_extra;
    if (kept == nullptr) {
        kept = learn_all(args);
    }
    auto& hashes = *static_cast<argument_hashes*>(kept);
    if (get_fn_expr_variadic(args.raw()->flinfo)) {
        for_each_element(args, hashes, DatumGetArrayTypeP(args.given(0)), f);
        return;
    }
    for (int i = 0; i < hashes.count; ++i) {
        f(hashes.each[i], args.is_null(i), args.datum(i));
    }
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

// Blanks alone are empty where blanks at the end do not count.
bool is_empty_text(const argument_hash& of, Datum value)
{
    if (!of.is_text) {
        return false;
    }
    switch (of.given) {
    case form::c_string:
        return *DatumGetCString(value) == '\0';
    case form::padded_text:
        return etl::pg::varlena_text(value).find_first_not_of(' ') == std::string_view::npos;
    default:
        return toast_raw_datum_size(value) == VARHDRSZ;
    }
}

} // namespace

// All of it is phase one: PostgreSQL may raise anywhere, and only trivial objects are alive.
ETL_FUNCTION(etl_hash128, args)
{
    if (get_fn_expr_variadic(args.raw()->flinfo) && args.is_null(0)) {
        return args.null_result();
    }
    fingerprint hash = start;
    for_each_value(args, [&hash](const argument_hash& of, bool is_null, Datum value) {
        hash = chained(hash, of, is_null, value);
    });
    return as_uuid(hash);
}

ETL_FUNCTION(etl_block_key, args)
{
    fingerprint hash = start;
    bool has_key = true;
    for_each_value(args, [&](const argument_hash& of, bool is_null, Datum value) {
        has_key = has_key && !is_null && !is_empty_text(of, value);
        if (has_key) {
            hash = chained(hash, of, false, value);
        }
    });
    return has_key ? as_uuid(hash) : args.null_result();
}
