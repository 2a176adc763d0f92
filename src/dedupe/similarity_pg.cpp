// The similarities and distances of similarity.sql: two texts in, one number out.
#include "dedupe/closeness.hpp"
#include "dedupe/cutoff.hpp"
#include "dedupe/edit_distance.hpp"
#include "dedupe/jaro.hpp"
#include "dedupe/text_argument_pg.hpp"
#include "dedupe/token_similarity.hpp"

extern "C" {
#include <utils/date.h>
}

namespace {

using etl::dedupe::text_argument;
using etl::pg::arguments;

double cutoff(arguments args, int i)
{
    return etl::dedupe::require_cutoff(args.get<double>(i));
}

// (a, b) and (a, b, at_most)
template <class Distance>
Datum distance(arguments args, Distance of)
{
    const auto at_most =
        args.count() < 3 ? etl::dedupe::no_limit : etl::dedupe::require_at_most(args.get<std::int32_t>(2));
    const auto a = text_argument(args, 0);
    const auto b = text_argument(args, 1);
    return args.result(static_cast<std::int32_t>(of(a, b, at_most, etl::pg::poll)));
}

// (a, b, cutoff)
template <class Similarity>
Datum similarity(arguments args, Similarity of)
{
    const double least = cutoff(args, 2);
    const auto a = text_argument(args, 0);
    const auto b = text_argument(args, 1);
    return args.result(of(a, b, least, etl::pg::poll));
}

// (a, b, n, cutoff)
template <class Similarity>
Datum gram_similarity(arguments args, Similarity of)
{
    const double least = cutoff(args, 3);
    const auto a = text_argument(args, 0);
    const auto b = text_argument(args, 1);
    return args.result(of(a, b, args.get<std::int32_t>(2), least, etl::pg::poll));
}

} // namespace

ETL_FUNCTION(etl_jaro, args)
{
    const double least = cutoff(args, 2);
    return args.result(etl::dedupe::jaro(text_argument(args, 0), text_argument(args, 1), least));
}

ETL_FUNCTION(etl_jaro_winkler, args)
{
    const double least = cutoff(args, 2);
    return args.result(etl::dedupe::jaro_winkler(text_argument(args, 0), text_argument(args, 1), least));
}

ETL_FUNCTION(etl_levenshtein, args)
{
    return distance(args, etl::dedupe::levenshtein);
}

ETL_FUNCTION(etl_osa_distance, args)
{
    return distance(args, etl::dedupe::osa_distance);
}

ETL_FUNCTION(etl_damerau_levenshtein, args)
{
    return distance(args, etl::dedupe::damerau_levenshtein);
}

ETL_FUNCTION(etl_levenshtein_similarity, args)
{
    return similarity(args, etl::dedupe::levenshtein_similarity);
}

ETL_FUNCTION(etl_osa_similarity, args)
{
    return similarity(args, etl::dedupe::osa_similarity);
}

ETL_FUNCTION(etl_damerau_levenshtein_similarity, args)
{
    return similarity(args, etl::dedupe::damerau_levenshtein_similarity);
}

ETL_FUNCTION(etl_longest_common_subsequence, args)
{
    const auto a = text_argument(args, 0);
    const auto b = text_argument(args, 1);
    return args.result(static_cast<std::int32_t>(etl::dedupe::longest_common_subsequence(a, b, etl::pg::poll)));
}

ETL_FUNCTION(etl_longest_common_subsequence_similarity, args)
{
    return similarity(args, etl::dedupe::longest_common_subsequence_similarity);
}

ETL_FUNCTION(etl_jaccard, args)
{
    return gram_similarity(args, etl::dedupe::jaccard);
}

ETL_FUNCTION(etl_overlap, args)
{
    return gram_similarity(args, etl::dedupe::overlap);
}

ETL_FUNCTION(etl_cosine, args)
{
    return similarity(args, etl::dedupe::cosine_tokens);
}

ETL_FUNCTION(etl_monge_elkan, args)
{
    const double least = cutoff(args, 2);
    const auto way = args.get<bool>(3) ? etl::dedupe::direction::both : etl::dedupe::direction::a_in_b;
    const auto a = text_argument(args, 0);
    const auto b = text_argument(args, 1);
    return args.result(etl::dedupe::monge_elkan(a, b, way, least, etl::pg::poll));
}

ETL_FUNCTION(etl_numeric_similarity, args)
{
    return args.result(etl::dedupe::closeness(args.get<double>(0), args.get<double>(1), args.get<double>(2)));
}

// An infinite date is close to none but itself.
ETL_FUNCTION(etl_date_similarity, args)
{
    const DateADT a = DatumGetDateADT(args.given(0));
    const DateADT b = DatumGetDateADT(args.given(1));
    const double close = etl::dedupe::day_closeness(a, b, args.get<std::int32_t>(2));
    const bool is_far = a != b && (DATE_NOT_FINITE(a) || DATE_NOT_FINITE(b));
    return args.result(is_far ? 0.0 : close);
}
