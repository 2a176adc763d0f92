// etl._estimate_match: patterns and their counts in, the trained model out.
#include "dedupe/match_training.hpp"
#include "pg/encoding.hpp"
#include "pg/function.hpp"
#include "pg/jsonb.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
}

#include <span>
#include <string>

namespace {

using namespace etl;
using dedupe::given_pattern;
using pg::arguments;

// The elements of an array argument, none of them NULL; array_agg makes NULL of no rows. Phase one.
std::span<Datum> elements(arguments args, int i, Oid type, int length, bool by_value, char align)
{
    if (args.is_null(i)) {
        return {};
    }
    ArrayType* array = DatumGetArrayTypeP(args.given(i));
    if (ARR_HASNULL(array) && array_contains_nulls(array)) {
        throw error(sqlstate::null_value_not_allowed, "argument " + std::to_string(i + 1) + " must not hold a NULL");
    }
    Datum* values = nullptr;
    int count = 0;
    deconstruct_array(array, type, length, by_value, align, &values, nullptr, &count);
    return {values, static_cast<std::size_t>(count)};
}

std::span<Datum> bytea_elements(arguments args, int i)
{
    return elements(args, i, BYTEAOID, -1, false, TYPALIGN_INT);
}

std::span<Datum> bigint_elements(arguments args, int i)
{
    return elements(args, i, INT8OID, sizeof(std::int64_t), true, TYPALIGN_DOUBLE);
}

void require_same_length(std::size_t patterns, std::size_t others, const char* names)
{
    if (patterns != others) {
        throw error(sqlstate::invalid_parameter_value, std::string{names} + " must be of the same length",
                    "They have " + std::to_string(patterns) + " and " + std::to_string(others) + " elements.");
    }
}

// Patterns with their counts, and with their rules where there are such. Phase one.
std::span<const given_pattern> patterns_of(std::span<Datum> levels, std::span<Datum> counts, std::span<Datum> rules)
{
    auto* made = pg::allocate_array<given_pattern>(levels.size());
    for (std::size_t i = 0; i < levels.size(); ++i) {
        made[i] = {pg::varlena_text(levels[i]), DatumGetInt64(counts[i]), rules.empty() ? 0 : DatumGetInt32(rules[i])};
    }
    return {made, levels.size()};
}

std::span<const given_pattern> random_patterns(arguments args, int at)
{
    const auto levels = bytea_elements(args, at);
    const auto counts = bigint_elements(args, at + 1);
    require_same_length(levels.size(), counts.size(), "random_patterns and random_counts");
    return patterns_of(levels, counts, {});
}

std::span<const given_pattern> pair_patterns(arguments args, int at)
{
    const auto levels = bytea_elements(args, at);
    const auto counts = bigint_elements(args, at + 1);
    const auto rules = elements(args, at + 2, INT4OID, sizeof(std::int32_t), true, TYPALIGN_INT);
    require_same_length(levels.size(), counts.size(), "pair_patterns and pair_counts");
    require_same_length(levels.size(), rules.size(), "pair_patterns and pair_rules");
    return patterns_of(levels, counts, rules);
}

} // namespace

ETL_FUNCTION(etl_estimate_match, args)
{
    const dedupe::training_request request{pg::as_utf8(pg::jsonb_text(args.given(0))),
                                           random_patterns(args, 1),
                                           pair_patterns(args, 3),
                                           pg::as_utf8(pg::jsonb_text(args.given(6))),
                                           args.get<double>(7),
                                           pg::as_utf8(pg::jsonb_text(args.given(8)))};
    return pg::make_jsonb(pg::with_errors_of_server([&request] { return dedupe::train_model(request, pg::poll); }));
}
