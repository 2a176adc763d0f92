// The distribution of the two-sided Kolmogorov-Smirnov statistic: which method is accurate where follows Simard and
// L'Ecuyer ("Computing the two-sided Kolmogorov-Smirnov distribution", Journal of Statistical Software 39, 2011).
#include "validate/statistics_ks.hpp"
#include "validate/statistics_special.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr double pi = 3.14159265358979323846264338327950288;
constexpr std::uint64_t small_n = 140;
constexpr std::uint64_t most_n_of_matrix = 100'000;
constexpr std::uint64_t most_n_of_sum = 1'000'000;

// A square matrix with a decimal exponent of its own, so that its powers do not overflow.
class matrix {
  public:
    explicit matrix(std::size_t size) : size_{size}, cells_(size * size) {}

    double& at(std::size_t row, std::size_t column) { return cells_[row * size_ + column]; }
    double at(std::size_t row, std::size_t column) const { return cells_[row * size_ + column]; }
    int exponent() const { return exponent_; }

    matrix times(const matrix& other) const
    {
        matrix product{size_};
        for (std::size_t i = 0; i < size_; ++i) {
            for (std::size_t k = 0; k < size_; ++k) {
                const double factor = at(i, k);
                for (std::size_t j = 0; factor != 0 && j < size_; ++j) {
                    product.at(i, j) += factor * other.at(k, j);
                }
            }
        }
        product.exponent_ = exponent_ + other.exponent_;
        product.scale();
        return product;
    }

    matrix power(std::uint64_t n) const
    {
        matrix result{size_};
        for (std::size_t i = 0; i < size_; ++i) {
            result.at(i, i) = 1;
        }
        for (matrix square = *this; n > 0; n /= 2) {
            if (n % 2 == 1) {
                result = result.times(square);
            }
            if (n > 1) {
                square = square.times(square);
            }
        }
        return result;
    }

  private:
    void scale()
    {
        if (at(size_ / 2, size_ / 2) > 1e140) {
            for (double& cell : cells_) {
                cell *= 1e-140;
            }
            exponent_ += 140;
        }
    }

    std::size_t size_;
    std::vector<double> cells_;
    int exponent_ = 0;
};

// Durbin's matrix for distance d of n values, as Marsaglia, Tsang and Wang lay it out ("Evaluating Kolmogorov's
// distribution", Journal of Statistical Software 8, 2003).
matrix durbin_matrix(std::size_t size, double h)
{
    matrix made{size};
    std::vector<double> inverse_factorial(size + 1, 1);
    for (std::size_t i = 1; i <= size; ++i) {
        inverse_factorial[i] = inverse_factorial[i - 1] / static_cast<double>(i);
    }
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t j = 0; j < size && j <= i + 1; ++j) {
            made.at(i, j) = inverse_factorial[i + 1 - j];
        }
    }
    for (std::size_t i = 0; i < size; ++i) {
        made.at(i, 0) -= std::pow(h, static_cast<double>(i + 1)) * inverse_factorial[i + 1];
        made.at(size - 1, i) -= std::pow(h, static_cast<double>(size - i)) * inverse_factorial[size - i];
    }
    if (h > 0.5) {
        made.at(size - 1, 0) += std::pow(2 * h - 1, static_cast<double>(size)) * inverse_factorial[size];
    }
    return made;
}

// P(D < d) = n! / n^n × the middle element of the matrix's n-th power.
double cdf_by_matrix(std::uint64_t n, double d)
{
    const double nd = static_cast<double>(n) * d;
    const auto k = static_cast<std::size_t>(nd) + 1;
    const matrix raised = durbin_matrix(2 * k - 1, static_cast<double>(k) - nd).power(n);
    double probability = raised.at(k - 1, k - 1);
    int exponent = raised.exponent();
    for (std::uint64_t i = 1; i <= n; ++i) {
        probability *= static_cast<double>(i) / static_cast<double>(n);
        if (probability < 1e-140) {
            probability *= 1e140;
            exponent -= 140;
        }
    }
    return probability * std::pow(10.0, exponent);
}

// Near the smallest distances there are: n! (2d - 1/n)^n for 1/2n <= d <= 1/n (Ruben and Gambino 1982).
double cdf_near_least(std::uint64_t n, double d)
{
    const double nd = static_cast<double>(n) * d;
    double probability = 1;
    for (std::uint64_t i = 1; i <= n && probability > 0; ++i) {
        probability *= static_cast<double>(i) / static_cast<double>(n) * (2 * nd - 1);
    }
    return probability;
}

// P(D+ >= d) by the sum of Birnbaum and Tingey (1951), each term of which is a binomial probability times a factor.
double one_sided_sf(std::uint64_t n, double d)
{
    const auto size = static_cast<double>(n);
    if (n > most_n_of_sum) { // Maag and Dicaire 1971: the limit with its first correction
        const double x = 6 * size * d + 1;
        return std::exp(-x * x / (18 * size));
    }
    double sum = 0;
    for (std::uint64_t j = 0; static_cast<double>(j) <= size * (1 - d); ++j) {
        const double p = d + static_cast<double>(j) / size;
        if (p < 1) {
            sum += binomial_probability(static_cast<double>(j), size, p, 1 - p) * d / p;
        }
    }
    return std::min(sum, 1.0);
}

// Adds term(k) for k = first, first + 1, … until they no longer count.
template <class Term>
double sum_of(int first, Term&& term)
{
    double sum = 0;
    for (int k = first; k < 1000; ++k) {
        const double next = term(k);
        sum += next;
        if (k > first + 1 && std::abs(next) <= 1e-18 * std::abs(sum)) {
            break;
        }
    }
    return sum;
}

// The expansion of P(D < d) in powers of 1/sqrt(n) by Pelz and Good ("Approximating the lower tail-areas of the
// Kolmogorov-Smirnov one-sample statistic", 1976), with z = sqrt(n) d.
double cdf_by_expansion(std::uint64_t n, double d)
{
    const auto size = static_cast<double>(n);
    const double z = std::sqrt(size) * d;
    const double z2 = z * z;
    const double z4 = z2 * z2;
    const double z6 = z4 * z2;
    const double root = std::sqrt(pi / 2);
    // All sums are over both signs of k, or of k + 1/2; twice those of the positive ones.
    const auto halves = [z2](auto polynomial) {
        return 2 * sum_of(0, [z2, polynomial](int k) {
                   const double square = pi * pi * (k + 0.5) * (k + 0.5);
                   return polynomial(square) * std::exp(-square / (2 * z2));
               });
    };
    const auto wholes = [z2](auto polynomial) {
        return 2 * sum_of(1, [z2, polynomial](int k) {
                   const double square = pi * pi * k * k;
                   return polynomial(square) * std::exp(-square / (2 * z2));
               });
    };
    const double k0 = root / z * halves([](double) { return 1.0; });
    const double k1 = root / (6 * z4) * halves([z2](double s) { return s - z2; });
    const double k2 = root / (72 * z6 * z) * halves([=](double s) {
                          return 6 * z6 + 2 * z4 + s * (2 * z4 - 5 * z2) + s * s * (1 - 2 * z2);
                      }) -
                      root / (36 * z2 * z) * wholes([](double s) { return s; });
    const double k3 = root / (6480 * z6 * z4) * halves([=](double s) {
                          return s * s * s * (5 - 30 * z2) + s * s * (-60 * z2 + 212 * z4) + s * (135 * z4 - 96 * z6) -
                                 (30 * z6 + 90 * z6 * z2);
                      }) +
                      root / (216 * z6) * wholes([z2](double s) { return s * (3 * z2 - s); });
    return std::clamp(k0 + k1 / std::sqrt(size) + k2 / size + k3 / (size * std::sqrt(size)), 0.0, 1.0);
}

double cdf_of_common(std::uint64_t n, double d)
{
    const auto size = static_cast<double>(n);
    const bool by_matrix = n <= small_n || (n <= most_n_of_matrix && size * d * std::sqrt(d) <= 1.4);
    return by_matrix ? cdf_by_matrix(n, d) : cdf_by_expansion(n, d);
}

} // namespace

double kolmogorov_sf(std::uint64_t n, double d)
{
    const auto size = static_cast<double>(n);
    if (n == 0 || std::isnan(d)) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    if (d >= 1 || size * d <= 0.5) {
        return d >= 1 ? 0 : 1;
    }
    if (size * d <= 1) {
        return 1 - cdf_near_least(n, d);
    }
    if (size * d >= size - 1) {
        return 2 * std::pow(1 - d, size);
    }
    // From here on D- and D+ hardly ever are both large, so that one of them is with twice the probability.
    const double limit = n <= small_n ? 4.0 : 2.2;
    if (d >= 0.5 || size * d * d >= limit) {
        return std::min(2 * one_sided_sf(n, d), 1.0);
    }
    return std::max(1 - cdf_of_common(n, d), 0.0);
}

} // namespace etl::validate
