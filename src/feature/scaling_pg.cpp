// etl.z_score, etl.min_max_scale: by moments that are the same for most rows, and so are read once; etl.one_hot.
#include "pg/number_array.hpp"
#include "pg/state_type.hpp"
#include "sketch/moments_reader.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/fmgrprotos.h>
}

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

using etl::moments_reader;
using etl::pg::arguments;

// What scaling by a state needs to know of it.
struct scale {
    double origin;
    double unit;
};

scale standard_scale(const moments_reader& stats)
{
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    return {stats.mean().value_or(nan), stats.deviation(moments_reader::divisor::population).value_or(nan)};
}

scale range_scale(const moments_reader& stats)
{
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    const double least = stats.least().value_or(nan);
    const double greatest = stats.greatest().value_or(nan);
    const double range = greatest - least;
    // Where the range has an overflow, its half has none: see scaled().
    return {least,
            std::isinf(range) && std::isfinite(least) && std::isfinite(greatest) ? -(greatest / 2 - least / 2) : range};
}

double scaled(double x, scale by)
{
    if (by.unit == 0) { // a constant column: as scikit-learn's scalers, by 1
        return x - by.origin;
    }
    const double difference = x - by.origin;
    if (by.unit < 0) {
        return (x / 2 - by.origin / 2) / -by.unit;
    }
    if (std::isinf(difference) && std::isfinite(x) && std::isfinite(by.origin)) {
        return (x / 2 - by.origin / 2) / (by.unit / 2);
    }
    return difference / by.unit;
}

// The state that the calling expression has seen last, and what it says.
class known_scale {
  public:
    explicit known_scale(scale (*read)(const moments_reader&)) : read_{read} {}

    scale of(std::span<const std::byte> state)
    {
        if (state.size() != state_.size() || std::memcmp(state.data(), state_.data(), state.size()) != 0) {
            scale_ = read_(moments_reader{state});
            state_.assign(state.begin(), state.end());
        }
        return scale_;
    }

  private:
    scale (*read_)(const moments_reader&);
    std::vector<std::byte> state_;
    scale scale_{};
};

Datum scale_argument(arguments args, scale (*read)(const moments_reader&))
{
    const double x = args.get<double>(0);
    const auto state = etl::pg::read_state(args, 1);
    return args.result(scaled(x, args.cached<known_scale>([read] { return read; }).of(state)));
}

enum class unknown_category { zeros, error };

unknown_category unknown_argument(arguments args, int i)
{
    const auto said = args.get<std::string_view>(i);
    if (said != "zeros" && said != "error") {
        throw etl::error(etl::sqlstate::invalid_parameter_value,
                         "unknown must be 'zeros' or 'error', not '" + std::string{said} + "'");
    }
    return said == "zeros" ? unknown_category::zeros : unknown_category::error;
}

[[noreturn]] void refuse_value(arguments args)
{
    const std::string shown = args.is_null(0) ? "NULL" : '"' + std::string{args.get<std::string_view>(0)} + '"';
    throw etl::error(etl::sqlstate::invalid_parameter_value, shown + " is none of the categories", {},
                     "Add it to the categories, or give it no 1 at all with unknown => 'zeros'.");
}

} // namespace

ETL_FUNCTION(etl_z_score, args)
{
    return scale_argument(args, standard_scale);
}

ETL_FUNCTION(etl_min_max_scale, args)
{
    return scale_argument(args, range_scale);
}

ETL_FUNCTION(etl_one_hot, args)
{
    ArrayType* categories = DatumGetArrayTypeP(args.given(1));
    const unknown_category unknown = unknown_argument(args, 2);
    Datum* names = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(categories, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
    auto* ones = etl::pg::allocate_array<std::int32_t>(static_cast<std::size_t>(count));
    etl::poller stop{etl::pg::poll};
    int found = 0;
    for (int i = 0; i < count; ++i) {
        if (nulls[i]) {
            throw etl::error(etl::sqlstate::invalid_parameter_value, "categories must not have NULL among them");
        }
        const bool is_value = !args.is_null(0) &&
                              DatumGetBool(DirectFunctionCall2Coll(texteq, args.collation(), args.datum(0), names[i]));
        ones[i] = is_value ? 1 : 0;
        found += ones[i];
        stop.tick();
    }
    if (found > 1) {
        throw etl::error(etl::sqlstate::invalid_parameter_value,
                         "category \"" + std::string{args.get<std::string_view>(0)} + "\" is given more than once");
    }
    if (found == 0 && unknown == unknown_category::error) {
        refuse_value(args);
    }
    return etl::pg::make_numbers(std::span<const std::int32_t>{ones, static_cast<std::size_t>(count)});
}
