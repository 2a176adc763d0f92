#include "pg/number_array.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
}

#include <string>

namespace etl::pg {
namespace {

constexpr std::size_t header_size = ARR_OVERHEAD_NONULLS(1);

std::span<std::int64_t> checked_numbers(ArrayType* array, std::size_t length)
{
    if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != static_cast<int>(length) || ARR_HASNULL(array) ||
        ARR_ELEMTYPE(array) != INT8OID) {
        throw error(sqlstate::invalid_parameter_value,
                    "expected an array of " + std::to_string(length) + " bigint values without nulls");
    }
    return {reinterpret_cast<std::int64_t*>(ARR_DATA_PTR(array)), length};
}

template <class T>
Datum make_array(std::span<const T> numbers, Oid type)
{
    const int dimensions = numbers.empty() ? 0 : 1;
    const std::size_t header = ARR_OVERHEAD_NONULLS(dimensions);
    const std::size_t size = header + numbers.size_bytes();
    auto* made = static_cast<ArrayType*>(allocate_in(CurrentMemoryContext, size));
    std::memset(made, 0, header);
    SET_VARSIZE(made, size);
    made->ndim = dimensions;
    made->elemtype = type;
    if (!numbers.empty()) {
        ARR_DIMS(made)[0] = static_cast<int>(numbers.size());
        ARR_LBOUND(made)[0] = 1;
        std::copy(numbers.begin(), numbers.end(), reinterpret_cast<T*>(ARR_DATA_PTR(made)));
    }
    return PointerGetDatum(made);
}

} // namespace

Datum make_numbers(std::span<const std::int32_t> numbers)
{
    return make_array(numbers, INT4OID);
}

Datum make_numbers(std::span<const std::int64_t> numbers)
{
    return make_array(numbers, INT8OID);
}

Datum make_numbers(std::span<const double> numbers)
{
    return make_array(numbers, FLOAT8OID);
}

std::span<const double> read_floats(arguments args, int i)
{
    ArrayType* array = DatumGetArrayTypeP(args.given(i));
    if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != FLOAT8OID) {
        throw error(sqlstate::invalid_parameter_value,
                    "expected an array of double precision values in one dimension, without nulls");
    }
    const int length = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    return {reinterpret_cast<const double*>(ARR_DATA_PTR(array)), static_cast<std::size_t>(length)};
}

std::span<std::int64_t> own_numbers(arguments args, std::size_t length)
{
    const Datum value = args.datum(0);
    const bool in_place = AggCheckCallContext(args.raw(), nullptr) != 0;
    return checked_numbers(in_place ? DatumGetArrayTypeP(value) : DatumGetArrayTypePCopy(value), length);
}

std::span<const std::int64_t> read_numbers(arguments args, int i, std::size_t length)
{
    return checked_numbers(DatumGetArrayTypeP(args.datum(i)), length);
}

std::span<const std::int64_t> read_numbers(arguments args, int i)
{
    ArrayType* array = DatumGetArrayTypeP(args.given(i));
    const int length = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    return length == 0 ? std::span<const std::int64_t>{} : checked_numbers(array, static_cast<std::size_t>(length));
}

Datum numbers_datum(std::span<std::int64_t> numbers)
{
    return PointerGetDatum(reinterpret_cast<char*>(numbers.data()) - header_size);
}

} // namespace etl::pg
