#include "retention/row_image_pg.hpp"

#include "pg/interrupts.hpp"

extern "C" {
#include <catalog/pg_enum.h>
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
#include <utils/multirangetypes.h>
#include <utils/rangetypes.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace etl {
namespace {

enum class writing : std::uint8_t {
    word,     // passed by value
    fixed,    // of one length, passed by reference
    varlena,  // also what has parts of its own that nothing here knows
    c_string, // of unknown type
    real4,
    real8,
    label,
    array,
    record,
    range,
    multirange,
};

constexpr int polled_parts = 4096; // of one value
constexpr std::uint32_t known_labels = 64;

struct known_label {
    Oid value;
    NameData label;
};

} // namespace

struct value_image {
    writing how;
    bool by_value;
    char alignment;
    int16 length;
    Oid type;
    MemoryContext memory;  // where it lies
    MemoryContext learned; // below it, of what the last value told
    value_image* inside;   // of elements, bounds, ranges
    Oid inside_type;       // of the last array's elements, or of the last record
    int32 row_modifier;
    TypeCacheEntry* cache; // of ranges and multiranges
    TupleDesc row;
    row_image row_columns;
    known_label* labels; // each in the slot of its number
};
static_assert(std::is_trivial_v<value_image>);

namespace {

void* allocate(std::size_t bytes)
{
    return MemoryContextAlloc(CurrentMemoryContext, bytes);
}

template <class T>
T* allocate_many(int count)
{
    return static_cast<T*>(allocate(sizeof(T) * static_cast<std::size_t>(count)));
}

// --- how a type is written -------------------------------------------------------------------------------------------

writing writing_of(Oid type, int16 length, bool by_value)
{
    if (type == FLOAT4OID) {
        return writing::real4;
    }
    if (type == FLOAT8OID) {
        return writing::real8;
    }
    switch (type == RECORDOID ? TYPTYPE_COMPOSITE : get_typtype(type)) {
    case TYPTYPE_ENUM:
        return writing::label;
    case TYPTYPE_COMPOSITE:
        return writing::record;
    case TYPTYPE_RANGE:
        return writing::range;
    case TYPTYPE_MULTIRANGE:
        return writing::multirange;
    default:
        break;
    }
    if (by_value) {
        return writing::word;
    }
    if (length > 0) {
        return writing::fixed;
    }
    if (length == -2) {
        return writing::c_string;
    }
    return type == ANYARRAYOID || OidIsValid(get_element_type(type)) ? writing::array : writing::varlena;
}

value_image* make_inside(MemoryContext memory, Oid type)
{
    MemoryContext old = MemoryContextSwitchTo(memory);
    value_image* made = make_value_image(type);
    MemoryContextSwitchTo(old);
    return made;
}

// The context of what a value tells of its type; what the last one told is gone.
MemoryContext forget(value_image& of)
{
    of.inside_type = InvalidOid;
    if (of.learned == nullptr) {
        of.learned = AllocSetContextCreate(of.memory, "pg_etl row images", ALLOCSET_SMALL_SIZES);
    }
    MemoryContextReset(of.learned);
    return of.learned;
}

// --- plain values ----------------------------------------------------------------------------------------------------

template <class Bits, class T>
void write_real(row_writer& to, T value)
{
    to.word(std::bit_cast<Bits>(std::isnan(value) ? std::numeric_limits<T>::quiet_NaN() : value), sizeof value);
}

void learn_label(known_label& to, Oid value)
{
    HeapTuple found = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));
    if (!HeapTupleIsValid(found)) { // as enum_out refuses it
        throw error(sqlstate::invalid_binary_representation,
                    "invalid internal value for enum: " + std::to_string(value));
    }
    to.label = reinterpret_cast<Form_pg_enum>(GETSTRUCT(found))->enumlabel;
    to.value = value;
    ReleaseSysCache(found);
}

void write_label(row_writer& to, value_image& of, Oid value)
{
    if (of.labels == nullptr) {
        of.labels = static_cast<known_label*>(MemoryContextAllocZero(of.memory, known_labels * sizeof(known_label)));
    }
    known_label& known = of.labels[value % known_labels];
    if (known.value != value) {
        learn_label(known, value);
    }
    to.text(NameStr(known.label));
}

// --- arrays ----------------------------------------------------------------------------------------------------------

void write_elements(row_writer& to, value_image& of, ArrayType* array)
{
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(array, ARR_ELEMTYPE(array), of.length, of.by_value, of.alignment, &values, &nulls, &count);
    for (int i = 0; i < count; ++i) {
        if (i % polled_parts == polled_parts - 1) {
            pg::check_interrupts();
        }
        if (nulls[i]) {
            to.null();
        } else {
            write_image(to, of, values[i]);
        }
    }
}

// Whether elements lie side by side, each as it is written.
bool are_elements_packed(const value_image& of, ArrayType* array)
{
    return of.how == writing::word && !array_contains_nulls(array);
}

void write_array(row_writer& to, value_image& of, Datum value)
{
    ArrayType* array = DatumGetArrayTypeP(value);
    if (of.inside_type != ARR_ELEMTYPE(array)) {
        of.inside = make_inside(forget(of), ARR_ELEMTYPE(array));
        of.inside_type = ARR_ELEMTYPE(array);
    }
    const bool is_packed = are_elements_packed(*of.inside, array);
    to.parts(is_packed ? row_writer::part::packed : row_writer::part::array,
             static_cast<std::uint32_t>(ARR_NDIM(array)));
    const auto shape = static_cast<std::size_t>(ARR_NDIM(array)) * 2 * sizeof(int); // and lower bounds
    to.bytes({reinterpret_cast<const std::byte*>(ARR_DIMS(array)), shape});
    if (is_packed) {
        const auto size = ARR_SIZE(array) - static_cast<std::size_t>(ARR_DATA_OFFSET(array));
        to.bytes({reinterpret_cast<const std::byte*>(ARR_DATA_PTR(array)), size});
    } else {
        write_elements(to, *of.inside, array);
    }
}

// --- records ---------------------------------------------------------------------------------------------------------

// Learns a row type's columns. An anonymous record may be of another one in every row.
void learn_row(value_image& of, Oid type, int32 modifier)
{
    MemoryContext old = MemoryContextSwitchTo(forget(of));
    of.row = lookup_rowtype_tupdesc_copy(type, modifier);
    of.row_columns = make_row_image(of.row);
    of.row_modifier = modifier;
    of.inside_type = type;
    MemoryContextSwitchTo(old);
}

void write_record(row_writer& to, value_image& of, Datum value)
{
    HeapTupleHeader header = DatumGetHeapTupleHeader(value);
    const Oid type = HeapTupleHeaderGetTypeId(header);
    const int32 modifier = HeapTupleHeaderGetTypMod(header);
    if (of.inside_type != type || of.row_modifier != modifier) {
        learn_row(of, type, modifier);
    }
    auto* values = allocate_many<Datum>(of.row->natts);
    auto* nulls = allocate_many<bool>(of.row->natts);
    deform_record(header, of.row, values, nulls);
    std::uint32_t written = 0;
    for (int i = 0; i < of.row_columns.count; ++i) {
        written += nulls[of.row_columns.columns[i].place] ? 0U : 1U;
    }
    to.parts(row_writer::part::record, written);
    write_columns(to, of.row_columns, values, nulls);
}

// --- ranges ----------------------------------------------------------------------------------------------------------

constexpr std::uint32_t range_flags = RANGE_EMPTY | RANGE_LB_INC | RANGE_UB_INC | RANGE_LB_INF | RANGE_UB_INF;

void write_range(row_writer& to, value_image& of, const RangeType* range)
{
    RangeBound lower;
    RangeBound upper;
    bool is_empty = false;
    range_deserialize(of.cache, range, &lower, &upper, &is_empty);
    to.parts(row_writer::part::range, static_cast<std::uint8_t>(range_get_flags(range)) & range_flags);
    for (const RangeBound* bound : {&lower, &upper}) {
        if (!is_empty && !bound->infinite) {
            write_image(to, *of.inside, bound->val);
        }
    }
}

void write_multirange(row_writer& to, value_image& of, Datum value)
{
    MultirangeType* whole = DatumGetMultirangeTypeP(value);
    const auto count = static_cast<int>(whole->rangeCount);
    to.parts(row_writer::part::multirange, whole->rangeCount);
    for (int i = 0; i < count; ++i) {
        if (i % polled_parts == polled_parts - 1) {
            pg::check_interrupts();
        }
        write_range(to, *of.inside, multirange_get_range(of.cache->rngtype, whole, i));
    }
}

void learn_type_inside(value_image& of)
{
    if (of.how == writing::range) {
        of.cache = lookup_type_cache(of.type, TYPECACHE_RANGE_INFO);
        of.inside = make_inside(of.memory, of.cache->rngelemtype->type_id);
    } else if (of.how == writing::multirange) {
        of.cache = lookup_type_cache(of.type, TYPECACHE_MULTIRANGE_INFO);
        of.inside = make_inside(of.memory, of.cache->rngtype->type_id);
    } // what is in arrays and records their values tell
}

} // namespace

value_image* make_value_image(Oid type)
{
    check_stack_depth();
    auto* made = static_cast<value_image*>(MemoryContextAllocZero(CurrentMemoryContext, sizeof(value_image)));
    made->type = getBaseType(type);
    get_typlenbyvalalign(made->type, &made->length, &made->by_value, &made->alignment);
    made->how = writing_of(made->type, made->length, made->by_value);
    made->memory = CurrentMemoryContext;
    learn_type_inside(*made);
    return made;
}

void write_image(row_writer& to, value_image& of, Datum value)
{
    switch (of.how) {
    case writing::word:
        to.word(value, static_cast<unsigned>(of.length));
        return;
    case writing::varlena:
        to.bytes(pg::varlena_bytes(value));
        return;
    case writing::fixed:
        to.bytes({reinterpret_cast<const std::byte*>(DatumGetPointer(value)), static_cast<std::size_t>(of.length)});
        return;
    case writing::c_string:
        to.text(DatumGetCString(value));
        return;
    case writing::real4:
        write_real<std::uint32_t>(to, DatumGetFloat4(value));
        return;
    case writing::real8:
        write_real<std::uint64_t>(to, DatumGetFloat8(value));
        return;
    case writing::label:
        write_label(to, of, DatumGetObjectId(value));
        return;
    default:
        break;
    }
    check_stack_depth();
    switch (of.how) {
    case writing::array:
        write_array(to, of, value);
        return;
    case writing::record:
        write_record(to, of, value);
        return;
    case writing::range:
        write_range(to, of, DatumGetRangeTypeP(value));
        return;
    default:
        write_multirange(to, of, value);
        return;
    }
}

// --- rows ------------------------------------------------------------------------------------------------------------

row_image make_row_image(const std::string_view* names, const Oid* types, int count)
{
    row_image made = {0, allocate_many<row_image::column>(count)};
    for (int i = 0; i < count; ++i) {
        if (OidIsValid(types[i])) {
            made.columns[made.count++] = {column_mark(names[i]), make_value_image(types[i]), i};
        }
    }
    std::sort(made.columns, made.columns + made.count, [names](const auto& a, const auto& b) {
        const int order = names[a.place].compare(names[b.place]);
        return order != 0 ? order < 0 : a.place < b.place;
    });
    return made;
}

row_image make_row_image(TupleDesc row, const std::string_view* names)
{
    auto* own_names = allocate_many<std::string_view>(row->natts);
    auto* types = allocate_many<Oid>(row->natts);
    for (int i = 0; i < row->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(row, i);
        own_names[i] = names != nullptr ? names[i] : std::string_view{NameStr(column->attname)};
        types[i] = column->attisdropped ? InvalidOid : column->atttypid;
    }
    return make_row_image(own_names, types, row->natts);
}

void deform_record(HeapTupleHeader record, TupleDesc row, Datum* values, bool* nulls)
{
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(record);
    tuple.t_tableOid = InvalidOid;
    tuple.t_data = record;
    ItemPointerSetInvalid(&tuple.t_self);
    heap_deform_tuple(&tuple, row, values, nulls);
}

} // namespace etl
