// The proof of a batch: what a statement takes out of one table and puts into another is hashed on both sides, row by
// row, as it passes by. Nothing is kept on the way for it, and nothing is read a second time.
//
// etl._moved_rows runs the statement. It calls etl._note_row for each row that a DELETE returned, and for each that an
// INSERT returned (so after the triggers that may change it), with the number of the statement, which is $1: a call
// from elsewhere, be it from a trigger, adds to no sum, as the number is one of chance that nobody can guess. Where triggers come after that, the statement calls
// etl._note_place as well, so that the rows can be read again when they have run.
#include "core/locked_query_pg.hpp"
#include "retention/row_hash_pg.hpp"

extern "C" {
#include <access/detoast.h>
#include <catalog/pg_type.h>
#include <datatype/timestamp.h>
#include <executor/spi.h>
#include <funcapi.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
#if PG_VERSION_NUM >= 160000
#include <varatt.h>
#endif
}

namespace etl {
namespace {

// Trivial, as the errors of the statement pass over it.
struct moved_rows {
    std::int64_t number; // of the statement; 0 while there is none
    rows_hash left;
    rows_hash kept;
    std::int64_t bytes;
    TimestampTz first;
    TimestampTz last;
    MemoryContext context; // of the arrays
    ArrayBuildState* parts;
    ArrayBuildState* places;
};

moved_rows current = {};

std::int64_t make_number()
{
    std::int64_t made = 0;
    while (made == 0) {
        if (!pg_strong_random(&made, sizeof made)) {
            throw error(sqlstate::internal_error, "the system gives no random numbers");
        }
    }
    return made;
}

// The arguments of etl._note_row: the statement's number, whether the row was inserted, its time, the names of its
// columns, and the columns or, where they are too many, the row.
constexpr int first_value = 4;

// What one call in the statement knows of the columns; it lives as long as the statement.
struct noted_columns {
    row_image image;
    TupleDesc row; // nullptr: the columns are arguments
    int count;
    Datum* values;
    bool* nulls;
    std::int16_t* lengths;
    row_writer writer;
};

std::string_view* read_names(ArrayType* array, int expected)
{
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    if (count != expected) {
        throw error(sqlstate::invalid_parameter_value, "etl._note_row needs one name for each column");
    }
    auto* names = pg::allocate_array<std::string_view>(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        names[i] = pg::varlena_text(values[i]);
    }
    return names;
}

void learn_types(noted_columns& to, const Oid* types, ArrayType* names)
{
    to.image = make_row_image(read_names(names, to.count), types, to.count);
    to.lengths = pg::allocate_array<std::int16_t>(static_cast<std::size_t>(to.count));
    to.values = pg::allocate_array<Datum>(static_cast<std::size_t>(to.count));
    to.nulls = pg::allocate_array<bool>(static_cast<std::size_t>(to.count));
    for (int i = 0; i < to.count; ++i) {
        to.lengths[i] = get_typlen(types[i]);
    }
}

noted_columns& learned(pg::arguments args)
{
    FmgrInfo* call = args.raw()->flinfo;
    if (call->fn_extra != nullptr) {
        return *static_cast<noted_columns*>(call->fn_extra);
    }
    MemoryContext old = MemoryContextSwitchTo(call->fn_mcxt);
    auto* made = pg::allocate_array<noted_columns>(1);
    auto* names = DatumGetArrayTypePCopy(args.given(3));
    made->row = nullptr;
    made->count = args.count() - first_value;
    if (made->count == 1 && args.type(first_value) == RECORDOID) {
        HeapTupleHeader record = DatumGetHeapTupleHeader(args.given(first_value));
        made->row = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(record), HeapTupleHeaderGetTypMod(record));
        made->count = made->row->natts;
    }
    auto* types = pg::allocate_array<Oid>(static_cast<std::size_t>(made->count));
    for (int i = 0; i < made->count; ++i) {
        types[i] = made->row == nullptr ? args.type(first_value + i) : TupleDescAttr(made->row, i)->atttypid;
    }
    learn_types(*made, types, names);
    MemoryContextSwitchTo(old);
    call->fn_extra = made;
    return *made;
}

void read_columns(pg::arguments args, noted_columns& to)
{
    if (to.row != nullptr) {
        deform_record(DatumGetHeapTupleHeader(args.given(first_value)), to.row, to.values, to.nulls);
        return;
    }
    for (int i = 0; i < to.count; ++i) {
        to.values[i] = args.datum(first_value + i);
        to.nulls[i] = args.is_null(first_value + i);
    }
}

// What a value takes in the table or out of line.
std::int64_t stored_size(Datum value, std::int16_t length)
{
    if (length > 0) {
        return length;
    }
    if (length == -2) {
        return static_cast<std::int64_t>(std::strlen(DatumGetCString(value))) + 1;
    }
    const auto* bytes = reinterpret_cast<const varlena*>(DatumGetPointer(value));
    if (VARATT_IS_EXTERNAL_ONDISK(bytes)) {
        varatt_external toasted;
        VARATT_EXTERNAL_GET_POINTER(toasted, bytes);
        return VARATT_EXTERNAL_GET_EXTSIZE(toasted) + static_cast<std::int64_t>(sizeof toasted);
    }
    return VARATT_IS_EXTERNAL(bytes) ? static_cast<std::int64_t>(toast_raw_datum_size(value)) : VARSIZE_ANY(bytes);
}

// A row with the header that it has in a table.
std::int64_t stored_size(const noted_columns& row)
{
    std::int64_t bytes = MAXALIGN(SizeofHeapTupleHeader) + sizeof(ItemIdData);
    for (int i = 0; i < row.count; ++i) {
        if (!row.nulls[i]) {
            bytes += stored_size(row.values[i], row.lengths[i]);
        }
    }
    return bytes;
}

Datum moved_result(FunctionCallInfo fcinfo, const moved_rows& moved)
{
    TupleDesc row = nullptr;
    get_call_result_type(fcinfo, nullptr, &row);
    const bool none = moved.left.count == 0;
    const bool no_places = moved.places == nullptr;
    std::array<Datum, 7> values{rows_hash_datum(moved.left), rows_hash_datum(moved.kept), Int64GetDatum(moved.bytes),
                                TimestampTzGetDatum(moved.first), TimestampTzGetDatum(moved.last)};
    std::array<bool, 7> nulls{false, false, false, none, none, no_places, no_places};
    if (!no_places) {
        values[5] = makeArrayResult(moved.parts, moved.context);
        values[6] = makeArrayResult(moved.places, moved.context);
    }
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values.data(), nulls.data()));
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_note_row, args)
{
    moved_rows& moved = current;
    if (args.get<std::int64_t>(0) != moved.number || moved.number == 0) {
        throw error(sqlstate::feature_not_supported, "etl._note_row was called outside of its statement");
    }
    noted_columns& row = learned(args);
    read_columns(args, row);
    row.writer.start();
    write_columns(row.writer, row.image, row.values, row.nulls);
    const rows_hash hash = row.writer.finish();
    if (args.get<bool>(1)) {
        moved.kept.add(hash);
        return args.result(true);
    }
    moved.left.add(hash);
    moved.bytes += stored_size(row);
    if (!args.is_null(2)) {
        const TimestampTz time = DatumGetTimestampTz(args.datum(2));
        moved.first = moved.left.count == 1 ? time : std::min(moved.first, time);
        moved.last = moved.left.count == 1 ? time : std::max(moved.last, time);
    }
    return args.result(true);
}

ETL_FUNCTION(etl_note_place, args)
{
    moved_rows& moved = current;
    if (args.get<std::int64_t>(0) != moved.number || moved.number == 0) {
        throw error(sqlstate::feature_not_supported, "etl._note_place was called outside of its statement");
    }
    moved.parts = accumArrayResult(moved.parts, args.datum(1), args.is_null(1), OIDOID, moved.context);
    moved.places = accumArrayResult(moved.places, args.datum(2), args.is_null(2), TIDOID, moved.context);
    return args.result(true);
}

ETL_FUNCTION(etl_moved_rows, args)
{
    const char* statement = text_to_cstring(DatumGetTextPP(args.given(0)));
    const std::int64_t number = make_number();
    const moved_rows outer = current; // this one may be run by a trigger
    current = {};
    current.number = number;
    current.context = CurrentMemoryContext;
    ParamListInfo parameters = makeParamList(3);
    parameters->params[0] = {Int64GetDatum(current.number), false, PARAM_FLAG_CONST, INT8OID};
    parameters->params[1] = {args.datum(1), args.is_null(1), PARAM_FLAG_CONST, OIDOID};
    parameters->params[2] = {args.datum(2), args.is_null(2), PARAM_FLAG_CONST, TIDARRAYOID};
    SPI_connect();
    run_locked(statement, parameters, false, None_Receiver);
    SPI_finish();
    const moved_rows moved = current;
    current = outer;
    return moved_result(args.raw(), moved);
}
