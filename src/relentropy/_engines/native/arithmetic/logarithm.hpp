// Logarithms of ratios, with a small relative error also where they are tiny.
#pragma once

#include "exponential.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// (atanh(s)/s - 1)/s**2 in y = s**2, abs(s) < .1716, 1.0e-18 off: mpmath.chebyfit, 8 terms.
constexpr double ATANH_TAIL[] = {
    0.06543383504974087, 0.06634379834280306, 0.07693120102906739, 0.09090897815442377,
    0.11111111195900235, 0.14285714285401616, 0.2000000000000044,  0.3333333333333333};

// The same for abs(s) up to 1/2, 2.0e-17 off: 14 terms on [0, .2501].
constexpr double ATANH_TAIL_FAR[] = {
    0.21115109506841148,  -0.14477005451011898, 0.13576149109826188, 0.012219494246581248,
    0.05443792667937839,  0.051604446522550286, 0.058931382593187094, 0.06665883232659046,
    0.07692346108805066,  0.09090907875688518,  0.1111111113405809,   0.14285714285488846,
    0.2000000000000087,   0.3333333333333333};

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

// Two positive numbers as seen by atanh: log(x/y) is k*log(2) + 2*atanh(s), s = (x - y)/(x + y)
// of their fractions, which are brought within a factor of sqrt(2).
template <class T>
struct Quotient {
    T k, s;
    T low;   // what the rounded s lacks
    T tail;  // (atanh(s)/s - 1)/s**2
};

// Of finite x and y > 0, given x - y as a pair, which has digits that the rounded numbers have
// not where they are close; y may have a low word.
template <bool EXACT, class T>
RELENTROPY_FN Quotient<T> quotient(T x, Pair<T> y, Pair<T> difference) {
    Scaled<T> one = scaled(x), two = scaled(y.hi);
    auto above = one.fraction > 1.4142135623730951 * two.fraction;
    auto below = two.fraction > 1.4142135623730951 * one.fraction;
    T k = (one.exponent - two.exponent) + choose(above, 1.0, choose(below, -1.0, T{}));
    T u = one.fraction * choose(above, 0.5, choose(below, 2.0, all<T>(1.0))), v = two.fraction;
    auto same = k == 0.0;
    T unit = power_of_two(-two.exponent);
    Quotient<T> found;
    found.k = k;
    if constexpr (EXACT) {
        T rest = y.lo * unit;
        Pair<T> d = {choose(same, difference.hi * unit, u - v),
                     choose(same, difference.lo * unit, -rest)};
        Pair<T> t = two_sum(u, v);
        t.lo += rest;
        T inverse = 1.0 / t.hi;
        found.s = d.hi * inverse;
        // No fma is needed for the remainder, which Dekker's product has where there is none.
        Pair<T> product = two_prod(found.s, t.hi);
        T lost = ((d.hi - product.hi) - product.lo) + (d.lo - found.s * t.lo);
        found.low = lost * inverse;
    } else {
        found.s = choose(same, difference.hi * unit, u - v) / (u + v);
        found.low = T{};
    }
    found.tail = polynomial(ATANH_TAIL, found.s * found.s);
    return found;
}

// log(x/y) as a pair of about 2**-60 relative error.
template <class T>
RELENTROPY_FN Pair<T> logarithm(const Quotient<T> &of) {
    T tail = 2.0 * fma(of.s * (of.s * of.s), of.tail, of.low) + of.k * LOG2_LO;
    Pair<T> high = two_sum(of.k * LOG2_HI, 2.0 * of.s);  // the product is exact: LOG2_HI is short
    return fast_two_sum(high.hi, high.lo + tail);
}

template <class T>
RELENTROPY_FN Pair<T> log_quotient(T x, T y, Pair<T> difference) {
    return logarithm(quotient<true>(x, Pair<T>{y, T{}}, difference));
}

// log(x/y) of positive finite numbers of any size: a pair, or 1e-15 off. Where they are within a
// factor of sqrt(2), the difference of their fractions is exact.
template <bool EXACT, class T>
RELENTROPY_FN Pair<T> log_ratio(T x, T y) {
    Scaled<T> one = scaled(x), two = scaled(y);
    auto above = one.fraction > 1.4142135623730951 * two.fraction;
    auto below = two.fraction > 1.4142135623730951 * one.fraction;
    T k = (one.exponent - two.exponent) + choose(above, 1.0, choose(below, -1.0, T{}));
    T u = one.fraction * choose(above, 0.5, choose(below, 2.0, all<T>(1.0))), v = two.fraction;
    T d = u - v;
    if constexpr (!EXACT) {
        T s = d / (u + v), y = s * s;
        return {fma(k, all<T>(LOG2), 2.0 * fma(s * y, polynomial(ATANH_TAIL, y), s)), T{}};
    }
    Pair<T> t = two_sum(u, v);
    T s = d / t.hi;
    Pair<T> product = two_prod(s, t.hi);
    T low = (((d - product.hi) - product.lo) - s * t.lo) / t.hi;
    return logarithm(Quotient<T>{k, s, low, polynomial(ATANH_TAIL, s * s)});
}

// log(x) of a number, to .51 ulp; -inf at 0, nan below.
template <class T>
RELENTROPY_FN T log(T x) {
    auto inside = (x > 0.0) & (x < INF);
    T z = choose(inside, x, 1.0);
    Pair<T> value = log_quotient(z, all<T>(1.0), two_sum(z, all<T>(-1.0)));
    T outside = choose(x == 0.0, -INF, choose(x == INF, INF, all<T>(NOT_A_NUMBER)));
    return choose(inside, value.hi + value.lo, outside);
}

// log(1 + x), to .6 ulp; -inf at -1, nan below. With 1 + x as the pair hi + lo it is
// log(hi) + lo/hi, and nothing cancels: where hi is close to 1, hi - 1 is exact.
template <class T>
RELENTROPY_FN T log1p(T x) {
    auto inside = (x > -1.0) & (x < INF);
    T one = all<T>(1.0);
    Pair<T> sum = two_sum(one, choose(inside, x, 0.0));
    Pair<T> value = log_quotient(sum.hi, one, two_sum(sum.hi, -one));
    T outside = choose(x == -1.0, -INF, choose(x == INF, INF, all<T>(NOT_A_NUMBER)));
    return choose(inside, value.hi + (value.lo + sum.lo / sum.hi), outside);
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
template <class T>
RELENTROPY_FN T log1pmx(T x) {
    auto near = (x > -0.6) & (x < 1.5);
    T z = choose(near, x, 0.0), w = choose(near, 1.0, x);
    T r = z / (2.0 + z), y = r * r;
    T far = choose(w == INF, -INF, log1p(w) - w);
    return choose(near, r * (2.0 * y * polynomial(ATANH_TAIL_FAR, y) - z), far);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
