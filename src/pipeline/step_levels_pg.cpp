// etl._step_levels: the order of the steps of a pipeline.
#include "pipeline/step_levels.hpp"
#include "pg/number_array.hpp"
#include "pg/text_array.hpp"

ETL_FUNCTION(etl_step_levels, args)
{
    const auto names = etl::pg::read_text_array(args.given(0));
    const auto steps = etl::pg::read_text_array(args.given(1));
    const auto needed = etl::pg::read_text_array(args.given(2));
    const auto levels = etl::pipeline::levels_of(names, steps, needed);
    return etl::pg::make_numbers(std::span<const std::int32_t>{levels});
}
