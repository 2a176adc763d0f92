// etl.hash128: one fingerprint of any values, chained as sketch/value_hash_pg.hpp says; and etl._block_key, which goes by
// the same hash.
#include "pg/calling_expression.hpp"
#include "pg/interrupts.hpp"
#include "sketch/value_hash_pg.hpp"

extern "C" {
#include <access/detoast.h>
#include <utils/array.h>
#include <utils/uuid.h>
}

#include <type_traits>

namespace {

using etl::fingerprint;
using etl::value_form;
using etl::value_hash;
using etl::pg::arguments;

// What is learned once for a calling expression.
struct argument_hashes {
    int count;
    value_hash* each;
};
static_assert(std::is_trivial_v<argument_hashes>);

argument_hashes* learn_all(arguments args)
{
    MemoryContext old = MemoryContextSwitchTo(args.raw()->flinfo->fn_mcxt);
    const auto count = static_cast<std::size_t>(args.count());
    auto* made = static_cast<argument_hashes*>(MemoryContextAlloc(CurrentMemoryContext, sizeof(argument_hashes)));
    made->each = static_cast<value_hash*>(MemoryContextAlloc(CurrentMemoryContext, count * sizeof(value_hash)));
    made->count = args.count();
    for (int i = 0; i < args.count(); ++i) {
        made->each[i] = etl::learn_value_hash(args.type(i), etl::pg::argument_collation(args, i));
    }
    MemoryContextSwitchTo(old);
    return made;
}

// Calls f(value_hash, is_null, value) with the elements of an array that was given as VARIADIC, as if each were an
// argument.
template <class F>
void for_each_element(arguments args, argument_hashes& hashes, ArrayType* array, F&& f)
{
    const Oid type = ARR_ELEMTYPE(array);
    if (hashes.each->type != type) {
        MemoryContext old = MemoryContextSwitchTo(args.raw()->flinfo->fn_mcxt);
        *hashes.each = etl::learn_value_hash(type, etl::pg::argument_collation(args, 0));
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
bool is_empty_text(const value_hash& of, Datum value)
{
    if (!of.is_text) {
        return false;
    }
    switch (of.given) {
    case value_form::c_string:
        return *DatumGetCString(value) == '\0';
    case value_form::padded_text:
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
    fingerprint hash = etl::hash_of_nothing;
    for_each_value(
        args, [&hash](const value_hash& of, bool is_null, Datum value) { hash = chained(hash, of, is_null, value); });
    return as_uuid(hash);
}

ETL_FUNCTION(etl_block_key, args)
{
    fingerprint hash = etl::hash_of_nothing;
    bool has_key = true;
    for_each_value(args, [&](const value_hash& of, bool is_null, Datum value) {
        has_key = has_key && !is_null && !is_empty_text(of, value);
        if (has_key) {
            hash = chained(hash, of, false, value);
        }
    });
    return has_key ? as_uuid(hash) : args.null_result();
}
