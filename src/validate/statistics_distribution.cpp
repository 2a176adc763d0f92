#include "validate/statistics_distribution.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/statistics_special.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

[[noreturn]] void refuse(std::string_view name, const std::string& why, std::span<const char* const> names)
{
    throw error(sqlstate::invalid_parameter_value, "invalid parameters of distribution " + in_quotes(name) + ": " + why,
                "Its parameters are " + joined(names) + '.',
                "Give them as a list in this order, or as an object with these names.");
}

} // namespace

const distribution::signature& distribution::find(std::string_view name)
{
    static constexpr signature known[] = {
        {"norm", family::norm, 0, {"mean", "std_dev"}},
        {"beta", family::beta, 2, {"alpha", "beta", "loc", "scale"}},
        {"gamma", family::gamma, 1, {"alpha", "loc", "scale"}},
        {"uniform", family::uniform, 0, {"min", "max"}},
        {"expon", family::expon, 0, {"loc", "scale"}},
        {"chi2", family::chi2, 1, {"df", "loc", "scale"}},
    };
    const auto found =
        std::find_if(std::begin(known), std::end(known), [name](const auto& s) { return s.name == name; });
    if (found == std::end(known)) {
        throw error(sqlstate::invalid_parameter_value, "unknown distribution " + in_quotes(name), {},
                    "Known distributions are norm, beta, gamma, uniform, expon and chi2.");
    }
    return *found;
}

void distribution::require_positive(const signature& of) const
{
    const std::span names{of.names.data(), of.shapes + 2};
    for (std::size_t i = 0; i < count_; ++i) {
        const bool must_be = i != of.shapes; // all but loc
        if (std::isnan(parameters_[i]) || (must_be && !(parameters_[i] > 0))) {
            refuse(of.name, std::string{names[i]} + (must_be ? " must be positive" : " must be a number"), names);
        }
    }
}

distribution::distribution(std::string_view name, std::span<const double> positional)
    : family_{find(name).of}, shapes_{find(name).shapes}, count_{positional.size()}
{
    const signature& of = find(name);
    const std::span names{of.names.data(), of.shapes + 2};
    if (count_ < of.shapes) {
        refuse(name, std::string{names[count_]} + " is missing", names);
    }
    if (count_ > names.size()) {
        refuse(name, "there are too many", names);
    }
    std::copy(positional.begin(), positional.end(), parameters_.begin());
    require_positive(of);
}

distribution::distribution(std::string_view name, const std::map<std::string, double>& named)
    : family_{find(name).of}, shapes_{find(name).shapes}, count_{shapes_ + 2}
{
    const signature& of = find(name);
    const std::span names{of.names.data(), count_};
    const std::array<const char*, 4> spellings{"", "", "loc", "scale"}; // of the last two, besides their own names
    for (std::size_t i = 0; i < count_; ++i) {
        auto found = named.find(names[i]);
        if (found == named.end() && i >= of.shapes) {
            found = named.find(spellings[2 + i - of.shapes]);
        }
        if (found == named.end() && i < of.shapes) {
            refuse(name, std::string{names[i]} + " is missing", names);
        }
        parameters_[i] = found != named.end() ? found->second : (i == of.shapes + 1 ? 1.0 : 0.0);
    }
    require_positive(of);
}

double distribution::standard_cdf(double z) const
{
    switch (family_) {
    case family::norm:
        return normal_cdf(z);
    case family::beta:
        return beta_i(parameters_[0], parameters_[1], std::clamp(z, 0.0, 1.0));
    case family::gamma:
        return gamma_p(parameters_[0], std::max(z, 0.0));
    case family::uniform:
        return std::clamp(z, 0.0, 1.0);
    case family::expon:
        return z <= 0 ? 0 : -std::expm1(-z);
    case family::chi2:
        break;
    }
    return gamma_p(parameters_[0] / 2, std::max(z, 0.0) / 2);
}

double distribution::cdf(double x) const
{
    if (std::isnan(x)) {
        return x;
    }
    const double loc = count_ > shapes_ ? parameters_[shapes_] : 0;
    const double scale = count_ > shapes_ + 1 ? parameters_[shapes_ + 1] : 1;
    return standard_cdf((x - loc) / scale);
}

} // namespace etl::validate
