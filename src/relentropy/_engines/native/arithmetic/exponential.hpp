// The exponential function, and what is left of it when its first terms are taken away.
#pragma once

#include "pairs.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

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
