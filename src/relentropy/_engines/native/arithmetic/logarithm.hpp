// Logarithms of ratios, with a small relative error also where they are tiny.
#pragma once

#include "exponential.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

template <class T>
struct Scaled {
  T fraction;  // in [1, 2)
  T exponent;
};

// 2**n for whole n from -1022 to 1022.
template <class T>
RELENTROPY_FN T power_of_two(T n) {
  return of_bits(bits_of(n + (0x1.8p52 + 1023.0)) << 52);
}

// A positive finite number as a fraction and a power of two; subnormal numbers too.
template <class T>
RELENTROPY_FN Scaled<T> scaled(T x) {
  auto small = x < 0x1p-1022;
  x = choose(small, x * 0x1p54, x);
  auto bits = bits_of(x);
  T fraction = of_bits((bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull);
  // The exponent's bits as a number, without a conversion: 2**52 + e, less 2**52 + 1023.
  T exponent = of_bits((bits >> 52) | 0x4330000000000000ull) - 4503599627371519.0;
  return {fraction, choose(small, exponent - 54.0, exponent)};
}

// Two positive numbers as seen by atanh: log(x/y) is k*log(2) + 2*atanh(s), s = (u - v)/(u + v)
// where u/v is x/y less its power of two, and between 2/3 and 3/2.
template <class T>
struct Quotient {
  T k, s;
  T low;   // what the rounded s lacks
  T tail;  // (atanh(s)/s - 1)/s**2
};

// u is x/2**k and v is y, both times 2**-exponent.
template <class T>
struct Fractions {
  T u, v, k, exponent;
};

// Of normal numbers, which are left where they are. Bits of numbers are close to logarithms: at
// most .0861 below, so that the nearest whole number of the difference leaves s below .2003.
template <class T>
RELENTROPY_FN Fractions<T> normal_fractions(T x, T y) {
  auto apart = (bits_of(x) - bits_of(y)) + (1ull << 51);
  // 2**52 + 2048 + k, less 2**52 + 2048.
  T k = of_bits(((apart + (1ull << 63)) >> 52) | 0x4330000000000000ull) - 4503599627372544.0;
  return {of_bits(bits_of(x) - (apart & 0xfff0000000000000ull)), y, k, T{}};
}
// Of any positive finite numbers; u and v are between 1/2 and 2 then. The same k and s, as these
// do not depend on powers of two.
template <bool NORMAL, class T>
RELENTROPY_FN Fractions<T> fractions(T x, T y) {
  if constexpr (NORMAL) return normal_fractions(x, y);
  Scaled<T> one = scaled(x), two = scaled(y);
  Fractions<T> of = normal_fractions(one.fraction, two.fraction);
  return {of.u, of.v, (one.exponent - two.exponent) + of.k, two.exponent};
}

// From the fractions' difference and sum.
template <bool EXACT, class T>
RELENTROPY_FN Quotient<T> quotient_of(T k, Pair<T> d, Pair<T> t) {
  Quotient<T> found;
  found.k = k;
  if constexpr (EXACT) {
    T inverse = 1.0 / t.hi;
    found.s = d.hi * inverse;
    // No fma is needed for the remainder, which Dekker's product has where there is none.
    Pair<T> product = two_prod(found.s, t.hi);
    T lost = ((d.hi - product.hi) - product.lo) + (d.lo - found.s * t.lo);
    found.low = lost * inverse;
  } else {
    found.s = d.hi / t.hi;
    found.low = T{};
  }
  if constexpr (EXACT) found.tail = polynomial(ATANH_TAIL, found.s * found.s);
  else found.tail = polynomial(ATANH_TAIL_BRIEF, found.s * found.s);
  return found;
}

// Of finite x and y > 0, given x - y as a pair, which has digits that the rounded numbers have
// not where they are close; y may have a low word. Without EXACT they are normal numbers.
template <bool EXACT, class T>
RELENTROPY_FN Quotient<T> quotient(T x, Pair<T> y, Pair<T> difference) {
  Fractions<T> of = fractions<!EXACT>(x, y.hi);
  T u = of.u, v = of.v;
  auto same = of.k == 0.0;
  if constexpr (EXACT) {
    T unit = power_of_two(-of.exponent), rest = y.lo * unit;
    Pair<T> d = {choose(same, difference.hi * unit, u - v),
                 choose(same, difference.lo * unit, -rest)};
    Pair<T> t = two_sum(u, v);
    t.lo += rest;
    return quotient_of<true>(of.k, d, t);
  }
  Pair<T> d = {choose(same, difference.hi, u - v), T{}};
  return quotient_of<false>(of.k, d, Pair<T>{u + v, T{}});
}

// Of any positive finite numbers, or, where told so, of normal ones that leave products of two
// their remainders: the difference of fractions within a factor of two is exact (Sterbenz).
template <bool EXACT, bool NORMAL = false, class T>
RELENTROPY_FN Quotient<T> quotient(T x, T y) {
  Fractions<T> of = fractions<NORMAL>(x, y);
  Pair<T> t = {of.u + of.v, T{}};
  if constexpr (EXACT) t = two_sum(of.u, of.v);
  return quotient_of<EXACT>(of.k, Pair<T>{of.u - of.v, T{}}, t);
}

// log(x/y) as a pair of about 2**-60 relative error.
template <class T>
RELENTROPY_FN Pair<T> logarithm(const Quotient<T>& of) {
  T tail = 2.0 * fma(of.s * (of.s * of.s), of.tail, of.low) + of.k * LOG2_LO;
  Pair<T> high = two_sum(of.k * LOG2_HI, 2.0 * of.s);  // the product is exact: LOG2_HI is short
  return fast_two_sum(high.hi, high.lo + tail);
}

// The same rounded: to .51 ulp, or, without EXACT, to a few.
template <bool EXACT, class T>
RELENTROPY_FN T rounded_logarithm(const Quotient<T>& of) {
  if constexpr (EXACT) {
    Pair<T> value = logarithm(of);
    return value.hi + value.lo;
  }
  return fma(of.k, all<T>(LOG2), 2.0 * fma(of.s * (of.s * of.s), of.tail, of.s));
}

template <class T>
RELENTROPY_FN Pair<T> log_quotient(T x, T y, Pair<T> difference) {
  return logarithm(quotient<true>(x, Pair<T>{y, T{}}, difference));
}

// log(x/y) of positive finite numbers of any size (without EXACT of normal ones): a pair, or
// 1e-15 off.
template <bool EXACT, class T>
RELENTROPY_FN Pair<T> log_ratio(T x, T y) {
  Quotient<T> of = quotient<EXACT, !EXACT>(x, y);
  if constexpr (EXACT) return logarithm(of);
  return {fma(of.k, all<T>(LOG2), 2.0 * fma(of.s * (of.s * of.s), of.tail, of.s)), T{}};
}

// log(x) of a number, to .51 ulp, or, without EXACT, to a few; -inf at 0, nan below. PLAIN says
// that it is positive, finite and normal.
template <bool EXACT = true, bool PLAIN = false, class T>
RELENTROPY_FN T log(T x) {
  T one = all<T>(1.0);
  if constexpr (PLAIN) return rounded_logarithm<EXACT>(quotient<EXACT, true>(x, one));
  auto inside = (x > 0.0) & (x < INF);
  T value = rounded_logarithm<EXACT>(quotient<EXACT>(choose(inside, x, one), one));
  T outside = choose(x == 0.0, -INF, choose(x == INF, INF, all<T>(NOT_A_NUMBER)));
  return choose(inside, value, outside);
}

// The logarithm of a sum near 1 as a pair: of hi + lo it is log(hi) + lo/hi, and nothing cancels:
// where hi is close to 1, hi - 1 is exact. Without EXACT, of hi alone, given hi - 1 with the
// digits that hi lacks.
template <bool EXACT, bool NORMAL = false, class T>
RELENTROPY_FN Pair<T> log_of_sum(Pair<T> sum, T excess) {
  T one = all<T>(1.0);
  if constexpr (EXACT) {
    Pair<T> value = logarithm(quotient<true, NORMAL>(sum.hi, one));
    return {value.hi, value.lo + sum.lo / sum.hi};
  }
  Fractions<T> of = fractions<NORMAL>(sum.hi, one);
  auto same = of.k == 0.0;
  Pair<T> d = {choose(same, excess, of.u - one), T{}};
  Pair<T> t = {choose(same, 2.0 + excess, of.u + one), T{}};
  return {rounded_logarithm<false>(quotient_of<false>(of.k, d, t)), T{}};
}

// log(1 + x), to .6 ulp, or, without EXACT, to a few; -inf at -1, nan below. PLAIN says that it is
// finite and more than -1.
template <bool EXACT = true, bool PLAIN = false, class T>
RELENTROPY_FN T log1p(T x) {
  auto inside = (x > -1.0) & (x < INF);
  T z = x;
  if constexpr (!PLAIN) z = choose(inside, x, 0.0);
  Pair<T> value = log_of_sum<EXACT, true>(two_sum(all<T>(1.0), z), z);
  T sum = choose(x == 0.0, x, value.hi + value.lo);  // -0
  if constexpr (PLAIN) return sum;
  T outside = choose(x == -1.0, -INF, choose(x == INF, INF, all<T>(NOT_A_NUMBER)));
  return choose(inside, sum, outside);
}

// log(1 + x) of x from 0 to 1 as a pair: 2*atanh(s) with s = x/(2 + x), at most 1/3.
template <bool EXACT, class T>
RELENTROPY_FN Pair<T> log1p_of_share(T x) {
  if constexpr (!EXACT) {
    T s = x / (2.0 + x), y = s * s;
    return {2.0 * fma(s * y, polynomial(ATANH_TAIL_SHARE_BRIEF, y), s), T{}};
  }
  Pair<T> t = fast_two_sum(all<T>(2.0), x);
  T inverse = 1.0 / t.hi, s = x * inverse, y = s * s;
  Pair<T> product = two_prod(s, t.hi);
  T low = (((x - product.hi) - product.lo) - s * t.lo) * inverse;
  return fast_two_sum(2.0 * s, 2.0 * fma(s * y, polynomial(ATANH_TAIL_SHARE, y), low));
}

// log(1 + x) of a pair as a pair, for x from 0 to the range's middle.
RELENTROPY_FN Pair<double> log1p_words(Pair<double> x) {
  Pair<double> sum = add(x, 1.0);
  Pair<double> value = log_quotient(sum.hi, 1.0, two_sum(sum.hi, -1.0));
  double rest = sum.lo / sum.hi;  // as large as the whole where x is small
  return fast_two_sum(value.hi, value.lo + (rest - 0.5 * rest * rest));
}

// log(1 + x) - x, to 2 ulp: from r = x/(2 + x) it is 2*atanh(r) - x between -.6 and 1.5, where
// abs(r) < .43; beyond, the logarithm and x are far enough apart.
template <bool EXACT = true, bool PLAIN = false, class T>
RELENTROPY_FN T log1pmx(T x) {
  auto near = (x > -0.6) & (x < 1.5);
  T z = choose(near, x, 0.0), w = choose(near, 1.0, x);
  T r = z / (2.0 + z), y = r * r;
  T far = log1p<EXACT, PLAIN>(w) - w;
  if constexpr (!PLAIN) far = choose(w == INF, -INF, far);
  return choose(near, r * (2.0 * y * polynomial(ATANH_TAIL_FAR, y) - z), far);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
