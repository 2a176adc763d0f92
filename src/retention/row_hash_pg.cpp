// etl.rows_hash: the type, its operators, and the aggregates that make it of rows.
#include "retention/row_hash_pg.hpp"

#include "pg/state_type.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/typcache.h>
}

namespace etl {

Datum rows_hash_datum(const rows_hash& of)
{
    std::array<std::byte, rows_hash::flat_size> bytes;
    of.write(bytes.data());
    return pg::make_varlena(bytes);
}

rows_hash read_rows_hash(Datum value)
{
    return rows_hash::read(pg::varlena_bytes(value));
}

} // namespace etl

namespace {

using etl::row_image;
using etl::row_writer;
using etl::rows_hash;
using etl::pg::arguments;
using etl::pg::state_buffer;

constexpr int first_value = 2; // after the state and the names
constexpr int most_columns = FUNC_MAX_ARGS - first_value;

// --- what is learned once for a calling expression. Both are trivial and live with it --------------------------------

struct hashed_columns {
    row_image image;
    ArrayType* names; // as they were given
    row_writer writer;
};

struct hashed_records {
    MemoryContext memory; // of what the last row told
    row_image image;
    ArrayType* names; // nullptr: the row's own
    TupleDesc row;
    Oid type;
    int32 modifier;
    Datum* values;
    bool* nulls;
    row_writer writer;
};

template <class T>
T& kept(arguments args)
{
    void*& extra = args.raw()->flinfo->fn_extra;
    if (extra == nullptr) {
        extra = MemoryContextAllocZero(args.raw()->flinfo->fn_mcxt, sizeof(T));
    }
    return *static_cast<T*>(extra);
}

bool are_same(const ArrayType* a, const ArrayType* b)
{
    return a != nullptr && VARSIZE(a) == VARSIZE(b) && std::memcmp(a, b, VARSIZE(a)) == 0;
}

// The texts of an array, which they lie in.
std::string_view* read_names(ArrayType* array, int expected)
{
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    if (count != expected) {
        throw etl::error(etl::sqlstate::invalid_parameter_value,
                         std::to_string(count) + " names were given for " + std::to_string(expected) + " values");
    }
    auto* names = etl::pg::allocate_array<std::string_view>(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        if (nulls[i]) {
            throw etl::error(etl::sqlstate::null_value_not_allowed, "a column's name must not be NULL");
        }
        names[i] = etl::pg::varlena_text(values[i]);
    }
    return names;
}

ArrayType* copied(const ArrayType* array)
{
    void* copy = MemoryContextAlloc(CurrentMemoryContext, VARSIZE(array));
    std::memcpy(copy, array, VARSIZE(array));
    return static_cast<ArrayType*>(copy);
}

void learn_columns(arguments args, hashed_columns& to, const ArrayType* names)
{
    if (get_fn_expr_variadic(args.raw()->flinfo)) {
        throw etl::error(etl::sqlstate::feature_not_supported, "the columns of a row cannot be given as one array",
                         "Each of them has a name of its own.", "Leave the word VARIADIC out.");
    }
    std::array<Oid, most_columns> types;
    const int count = args.count() - first_value;
    for (int i = 0; i < count; ++i) {
        types[static_cast<std::size_t>(i)] = args.type(first_value + i);
    }
    MemoryContext old = MemoryContextSwitchTo(args.raw()->flinfo->fn_mcxt);
    ArrayType* kept_names = copied(names);
    to.image = etl::make_row_image(read_names(kept_names, count), types.data(), count);
    to.names = kept_names;
    MemoryContextSwitchTo(old);
}

void learn_record(arguments args, hashed_records& to, Oid type, int32 modifier, const ArrayType* names)
{
    if (to.memory == nullptr) {
        to.memory = AllocSetContextCreate(args.raw()->flinfo->fn_mcxt, "pg_etl hashed rows", ALLOCSET_SMALL_SIZES);
    }
    to.type = InvalidOid;
    MemoryContextReset(to.memory);
    MemoryContext old = MemoryContextSwitchTo(to.memory);
    to.row = lookup_rowtype_tupdesc_copy(type, modifier);
    to.names = names == nullptr ? nullptr : copied(names);
    to.image = etl::make_row_image(to.row, to.names == nullptr ? nullptr : read_names(to.names, to.row->natts));
    to.values = etl::pg::allocate_array<Datum>(static_cast<std::size_t>(to.row->natts));
    to.nulls = etl::pg::allocate_array<bool>(static_cast<std::size_t>(to.row->natts));
    to.modifier = modifier;
    to.type = type;
    MemoryContextSwitchTo(old);
}

rows_hash hash_record(arguments args, HeapTupleHeader record, ArrayType* names)
{
    auto& row = kept<hashed_records>(args);
    const Oid type = HeapTupleHeaderGetTypeId(record);
    const int32 modifier = HeapTupleHeaderGetTypMod(record);
    if (row.type != type || row.modifier != modifier || (names != nullptr && !are_same(row.names, names))) {
        learn_record(args, row, type, modifier, names);
    }
    etl::deform_record(record, row.row, row.values, row.nulls);
    row.writer.start();
    write_columns(row.writer, row.image, row.values, row.nulls);
    return row.writer.finish();
}

// The state with one more hash. Without a state it is the first.
Datum with(arguments args, const rows_hash& added)
{
    state_buffer state = etl::pg::own_state(args);
    rows_hash total;
    if (state.size() == 0) {
        state.resize(rows_hash::flat_size);
    } else {
        total = rows_hash::read(state.bytes());
    }
    total.add(added);
    total.write(state.data());
    return state.datum();
}

Datum unchanged(arguments args)
{
    return args.is_null(0) ? args.null_result() : args.datum(0);
}

} // namespace

ETL_FUNCTION(etl_rows_hash_in, args)
{
    return etl::rows_hash_datum(rows_hash::parse(DatumGetCString(args.datum(0))));
}

ETL_FUNCTION(etl_rows_hash_out, args)
{
    const std::string text = etl::read_rows_hash(args.datum(0)).to_string();
    auto* made = static_cast<char*>(etl::pg::allocate_in(CurrentMemoryContext, text.size() + 1));
    std::memcpy(made, text.c_str(), text.size() + 1);
    return CStringGetDatum(made);
}

ETL_FUNCTION(etl_rows_hash_recv, args)
{
    return etl::pg::state_recv(args, rows_hash::check);
}

ETL_FUNCTION(etl_rows_hash_send, args)
{
    return etl::pg::state_send(args);
}

// All of the transitions is phase one: PostgreSQL may raise anywhere, and only trivial objects are alive.
ETL_FUNCTION(etl_rows_hash_add_columns, args)
{
    ArrayType* names = DatumGetArrayTypeP(args.given(1));
    auto& row = kept<hashed_columns>(args);
    if (!are_same(row.names, names)) {
        learn_columns(args, row, names);
    }
    row.writer.start();
    for (int i = 0; i < row.image.count; ++i) {
        const row_image::column& column = row.image.columns[i];
        const int place = first_value + column.place;
        if (!args.is_null(place)) {
            row.writer.column(column.mark);
            write_image(row.writer, *column.image, args.datum(place));
        }
    }
    return with(args, row.writer.finish());
}

// NULL is no row.
ETL_FUNCTION(etl_rows_hash_add_row, args)
{
    return args.is_null(1) ? unchanged(args)
                           : with(args, hash_record(args, DatumGetHeapTupleHeader(args.datum(1)), nullptr));
}

ETL_FUNCTION(etl_rows_hash_add_named_row, args)
{
    ArrayType* names = DatumGetArrayTypeP(args.given(1));
    return with(args, hash_record(args, DatumGetHeapTupleHeader(args.given(2)), names));
}

// NULL is no state.
ETL_FUNCTION(etl_rows_hash_combine, args)
{
    return args.is_null(1) ? unchanged(args) : with(args, etl::read_rows_hash(args.datum(1)));
}

ETL_FUNCTION(etl_rows_hash_plus, args)
{
    rows_hash sum = etl::read_rows_hash(args.datum(0));
    sum.add(etl::read_rows_hash(args.datum(1)));
    return etl::rows_hash_datum(sum);
}

ETL_FUNCTION(etl_rows_hash_minus, args)
{
    rows_hash difference = etl::read_rows_hash(args.datum(0));
    difference.subtract(etl::read_rows_hash(args.datum(1)));
    return etl::rows_hash_datum(difference);
}

ETL_FUNCTION(etl_rows_hash_eq, args)
{
    return args.result(etl::read_rows_hash(args.datum(0)) == etl::read_rows_hash(args.datum(1)));
}

ETL_FUNCTION(etl_rows_hash_ne, args)
{
    return args.result(!(etl::read_rows_hash(args.datum(0)) == etl::read_rows_hash(args.datum(1))));
}

ETL_FUNCTION(etl_rows_hash_hash, args)
{
    const rows_hash of = etl::read_rows_hash(args.datum(0));
    return args.result(static_cast<std::int32_t>(static_cast<std::uint64_t>(of.sum) ^ of.count));
}

ETL_FUNCTION(etl_rows_hash_row_count, args)
{
    return args.result(etl::read_rows_hash(args.datum(0)).rows());
}
