// The exponential function, and what is left of it when its first terms are taken away.
#pragma once

#include "pairs.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// log(2) in two words, the first with 21 zeros at its end, and its reciprocal.
constexpr double LOG2_HI = 6.93147180369123816490e-01;
constexpr double LOG2_LO = 1.90821492927058770002e-10;
constexpr double LOG2 = 6.93147180559945286227e-01;
constexpr double LOG2_E = 1.44269504088896338700e+00;

// Estrin's scheme, coefficients from the highest power to the lowest: a chain of log2(N) steps,
// where Horner's has N and would leave most of the processor idle.
template <int FIRST, int COUNT, int N, class T>
RELENTROPY_FN T part_of(const double (&c)[N], const T* powers) {
  if constexpr (COUNT == 1) {
    return all<T>(c[N - 1 - FIRST]);
  } else if constexpr (COUNT == 2) {
    return fma(powers[0], all<T>(c[N - 2 - FIRST]), all<T>(c[N - 1 - FIRST]));
  } else {
    constexpr int level = COUNT > 16 ? 4 : COUNT > 8 ? 3 : COUNT > 4 ? 2 : 1;
    constexpr int half = 1 << level;
    return fma(powers[level], part_of<FIRST + half, COUNT - half>(c, powers),
               part_of<FIRST, half>(c, powers));
  }
}
template <class T, int N>
RELENTROPY_FN T polynomial(const double (&c)[N], T x) {
  T powers[5] = {x, x * x, x, x, x};
  for (int i = 2; i < 5; i++) powers[i] = powers[i - 1] * powers[i - 1];
  return part_of<0, N>(c, powers);
}

// The polynomial without its last coefficient, over x: where that coefficient is the larger part,
// rounding a sum with it once is better than at each level of the scheme.
template <class T, int N>
RELENTROPY_FN T rest_of_polynomial(const double (&c)[N], T x) {
  T powers[5] = {x, x * x, x, x, x};
  for (int i = 2; i < 5; i++) powers[i] = powers[i - 1] * powers[i - 1];
  return part_of<1, N - 1>(c, powers);
}

// (exp(x) - 1 - x)/x**2 on abs(x) < log(2)/2, 1.4e-18 off: mpmath.chebyfit, 11 terms.
constexpr double EXP_TAIL[] = {2.0914686968086876e-09,
                               2.5105217004720745e-08,
                               2.75572736431103e-07,
                               2.7557255400206422e-06,
                               2.4801587325547743e-05,
                               0.00019841269874820627,
                               0.0013888888888883748,
                               0.008333333333326136,
                               0.04166666666666667,
                               0.1666666666666667,
                               0.5};
// The same, 7.3e-15 off: 9 terms.
constexpr double EXP_TAIL_BRIEF[] = {
    2.761380686153829e-07,  2.762511557828763e-06, 2.4801536388690766e-05,
    0.00019841208732536384, 0.0013888888905881542, 0.008333333353729397,
    0.04166666666665136,    0.1666666666664829,    0.5};
// The same on abs(x) < 1/4, 3.9e-16 off: 9 terms.
constexpr double EXP_TAIL_QUARTER[] = {
    2.758669229104366e-07,  2.7592569930959876e-06, 2.4801573530729414e-05,
    0.00019841253314374944, 0.0013888888891279828,  0.008333333336202819,
    0.04166666666666555,    0.16666666666665322,    0.5};
// The same where digits are to spare, on abs(x) < 1/2, 1.8e-14 off: 1/2 + x*chebyfit, 9 terms.
constexpr double EXP_TAIL_HALF[] = {2.5142602001926687e-08, 2.7674993261937146e-07,
                                    2.755714945307651e-06,  2.480136651966594e-05,
                                    0.00019841269959194755, 0.0013888889042252353,
                                    0.00833333333331122,    0.04166666666637908,
                                    0.16666666666666666,    0.5};
// The same on abs(x) < 1, 2.0e-16 off: 13 terms.
constexpr double EXP_TAIL_NEAR[] = {1.1627098130423447e-11,
                                    1.6309412649784643e-10,
                                    2.087479843099664e-09,
                                    2.504897129972493e-08,
                                    2.755733098715279e-07,
                                    2.755733806780384e-06,
                                    2.4801587267259408e-05,
                                    0.00019841269786275093,
                                    0.001388888888893181,
                                    0.0083333333334021,
                                    0.04166666666666651,
                                    0.16666666666666421,
                                    0.5};
// The same where digits are to spare: Taylor's series, for abs(x) < 2**-5.
constexpr double EXP_TAIL_SHORT[] = {1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5};
// The same on abs(x) < 2, 1.2e-18 off: 17 terms.
constexpr double EXP_TAIL_FAR[] = {1.633329863609043e-16,
                                   2.9545866471328475e-15,
                                   4.7744431721110966e-14,
                                   7.63706638519095e-13,
                                   1.147093322535863e-11,
                                   1.6059420302296456e-10,
                                   2.0876753010996743e-09,
                                   2.5052100404490446e-08,
                                   2.755731927176626e-07,
                                   2.7557319319885053e-06,
                                   2.4801587301283017e-05,
                                   0.00019841269840659067,
                                   0.001388888888888976,
                                   0.00833333333333508,
                                   0.04166666666666666,
                                   0.16666666666666652,
                                   0.5};

// exp(x) for x below 709 where digits are to spare: 2e-15 off for abs(x) below 30, and
// abs(x)*8e-17 beyond; exp(-708) for what is below.
template <class T>
RELENTROPY_FN T exp_down(T x) {
  x = larger(x, all<T>(-708.0));
  T shifted = fma(x, LOG2_E, 0x1.8p52), n = shifted - 0x1.8p52;  // n, to the nearest
  T r = fma(n, -LOG2, x);
  T grown = fma(r * r, polynomial(EXP_TAIL_BRIEF, r), r) + 1.0;
  return of_bits(bits_of(grown) + (bits_of(shifted) << 52));
}

// exp(x) - 1 for abs(x) below 600 where digits are to spare: 1e-14 of it, however small x is, and
// as far off as exp_down beyond.
template <class T>
RELENTROPY_FN T expm1_brief(T x) {
  T shifted = fma(x, LOG2_E, 0x1.8p52), n = shifted - 0x1.8p52;
  T r = fma(n, -LOG2, x), bent = fma(r * r, polynomial(EXP_TAIL_BRIEF, r), r);
  T power = of_bits(bits_of(all<T>(1.0)) + (bits_of(shifted) << 52));
  return fma(power, bent, power - 1.0);
}

// exp(hi + lo) to .53 ulp, for any hi: a rounded exponent alone would cost abs(x) ulp.
template <class T>
RELENTROPY_FN T exp(Pair<T> x) {
  auto above = x.hi > 709.782712893384, below = x.hi < -745.2;
  T hi = choose(above, 0.0, choose(below, 0.0, x.hi));
  T shifted = fma(hi, LOG2_E, 0x1.8p52), n = shifted - 0x1.8p52;
  T high = fma(n, -LOG2_HI, hi), step = n * LOG2_LO;
  T r = high - step, lost = ((high - r) - step) + x.lo;
  T part = fma(r * r, polynomial(EXP_TAIL, r), r);
  T grown = 1.0 + (part + fma(lost, part, lost));
  // In two steps, as 2**n alone may be subnormal or infinite.
  T half = fma(n, 0.5, 0x1.8p52);
  auto one = bits_of(half) - bits_of(all<T>(0x1.8p52));
  auto two = bits_of(shifted) - bits_of(half);
  grown = of_bits(bits_of(grown) + (one << 52)) * of_bits((two + 1023) << 52);
  grown = choose(above, INF, choose(below, 0.0, grown));
  return choose(x.hi != x.hi, x.hi, grown);
}

template <bool EXACT>
RELENTROPY_FN Lanes exp_of(Pair<Lanes> x) {
  if constexpr (EXACT) return exp(x);
  return exp_down(x.hi);
}

// The same for sums over rows, where exp(-708) would not do for 0: 0 where exp(x) is.
template <bool EXACT, class T>
RELENTROPY_FN T exp_below(Pair<T> x) {
  if constexpr (EXACT) return exp(x);
  return choose(x.hi < -745.2, 0.0, exp_down(x.hi));
}

// exp(hi + lo) as a pair, 2**-58 off, for hi up to 700: what is multiplied with sums, and masses
// that are subtracted from each other.
template <class T>
RELENTROPY_FN Pair<T> exp_words(Pair<T> x) {
  auto below = no(x.hi > -745.2);
  T hi = choose(below, 0.0, x.hi);
  T n = fma(hi, LOG2_E, 0x1.8p52) - 0x1.8p52;
  T high = fma(n, -LOG2_HI, hi), step = n * LOG2_LO;
  T r = high - step, lost = ((high - r) - step) + x.lo;
  T bent = (r * r) * polynomial(EXP_TAIL, r), tail = bent + fma(lost, r + bent, lost);
  Pair<T> grown = fast_two_sum(all<T>(1.0), r);
  grown = fast_two_sum(grown.hi, grown.lo + tail);
  // In two steps, as 2**n alone may be subnormal.
  T half = fma(n, 0.5, 0x1.8p52) - 0x1.8p52;
  T one = of_bits(bits_of(half + (0x1.8p52 + 1023.0)) << 52);
  T two = of_bits(bits_of((n - half) + (0x1.8p52 + 1023.0)) << 52);
  T none = choose(x.hi == x.hi, 0.0, x.hi);
  return {choose(below, none, grown.hi * one * two), choose(below, 0.0, grown.lo * one * two)};
}

// exp(x) - 1 - x for abs(x) < 2, to 1.5 ulp: x**2/2, with what rounding has taken of it, and x**3
// times a polynomial.
template <class T>
RELENTROPY_FN T expm1mx_near(T x) {
  Pair<T> square = two_prod(x, x);
  T bent = fma(square.hi * x, rest_of_polynomial(EXP_TAIL_FAR, x), 0.5 * square.lo);
  // An underflowing square has no remainder.
  return 0.5 * square.hi + choose(square.hi < SUBNORMAL, 0.0, bent);
}

// exp(x) - 1 - x, to 2 ulp; where abs(x) > 2, exp(x) and 1 + x are a factor of two apart and may be
// subtracted.
template <class T>
RELENTROPY_FN T expm1mx(T x) {
  auto near = magnitude(x) < 2.0;
  T grown = exp(Pair<T>{x, T{}});
  T far = choose(grown == INF, grown, grown - (1.0 + x));
  return choose(near, expm1mx_near(choose(near, x, 0.0)), far);
}

// exp(x) - 1, to 2 ulp.
template <class T>
RELENTROPY_FN T expm1(T x) {
  auto near = magnitude(x) < 1.0;
  T z = choose(near, x, 0.0);
  return choose(near, fma(z * z, polynomial(EXP_TAIL_FAR, z), z), exp(Pair<T>{x, T{}}) - 1.0);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
