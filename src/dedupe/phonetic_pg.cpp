// The codes of phonetic.sql: a name in, its code or codes out.
#include "dedupe/double_metaphone.hpp"
#include "dedupe/metaphone.hpp"
#include "dedupe/nysiis.hpp"
#include "dedupe/soundex.hpp"
#include "dedupe/text_argument_pg.hpp"
#include "pg/text_array.hpp"

#include <array>
#include <utility>

using etl::dedupe::text_argument;

ETL_FUNCTION(etl_soundex, args)
{
    return args.result(etl::dedupe::soundex(text_argument(args, 0)));
}

ETL_FUNCTION(etl_nysiis, args)
{
    const auto max_length = args.get<std::int32_t>(1);
    return args.result(etl::dedupe::nysiis(text_argument(args, 0), max_length));
}

ETL_FUNCTION(etl_metaphone, args)
{
    const auto max_length = args.get<std::int32_t>(1);
    return args.result(etl::dedupe::metaphone(text_argument(args, 0), max_length));
}

ETL_FUNCTION(etl_double_metaphone, args)
{
    const auto max_length = args.get<std::int32_t>(1);
    auto codes = etl::dedupe::double_metaphone(text_argument(args, 0), max_length);
    const std::array both{std::move(codes.primary), std::move(codes.alternate)};
    return etl::pg::make_text_array(both);
}
