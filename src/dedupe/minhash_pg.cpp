// etl.minhash and the bands of its signatures.
#include "dedupe/minhash_bands.hpp"
#include "pg/encoding.hpp"
#include "pg/number_array.hpp"
#include "pg/result_set.hpp"

extern "C" {
#include <utils/array.h>
}

#include <optional>
#include <span>

namespace {

using etl::dedupe::band_plan;
using etl::dedupe::minhash_options;
using etl::pg::arguments;

// A signature as it is stored. Phase one.
std::span<const std::int32_t> read_signature(arguments args, int i)
{
    const ArrayType* array = DatumGetArrayTypeP(args.given(i));
    if (ARR_NDIM(array) == 0) {
        return {};
    }
    if (ARR_NDIM(array) != 1 || array_contains_nulls(const_cast<ArrayType*>(array))) {
        throw etl::error(etl::sqlstate::invalid_parameter_value,
                         "a signature must be an array of one dimension without NULLs", {},
                         "Make it with etl.minhash(text).");
    }
    return {reinterpret_cast<const std::int32_t*>(ARR_DATA_PTR(array)), static_cast<std::size_t>(*ARR_DIMS(array))};
}

// k, n, unit, seed
minhash_options read_options(arguments args, int from)
{
    return {args.get<std::int32_t>(from), args.get<std::int32_t>(from + 1),
            etl::dedupe::are_words(args.get<std::string_view>(from + 2)), args.get<std::int64_t>(from + 3)};
}

// The last plan that the calling expression asked for: it is the same for every row, as a rule.
struct kept_plan {
    explicit kept_plan(int) {}

    const band_plan& for_arguments(double wanted_threshold, std::int32_t wanted_k, double wanted_weight)
    {
        if (!plan || threshold != wanted_threshold || k != wanted_k || weight != wanted_weight) {
            plan.reset();
            plan = etl::dedupe::plan_bands(wanted_threshold, wanted_k, wanted_weight, etl::pg::poll);
            threshold = wanted_threshold;
            k = wanted_k;
            weight = wanted_weight;
        }
        return *plan;
    }

    double threshold = 0;
    std::int32_t k = 0;
    double weight = 0;
    std::optional<band_plan> plan;
};

kept_plan& plans(arguments args)
{
    return args.cached<kept_plan>([] { return 0; });
}

} // namespace

ETL_FUNCTION(etl_minhash, args)
{
    const auto text = args.get<std::string_view>(0);
    const minhash_options options = read_options(args, 1);
    etl::pg::context_resource memory;
    const auto made = etl::dedupe::minhash(etl::pg::as_utf8(text), options, &memory, etl::pg::poll);
    return etl::pg::make_numbers(made);
}

ETL_FUNCTION(etl_minhash_similarity, args)
{
    const auto a = read_signature(args, 0);
    const auto b = read_signature(args, 1);
    return a.empty() || b.empty() ? args.null_result() : args.result(etl::dedupe::signature_similarity(a, b));
}

// text, threshold, k, n, unit, seed, false_negative_weight
ETL_FUNCTION(etl_minhash_bands_of_text, args)
{
    const auto text = args.get<std::string_view>(0);
    const minhash_options options = read_options(args, 2);
    const band_plan& plan = plans(args).for_arguments(args.get<double>(1), options.k, args.get<double>(6));
    etl::pg::context_resource memory;
    const auto made = etl::dedupe::minhash(etl::pg::as_utf8(text), options, &memory, etl::pg::poll);
    return etl::pg::make_numbers(etl::dedupe::band_keys(made, plan, &memory));
}

// signature, threshold, false_negative_weight
ETL_FUNCTION(etl_minhash_bands, args)
{
    const auto signature = read_signature(args, 0);
    const auto k = static_cast<std::int32_t>(signature.size());
    etl::pg::context_resource memory;
    if (signature.empty()) {
        return etl::pg::make_numbers(std::span<const std::int64_t>{});
    }
    const band_plan& plan = plans(args).for_arguments(args.get<double>(1), k, args.get<double>(2));
    return etl::pg::make_numbers(etl::dedupe::band_keys(signature, plan, &memory));
}

// threshold, k, false_negative_weight
ETL_FUNCTION(etl_minhash_bands_for, args)
{
    const auto threshold = args.get<double>(0);
    etl::pg::result_set rows{args};
    const band_plan plan =
        etl::dedupe::plan_bands(threshold, args.get<std::int32_t>(1), args.get<double>(2), etl::pg::poll);
    Datum values[] = {Int32GetDatum(plan.bands), Int32GetDatum(plan.rows),
                      Float8GetDatum(etl::dedupe::share_probability(threshold, plan.bands, plan.rows)),
                      Float8GetDatum(plan.false_positives), Float8GetDatum(plan.false_negatives)};
    bool nulls[5] = {};
    rows.put(values, nulls);
    return rows.finish();
}
