// etl._find_lineage: edges given as arrays, walked by the core.
#include "pipeline/lineage_graph.hpp"
#include "pg/result_set.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
}

#include <array>

using namespace etl;
using namespace etl::pipeline;

namespace {

// The elements of an oid[], integer[] or bool[].
template <class T>
std::span<const T> elements(Datum value)
{
    static_assert(sizeof(T) == 4 || sizeof(T) == 1);
    const auto* array = reinterpret_cast<const ArrayType*>(value);
    if (ARR_NDIM(array) > 1 || ARR_HASNULL(array)) {
        throw error(sqlstate::invalid_parameter_value, "edges must be given as lists without NULL");
    }
    return {reinterpret_cast<const T*>(ARR_DATA_PTR(array)),
            static_cast<std::size_t>(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)))};
}

} // namespace

// etl._find_lineage(relations, columns, targets, target_columns, direct, start, start_column, downstream, whole, most)
ETL_FUNCTION(etl_find_lineage, args)
{
    std::array<Datum, 5> lists{};
    for (int i = 0; i < 5; ++i) {
        lists.at(static_cast<std::size_t>(i)) = PointerGetDatum(PG_DETOAST_DATUM(args.given(i)));
    }
    const lineage_node start = {DatumGetObjectId(args.given(5)), args.get<std::int32_t>(6)};
    const lineage_search search = {start, args.get<bool>(7), args.get<bool>(8), args.get<std::int32_t>(9)};
    pg::result_set rows{args};
    pg::context_resource memory;
    const auto relations = elements<Oid>(lists[0]);
    const auto columns = elements<std::int32_t>(lists[1]);
    const auto targets = elements<Oid>(lists[2]);
    const auto target_columns = elements<std::int32_t>(lists[3]);
    const auto direct = elements<bool>(lists[4]);
    if (columns.size() != relations.size() || targets.size() != relations.size() ||
        target_columns.size() != relations.size() || direct.size() != relations.size()) {
        throw error(sqlstate::invalid_parameter_value, "the lists of edges have different lengths");
    }
    std::pmr::vector<lineage_edge> edges{&memory};
    edges.reserve(relations.size());
    for (std::size_t i = 0; i < relations.size(); ++i) {
        edges.push_back({{relations[i], columns[i]}, {targets[i], target_columns[i]}, direct[i]});
    }
    for (const lineage_found& each : find_lineage(edges, search, &memory, pg::poll)) {
        std::array values{Int32GetDatum(static_cast<std::int32_t>(each.edge) + 1), Int32GetDatum(each.depth),
                          BoolGetDatum(each.value)};
        std::array nulls{false, false, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}
