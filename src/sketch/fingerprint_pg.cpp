#include "sketch/fingerprint_pg.hpp"

#include "pg/interrupts.hpp"
#include "pg/numeric.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/nbtree.h>
#include <access/tupdesc.h>
#include <catalog/pg_type.h>
#include <fmgr.h>
#include <utils/array.h>
#include <utils/date.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/multirangetypes.h>
#include <utils/rangetypes.h>
#include <utils/timestamp.h>
#include <utils/typcache.h>
}

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

namespace etl {

namespace {

enum class writing : std::uint8_t {
    bytes, // equal values are the same bytes
    name,
    padded_text,
    real4,
    real8,
    numeric,
    interval,
    array,
    range,
    multirange,
    record,
    jsonb,
    hashed, // by the type's own function
};

} // namespace

struct printer {
    writing how;
    Oid type;
    Oid collation;
    int16 length;
    bool by_value;
    char alignment;
    TypeCacheEntry* cache; // of ranges and multiranges, and of what is hashed
    MemoryContext memory;  // where it lies
    MemoryContext learned; // below it, of what the last value told: the type of elements, a record's columns
    printer* inside;       // of elements, bounds, ranges
    Oid inside_type;       // of the last array's elements, or of the last record
    int32 row_modifier;
    TupleDesc row;
    printer** columns; // nullptr where one is dropped
};
static_assert(std::is_trivial_v<printer>);

namespace {

constexpr int polled_parts = 4096; // of one value

// Hashes bytes as they come. Trivial, for PostgreSQL may raise between them.
struct stream {
    XXH3_state_t state;
    std::uint64_t seed; // of the types' own hashes, too

    void start(std::uint64_t from)
    {
        seed = from;
        XXH3_INITSTATE(&state);
        XXH3_128bits_reset_withSeed(&state, seed);
    }
    void bytes(const void* from, std::size_t size) { XXH3_128bits_update(&state, from, size); }
    template <class T>
    requires std::is_integral_v<T> || std::is_same_v<T, __int128>
    void put(T value) { bytes(&value, sizeof value); }
    void text(std::string_view text)
    {
        put(static_cast<std::uint64_t>(text.size()));
        bytes(text.data(), text.size());
    }
    fingerprint finish() const
    {
        const XXH128_hash_t hash = XXH3_128bits_digest(&state);
        return {hash.low64, hash.high64};
    }
};
static_assert(std::is_trivial_v<stream>);

bool write(stream& to, printer& of, Datum value);

// --- how a type is written -------------------------------------------------------------------------------------------

// Whether equal values are the same bytes: what B-trees must know to store one of them for all.
bool is_equal_image(const TypeCacheEntry* type, Oid collation)
{
    const Oid decides = OidIsValid(type->btree_opf) ? get_opfamily_proc(type->btree_opf, type->btree_opintype,
                                                                        type->btree_opintype, BTEQUALIMAGE_PROC)
                                                    : InvalidOid;
    return OidIsValid(decides) &&
           DatumGetBool(OidFunctionCall1Coll(decides, collation, ObjectIdGetDatum(type->btree_opintype)));
}

writing writing_by_kind(const TypeCacheEntry* type)
{
    switch (type->typtype) {
    case TYPTYPE_ENUM:
        return writing::bytes;
    case TYPTYPE_COMPOSITE:
        return writing::record;
    case TYPTYPE_RANGE:
        return writing::range;
    case TYPTYPE_MULTIRANGE:
        return writing::multirange;
    default:
        return type->type_id == ANYARRAYOID || OidIsValid(get_element_type(type->type_id)) ? writing::array
                                                                                           : writing::hashed;
    }
}

writing writing_of(const TypeCacheEntry* type, Oid collation)
{
    switch (type->type_id) {
    case NAMEOID:
        return writing::name;
    case FLOAT4OID:
        return writing::real4;
    case FLOAT8OID:
        return writing::real8;
    case NUMERICOID:
        return writing::numeric;
    case INTERVALOID:
        return writing::interval;
    case JSONBOID:
        return writing::jsonb;
    case RECORDOID:
        return writing::record;
    case BPCHAROID: // equal values may differ in the blanks at their ends
        return !OidIsValid(collation) || get_collation_isdeterministic(collation) ? writing::padded_text
                                                                                  : writing::hashed;
    default:
        return is_equal_image(type, collation) ? writing::bytes : writing_by_kind(type);
    }
}

printer* make_inside(MemoryContext memory, Oid type, Oid collation)
{
    MemoryContext old = MemoryContextSwitchTo(memory);
    printer* made = make_printer(getBaseType(type), collation);
    MemoryContextSwitchTo(old);
    return made;
}

void add_inside(printer& to)
{
    switch (to.how) {
    case writing::range:
        to.inside = make_inside(to.memory, to.cache->rngelemtype->type_id, to.cache->rng_collation);
        break;
    case writing::multirange:
        to.inside = make_inside(to.memory, to.cache->rngtype->type_id, InvalidOid);
        break;
    default: // what is in arrays and records their values tell
        break;
    }
}

// The context of what a value tells of its type; what the last one told is gone.
MemoryContext forget(printer& of)
{
    of.inside_type = InvalidOid;
    if (of.learned == nullptr) {
        of.learned = AllocSetContextCreate(of.memory, "pg_etl fingerprints", ALLOCSET_SMALL_SIZES);
    }
    MemoryContextReset(of.learned);
    return of.learned;
}

// --- arrays ----------------------------------------------------------------------------------------------------------

bool write_parts(stream& to, printer& of, const Datum* values, const bool* nulls, int count)
{
    for (int i = 0; i < count; ++i) {
        if (i % polled_parts == polled_parts - 1) {
            pg::check_interrupts();
        }
        to.put(nulls[i]);
        if (!nulls[i] && !write(to, of, values[i])) {
            return false;
        }
    }
    return true;
}

// A nested array has more dimensions and the same elements, so that these are told apart by their shape.
bool write_array(stream& to, printer& of, Datum value)
{
    ArrayType* array = DatumGetArrayTypeP(value);
    if (of.inside_type != ARR_ELEMTYPE(array)) {
        of.inside = make_inside(forget(of), ARR_ELEMTYPE(array), of.collation);
        of.inside_type = ARR_ELEMTYPE(array);
    }
    printer& inside = *of.inside;
    to.put(ARR_NDIM(array));
    to.bytes(ARR_DIMS(array), static_cast<std::size_t>(ARR_NDIM(array)) * 2 * sizeof(int)); // and lower bounds
    if (inside.how == writing::bytes && inside.by_value && !array_contains_nulls(array)) {  // side by side
        to.put(false);
        to.bytes(ARR_DATA_PTR(array), ARR_SIZE(array) - static_cast<std::size_t>(ARR_DATA_OFFSET(array)));
        return true;
    }
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    to.put(true);
    deconstruct_array(array, ARR_ELEMTYPE(array), inside.length, inside.by_value, inside.alignment, &values, &nulls,
                      &count);
    return write_parts(to, inside, values, nulls, count);
}

// --- ranges ----------------------------------------------------------------------------------------------------------

bool write_bound(stream& to, printer& of, const RangeBound& bound)
{
    to.put(bound.infinite);
    if (bound.infinite) {
        return true;
    }
    to.put(bound.inclusive);
    return write(to, of, bound.val);
}

bool write_range(stream& to, printer& of, const RangeType* range)
{
    RangeBound lower;
    RangeBound upper;
    bool is_empty = false;
    range_deserialize(of.cache, range, &lower, &upper, &is_empty);
    to.put(is_empty);
    return is_empty || (write_bound(to, *of.inside, lower) && write_bound(to, *of.inside, upper));
}

bool write_multirange(stream& to, printer& of, Datum value)
{
    MultirangeType* whole = DatumGetMultirangeTypeP(value);
    const auto count = static_cast<int>(whole->rangeCount);
    to.put(count);
    for (int i = 0; i < count; ++i) {
        if (i % polled_parts == polled_parts - 1) {
            pg::check_interrupts();
        }
        if (!write_range(to, *of.inside, multirange_get_range(of.cache->rngtype, whole, i))) {
            return false;
        }
    }
    return true;
}

// --- records ---------------------------------------------------------------------------------------------------------

// Learns a row type's columns. An anonymous record may be of another one in every row.
void learn_row(printer& of, Oid type, int32 modifier)
{
    MemoryContext old = MemoryContextSwitchTo(forget(of));
    of.row = lookup_rowtype_tupdesc_copy(type, modifier);
    of.columns = static_cast<printer**>(
        MemoryContextAllocZero(of.learned, sizeof(printer*) * static_cast<std::size_t>(of.row->natts)));
    for (int i = 0; i < of.row->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(of.row, i);
        if (!column->attisdropped) {
            of.columns[i] = make_printer(getBaseType(column->atttypid), column->attcollation);
        }
    }
    of.inside_type = type;
    of.row_modifier = modifier;
    MemoryContextSwitchTo(old);
}

bool write_record(stream& to, printer& of, Datum value)
{
    HeapTupleHeader header = DatumGetHeapTupleHeader(value);
    const Oid type = HeapTupleHeaderGetTypeId(header);
    const int32 modifier = HeapTupleHeaderGetTypMod(header);
    if (of.inside_type != type || of.row_modifier != modifier) {
        learn_row(of, type, modifier);
    }
    const auto count = static_cast<std::size_t>(of.row->natts);
    auto* values = static_cast<Datum*>(MemoryContextAlloc(CurrentMemoryContext, count * sizeof(Datum)));
    auto* nulls = static_cast<bool*>(MemoryContextAlloc(CurrentMemoryContext, count * sizeof(bool)));
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_tableOid = InvalidOid;
    tuple.t_data = header;
    ItemPointerSetInvalid(&tuple.t_self);
    heap_deform_tuple(&tuple, of.row, values, nulls);
    for (std::size_t i = 0; i < count; ++i) {
        if (of.columns[i] != nullptr && !write_parts(to, *of.columns[i], &values[i], &nulls[i], 1)) {
            return false;
        }
    }
    return true;
}

// --- jsonb -----------------------------------------------------------------------------------------------------------

void write_decimal(stream& to, Datum value)
{
    const decimal number = pg::read_numeric(value);
    const bool is_zero = number.is_finite() && number.count() == 0;
    to.put(static_cast<std::uint8_t>(is_zero ? decimal::sign::positive : number.is));
    to.put(is_zero ? 0 : number.weight);
    to.text(number.digits);
}

void write_json_value(stream& to, const JsonbValue& value)
{
    to.put(static_cast<std::uint8_t>(value.type));
    switch (value.type) {
    case jbvString:
        to.text({value.val.string.val, static_cast<std::size_t>(value.val.string.len)});
        break;
    case jbvNumeric:
        write_decimal(to, NumericGetDatum(value.val.numeric));
        break;
    case jbvBool:
        to.put(value.val.boolean);
        break;
    case jbvArray: // begins
        to.put(value.val.array.nElems);
        to.put(value.val.array.rawScalar);
        break;
    case jbvObject:
        to.put(value.val.object.nPairs);
        break;
    default: // null
        break;
    }
}

void write_jsonb(stream& to, Datum value)
{
    Jsonb* whole = DatumGetJsonbP(value);
    JsonbIterator* at = JsonbIteratorInit(&whole->root);
    JsonbValue part;
    int parts = 0;
    for (auto token = JsonbIteratorNext(&at, &part, false); token != WJB_DONE;
         token = JsonbIteratorNext(&at, &part, false)) {
        if (++parts % polled_parts == 0) {
            pg::check_interrupts();
        }
        to.put(static_cast<std::uint8_t>(token));
        if (token != WJB_END_ARRAY && token != WJB_END_OBJECT) {
            write_json_value(to, part);
        }
    }
}

// --- plain values ----------------------------------------------------------------------------------------------------

template <class T>
void write_real(stream& to, T value)
{
    const double real = static_cast<double>(value);
    const double one_of_equals = real == 0 ? 0 : std::isnan(real) ? std::numeric_limits<double>::quiet_NaN() : real;
    to.put(std::bit_cast<std::uint64_t>(one_of_equals));
}

// The bytes of a value whose equals look alike; those of a Datum lie in `held`.
std::string_view bytes_of(const printer& of, Datum value, std::uint64_t& held)
{
    if (of.by_value) {
        const auto bits = static_cast<unsigned>(of.length) * 8;
        held = bits < 64 ? value & ((std::uint64_t{1} << bits) - 1) : value;
        return {reinterpret_cast<const char*>(&held), sizeof held};
    }
    if (of.length == -1) {
        return pg::varlena_text(value);
    }
    const char* from = DatumGetPointer(value);
    return {from, of.length > 0 ? static_cast<std::size_t>(of.length) : std::strlen(from)};
}

std::string_view without_blanks(std::string_view text)
{
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

// What interval's operators compare: months of 30 days, days of 24 hours.
void write_interval(stream& to, const Interval* value)
{
    const std::int64_t days = static_cast<std::int64_t>(value->month) * DAYS_PER_MONTH + value->day;
    to.put(static_cast<__int128>(days) * USECS_PER_DAY + value->time);
}

bool write_hashed(stream& to, const printer& of, Datum value)
{
    if (!OidIsValid(of.cache->hash_extended_proc)) {
        return false;
    }
    for (const std::uint64_t seed : {to.seed, ~to.seed}) {
        to.put(DatumGetUInt64(
            FunctionCall2Coll(&of.cache->hash_extended_proc_finfo, of.collation, value, UInt64GetDatum(seed))));
    }
    return true;
}

bool write(stream& to, printer& of, Datum value)
{
    check_stack_depth();
    std::uint64_t held = 0;
    switch (of.how) {
    case writing::bytes:
        to.text(bytes_of(of, value, held));
        return true;
    case writing::name:
        to.text({NameStr(*DatumGetName(value)), strnlen(NameStr(*DatumGetName(value)), NAMEDATALEN)});
        return true;
    case writing::padded_text:
        to.text(without_blanks(pg::varlena_text(value)));
        return true;
    case writing::real4:
        write_real(to, DatumGetFloat4(value));
        return true;
    case writing::real8:
        write_real(to, DatumGetFloat8(value));
        return true;
    case writing::numeric:
        write_decimal(to, value);
        return true;
    case writing::interval:
        write_interval(to, DatumGetIntervalP(value));
        return true;
    case writing::array:
        return write_array(to, of, value);
    case writing::range:
        return write_range(to, of, DatumGetRangeTypeP(value));
    case writing::multirange:
        return write_multirange(to, of, value);
    case writing::record:
        return write_record(to, of, value);
    case writing::jsonb:
        write_jsonb(to, value);
        return true;
    case writing::hashed:
        break;
    }
    return write_hashed(to, of, value);
}

} // namespace

printer* make_printer(Oid type, Oid collation)
{
    constexpr int wanted = TYPECACHE_BTREE_OPFAMILY | TYPECACHE_RANGE_INFO | TYPECACHE_MULTIRANGE_INFO |
                           TYPECACHE_HASH_EXTENDED_PROC_FINFO;
    check_stack_depth();
    auto* made = static_cast<printer*>(MemoryContextAllocZero(CurrentMemoryContext, sizeof(printer)));
    made->cache = lookup_type_cache(type, wanted);
    made->how = writing_of(made->cache, collation);
    made->type = type;
    made->collation = collation;
    made->memory = CurrentMemoryContext;
    get_typlenbyvalalign(type, &made->length, &made->by_value, &made->alignment);
    add_inside(*made);
    return made;
}

bool print(printer& of, Datum value, std::uint64_t seed, fingerprint& to)
{
    if (of.how == writing::bytes) { // most values by far: without the stream's preparations
        std::uint64_t held = 0;
        const std::string_view bytes = bytes_of(of, value, held);
        const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
        to = {hash.low64, hash.high64};
        return true;
    }
    stream all;
    all.start(seed);
    const bool is_whole = write(all, of, value);
    to = all.finish();
    return is_whole;
}

bool are_bytes_printed(const printer& of)
{
    return of.how == writing::bytes;
}

bool may_use_hashes(const printer& of)
{
    switch (of.how) {
    case writing::hashed:
    case writing::array:
    case writing::range:
    case writing::multirange:
    case writing::record:
        return true;
    default:
        return false;
    }
}

} // namespace etl
