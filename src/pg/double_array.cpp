#include "pg/double_array.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
}

#include <string>
#include <vector>

namespace etl::pg {

std::span<const double> read_doubles(arguments args, int i, const char* name)
{
    if (args.is_null(i)) {
        throw error(sqlstate::null_value_not_allowed, std::string{name} + " must not be NULL");
    }
    ArrayType* array = DatumGetArrayTypeP(args.datum(i));
    if (ARR_ELEMTYPE(array) != FLOAT8OID || ARR_NDIM(array) > 1 ||
        (ARR_HASNULL(array) && array_contains_nulls(array))) {
        throw error(sqlstate::invalid_parameter_value,
                    std::string{name} + " must be an array of one dimension without NULL");
    }
    const auto length = static_cast<std::size_t>(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)));
    return {reinterpret_cast<const double*>(ARR_DATA_PTR(array)), length};
}

Datum make_doubles(std::span<const double> numbers)
{
    return call([numbers] {
        auto* elements = static_cast<Datum*>(palloc((numbers.size() + 1) * sizeof(Datum)));
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            elements[i] = Float8GetDatum(numbers[i]);
        }
        return PointerGetDatum(construct_array(elements, static_cast<int>(numbers.size()), FLOAT8OID, sizeof(double),
                                               true, TYPALIGN_DOUBLE));
    });
}

Datum make_doubles(std::span<const std::optional<double>> numbers)
{
    return call([numbers] {
        const auto count = static_cast<int>(numbers.size());
        auto* elements = static_cast<Datum*>(palloc0((numbers.size() + 1) * sizeof(Datum)));
        auto* nulls = static_cast<bool*>(palloc0(numbers.size() + 1));
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            nulls[i] = !numbers[i];
            elements[i] = Float8GetDatum(numbers[i].value_or(0));
        }
        int lower_bound = 1;
        int length = count;
        return PointerGetDatum(construct_md_array(elements, nulls, count == 0 ? 0 : 1, &length, &lower_bound, FLOAT8OID,
                                                  sizeof(double), true, TYPALIGN_DOUBLE));
    });
}

} // namespace etl::pg
