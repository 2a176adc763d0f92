#include "validate/statistics_special.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double tau = 6.283185307179586476925286766559;
constexpr int most_terms = 1'000'000;

// ln n! less Stirling's approximation of it: the whole difference for small n, else its asymptotic series
// (Abramowitz and Stegun, 6.1.41).
double stirling_error(double n)
{
    if (n < 16) {
        int sign = 0;
        return lgamma_r(n + 1, &sign) - (n + 0.5) * std::log(n) + n - 0.5 * std::log(tau);
    }
    const double s = 1 / (n * n);
    return (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s * (1.0 / 1188 - s * 691.0 / 360360))))) /
           n;
}

// x ln(x / m) + m - x, by a series where x and m are close and the difference would cancel.
double deviance(double x, double m)
{
    if (x == 0) {
        return m;
    }
    const double distance = x - m;
    if (std::abs(distance) >= 0.1 * (x + m)) {
        const double ratio = x / m; // too large for a double where m nearly vanishes
        return x * (std::isinf(ratio) ? std::log(x) - std::log(m) : std::log(ratio)) - distance;
    }
    const double v = distance / (x + m);
    double sum = distance * v;
    double power = 2 * x * v;
    for (int i = 1; i < most_terms; ++i) {
        power *= v * v;
        const double next = sum + power / (2 * i + 1);
        if (next == sum) {
            break;
        }
        sum = next;
    }
    return sum;
}

// x^a e^-x / Gamma(a + 1), as Loader writes the Poisson probability ("Fast and accurate computation of binomial
// probabilities", 2000): no large logarithms that cancel.
double poisson_probability(double a, double x)
{
    if (x == 0) {
        return 0;
    }
    if (a < 1e-3) { // Stirling's approximation is no use here
        return std::exp(a * std::log(x) - x - std::lgamma(a + 1));
    }
    return std::exp(-stirling_error(a) - deviance(a, x)) / std::sqrt(tau * a);
}

// P(a, x) = x^a e^-x / Gamma(a + 1) × (1 + x / (a + 1) + x² / ((a + 1)(a + 2)) + …)
double gamma_series(double a, double x)
{
    double term = 1;
    double sum = 1;
    for (int i = 1; i < most_terms && term > sum * epsilon / 4; ++i) {
        term *= x / (a + i);
        sum += term;
    }
    return poisson_probability(a, x) * sum;
}

// Evaluates b0 + a1 / (b1 + a2 / (b2 + …)) from the front (Lentz's method as Thompson and Barnett modified it, 1986).
// terms(i, a, b) gives the i-th pair, from 1 on.
template <class Terms>
double continued_fraction(double b0, Terms&& terms)
{
    constexpr double tiny = 1e-300;
    double f = b0 == 0 ? tiny : b0;
    double c = f;
    double d = 0;
    for (int i = 1; i < most_terms; ++i) {
        double a = 0;
        double b = 0;
        terms(i, a, b);
        d = b + a * d;
        d = 1 / (d == 0 ? tiny : d);
        c = b + a / c;
        c = c == 0 ? tiny : c;
        const double change = c * d;
        f *= change;
        if (std::abs(change - 1) < epsilon) {
            break;
        }
    }
    return f;
}

// Q(a, x) = x^a e^-x / Gamma(a) × 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - …)))
// (Abramowitz and Stegun, 6.5.31, its even part).
double gamma_fraction(double a, double x)
{
    const double fraction = continued_fraction(x + 1 - a, [a, x](int i, double& above, double& below) {
        above = -i * (i - a);
        below = x + 2 * i + 1 - a;
    });
    return poisson_probability(a, x) * a / fraction;
}

// I_x(a, b) by its continued fraction (Abramowitz and Stegun, 26.5.8), which converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x, double y)
{
    const double fraction = continued_fraction(1, [a, b, x](int i, double& above, double& below) {
        const int m = i / 2;
        above = i % 2 == 0 ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                           : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        below = 1;
    });
    // x^a y^b / (a B(a, b)) is the probability of a successes in a + b tries, times b / (a + b).
    return binomial_probability(a, a + b, x, y) * b / (a + b) / fraction;
}

} // namespace

double gamma_p(double a, double x)
{
    if (!(a > 0) || !(x >= 0)) {
        return not_a_number;
    }
    if (std::isinf(x)) {
        return 1;
    }
    return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

double gamma_q(double a, double x)
{
    if (!(a > 0) || !(x >= 0)) {
        return not_a_number;
    }
    if (std::isinf(x)) {
        return 0;
    }
    return x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

double beta_i(double a, double b, double x)
{
    if (!(a > 0) || !(b > 0) || !(x >= 0) || !(x <= 1)) {
        return not_a_number;
    }
    if (x == 0 || x == 1) {
        return x;
    }
    const double y = 1 - x;
    return x < (a + 1) / (a + b + 2) ? beta_fraction(a, b, x, y) : 1 - beta_fraction(b, a, y, x);
}

double normal_cdf(double x)
{
    return 0.5 * std::erfc(-x * 0.70710678118654752440084436210485);
}

double chi_square_sf(double x, double degrees)
{
    return x <= 0 ? 1 : gamma_q(degrees / 2, x / 2);
}

// Loader's saddle-point form, for k and n that need not be whole numbers.
double binomial_probability(double k, double n, double p, double q)
{
    if (k == 0) {
        return p < 0.1 ? std::exp(n * std::log1p(-p)) : std::pow(q, n);
    }
    if (k == n) {
        return std::pow(p, n);
    }
    const double rest = n - k;
    if (k < 1e-3 || rest < 1e-3) { // Stirling's approximation is no use here
        int sign = 0;
        return std::exp(lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(rest + 1, &sign) + k * std::log(p) +
                        rest * std::log(q));
    }
    const double exponent =
        stirling_error(n) - stirling_error(k) - stirling_error(rest) - deviance(k, n * p) - deviance(rest, n * q);
    return std::exp(exponent) * std::sqrt(n / (tau * k * rest));
}

} // namespace etl::validate
