// The special functions behind the distributions: incomplete gamma and beta functions, and probabilities of single
// counts that stay accurate for large counts.
//
// Relative accuracy is about 1e-13 for arguments up to some thousands and 1e-11 up to millions; that of a result that
// is close to 1 is absolute. NaN where an argument is NaN or outside the function's domain.
#pragma once

namespace etl::validate {

// The regularized incomplete gamma functions P(a, x) and Q = 1 - P, each accurate where it is small. a > 0, x >= 0.
double gamma_p(double a, double x);
double gamma_q(double a, double x);

// The regularized incomplete beta function I_x(a, b). a, b > 0; 0 <= x <= 1.
double beta_i(double a, double b, double x);

// The standard normal distribution function.
double normal_cdf(double x);

// The probability that a chi-square variable of so many degrees of freedom is above x.
double chi_square_sf(double x, double degrees);

// The probability of exactly k successes in n tries, each of probability p; q = 1 - p is given for its accuracy.
double binomial_probability(double k, double n, double p, double q);

} // namespace etl::validate
