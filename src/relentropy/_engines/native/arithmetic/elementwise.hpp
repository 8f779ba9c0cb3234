// The elementwise functions, and their derivatives.
//
// The twin of _formulas/elementwise.py, which says what the limits are. Each function is a
// struct: `plain` says which operands need no care, `value<EXACT, PLAIN>` is the function, and
// `slope<EXACT, I>` its derivative by operand I. What PLAIN leaves out are choices only, so that
// an entry's bits do not depend on its neighbours. EXACT is at most 2 ulp off in float64; without,
// all that a rounding to 24 bits can see is there.
#pragma once

#include "weights.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Operands that need no care: where products of two have exact remainders (of widened ones all
// do), and, where there is but one, normal numbers.
template <bool EXACT, class T>
RELENTROPY_FN auto in_the_middle(T x, T y) {
  constexpr double low = EXACT ? 0x1p-300 : 0x1p-1022, high = EXACT ? 0x1p300 : INF;
  return (smaller(x, y) >= low) & (larger(x, y) < high) & (x == x);
}
template <class T>
RELENTROPY_FN auto normal(T x) {
  return (x >= 0x1p-1022) & (x < INF);
}
template <class T>
RELENTROPY_FN auto unknown(T x, T y) {
  return (x != x) | (y != y);
}

// x/y for y >= 0 (a zero of either sign counts as +0), and 0 where x is.
template <class T>
RELENTROPY_FN T quotient_or_zero(T x, T y) {
  auto absent = (x == 0.0) & (y == y);
  T divisor = choose(y == 0.0, 0.0, choose(y > 0.0, y, NOT_A_NUMBER));
  return choose(absent, 0.0, x / choose(absent, 1.0, divisor));
}

// log(x/y) in the limit, or, for STEP = 1, 1 + log(x/y) = log(e*x/y), with all its digits also
// where 1 and the logarithm cancel: e*x is a pair, and so is its difference from y.
template <bool EXACT, int STEP, class T>
RELENTROPY_FN T log_slope(T x, T y) {
  auto live = (x > 0.0) & (y > 0.0) & (x < INF) & (y < INF);
  T one = all<T>(1.0), a = choose(live, x, one), b = choose(live, y, one), value;
  if constexpr (STEP == 0) {
    value = rounded_logarithm<EXACT>(quotient<EXACT>(a, b));
  } else {
    // e in two words, by mpmath at 40 digits.
    Scaled<T> up = scaled(a), down = scaled(b);
    Pair<T> product = two_prod(all<T>(2.718281828459045), up.fraction);
    product.lo += 1.4456468917292502e-16 * up.fraction;
    if constexpr (EXACT) product = fast_two_sum(product.hi, product.lo);
    Fractions<T> of = normal_fractions(product.hi, down.fraction);
    T k = (up.exponent - down.exponent) + of.k, low = product.lo * power_of_two(-of.k);
    Pair<T> d = {of.u - of.v, low}, t = {of.u + of.v, low};
    if constexpr (EXACT) {
      d = fast_two_sum(d.hi, d.lo);
      t = two_sum(of.u, of.v), t.lo += low;
    } else {
      d.hi += low;
    }
    value = rounded_logarithm<EXACT>(quotient_of<EXACT>(k, d, t));
  }
  auto absent = live | ((x == 0.0) & (y == 0.0));
  if (!any(no(live))) return value;
  T p = choose(absent, one, x), q = choose(absent, one, y);
  return choose(live, value, log<EXACT>(p) - log<EXACT>(q));
}

struct KLDiv {
  static constexpr int OPERANDS = 2;
  static constexpr double FILL = 1.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T x, T y) {
    return in_the_middle<EXACT>(x, y);
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x, T y) {
    if constexpr (PLAIN) return kl_term_of<EXACT>(quotient<EXACT, true>(x, y), x, gap<EXACT>(x, y));
    auto live = (x > 0.0) & (y > 0.0) & (x < INF) & (y < INF);
    T a = choose(live, x, 1.0), b = choose(live, y, 1.0), value;
    Quotient<T> of = quotient<EXACT>(a, b);
    if constexpr (EXACT) {
      T factor = middle(larger(a, b));
      a = a * factor, b = b * factor;
      value = kl_term_of<true>(of, a, gap<true>(a, b)) / factor;
    } else {
      value = kl_term_of<false>(of, a, gap<false>(a, b));
    }
    T limit = choose((x == 0.0) & (y >= 0.0), y + 0.0, all<T>(INF));
    limit = choose((x == INF) & (y == INF), NOT_A_NUMBER, limit);
    return choose(unknown(x, y), x + y, choose(live, value, limit));
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x, T y) {
    if constexpr (I == 0) return log_slope<EXACT, 0>(x, y);
    auto known = ((x > 0.0) | (y > 0.0)) & (y < INF);
    T divisor = choose(known, choose(y == 0.0, 0.0, y), 1.0);  // no -0
    T value = choose(known, (divisor - x) / divisor, 1.0);
    auto outside = (x < 0.0) | (y < 0.0) | ((x == INF) & (y == INF));
    value = choose(outside, NOT_A_NUMBER, value);
    return choose(unknown(x, y), x + y, value);
  }

 private:
  template <bool EXACT, class T>
  RELENTROPY_FN Pair<T> gap(T x, T y) {
    if constexpr (EXACT) return two_sum(x, -y);
    return {x - y, T{}};
  }
};

struct RelEntr {
  static constexpr int OPERANDS = 2;
  static constexpr double FILL = 1.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T x, T y) {
    return in_the_middle<EXACT>(x, y);
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x, T y) {
    if constexpr (PLAIN) return x * rounded_logarithm<EXACT>(quotient<EXACT, true>(x, y));
    auto live = (x > 0.0) & (y > 0.0) & (x < INF) & (y < INF);
    T a = choose(live, x, 1.0), b = choose(live, y, 1.0);
    T value = a * rounded_logarithm<EXACT>(quotient<EXACT>(a, b));
    // Of positive numbers one is infinite, or both.
    T limit = choose(x == INF, choose(y == INF, all<T>(NOT_A_NUMBER), INF), -INF);
    limit = choose((x > 0.0) & (y > 0.0), limit, INF);
    limit = choose((x == 0.0) & (y >= 0.0), 0.0, limit);
    return choose(unknown(x, y), x + y, choose(live, value, limit));
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x, T y) {
    if constexpr (I == 0) return log_slope<EXACT, 1>(x, y);
    return choose((x < 0.0) | (y < 0.0), NOT_A_NUMBER, -quotient_or_zero(x, y));
  }
};

struct Entr {
  static constexpr int OPERANDS = 1;
  static constexpr double FILL = 1.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T x) {
    return normal(x);
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x) {
    if constexpr (PLAIN) return -x * log<EXACT, true>(x);
    T value = -x * log<EXACT>(choose(x > 0.0, x, 1.0));
    value = choose(x == 0.0, 0.0, choose(x < 0.0, -INF, value));
    return choose(x != x, x, value);
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x) {
    return -log_slope<EXACT, 1>(x, all<T>(1.0));
  }
};

struct XLogY {
  static constexpr int OPERANDS = 2;
  static constexpr double FILL = 1.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T, T y) {
    return normal(y);
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x, T y) {
    auto absent = (x == 0.0) & (y == y);
    if constexpr (PLAIN) return choose(absent, 0.0, x * log<EXACT, true>(y));
    return choose(absent, 0.0, x * log<EXACT>(choose(absent, 1.0, y)));
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x, T y) {
    if constexpr (I == 1) return quotient_or_zero(x, y);
    auto absent = (x == 0.0) & (y == 0.0);
    T value = log<EXACT>(choose(absent, 1.0, y));
    return choose(x != x, x, value);
  }
};

struct XLog1pY {
  static constexpr int OPERANDS = 2;
  static constexpr double FILL = 1.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T, T y) {
    return (y > -1.0) & (y < INF);
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x, T y) {
    auto absent = (x == 0.0) & (y == y);
    if constexpr (PLAIN) return choose(absent, 0.0, x * log1p<EXACT, true>(y));
    return choose(absent, 0.0, x * log1p<EXACT>(choose(absent, 1.0, y)));
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x, T y) {
    if constexpr (I == 1) return quotient_or_zero(x, 1.0 + y);
    auto absent = (x == 0.0) & (y == -1.0);
    return choose(x != x, x, log1p<EXACT>(choose(absent, 0.0, y)));
  }
};

// exp(x) - 1, and exp(x) - 1 - x, without EXACT.
template <int TERMS, class T>
RELENTROPY_FN T exp_less(T x) {
  auto near = magnitude(x) < 1.0;
  T z = choose(near, x, 0.0), tail = z * z * polynomial(EXP_TAIL_NEAR, z);
  T grown = choose(x > 700.0, INF, exp_down(smaller(x, all<T>(700.0))));
  T far = grown - (TERMS == 1 ? all<T>(1.0) : 1.0 + x);
  far = choose(x == INF, INF, choose(x != x, x, far));
  return choose(near, TERMS == 1 ? z + tail : tail, far);
}

struct Expm1mx {
  static constexpr int OPERANDS = 1;
  static constexpr double FILL = 0.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T x) {
    return magnitude(x) < 1.0;
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x) {
    if constexpr (PLAIN && EXACT) return expm1mx_near(x);
    if constexpr (PLAIN) return x * x * polynomial(EXP_TAIL_NEAR, x);
    if constexpr (EXACT) return expm1mx(x);
    return exp_less<2>(x);
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x) {
    if constexpr (EXACT) return expm1(x);
    return exp_less<1>(x);
  }
};

struct Log1pmx {
  static constexpr int OPERANDS = 1;
  static constexpr double FILL = 0.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T x) {
    return (x > -1.0) & (x < INF);
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x) {
    return log1pmx<EXACT, PLAIN>(x);
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x) {
    auto known = (x >= -1.0) & (x < INF);
    T z = choose(known, x, 0.0);
    T value = choose(known, -z / (1.0 + z), -1.0);
    return choose(x < -1.0, NOT_A_NUMBER, choose(x != x, x, value));
  }
};

// log(1 - exp(x)) of a pair below 0 as a pair: Maechler's two forms (2012), joined at -log(2),
// of one logarithm. -0 where the exponential has vanished.
template <bool EXACT, class T>
RELENTROPY_FN Pair<T> log_of_rest(Pair<T> x) {
  auto near = x.hi > -LOG2;
  T z = choose(near, x.hi, 0.0), part;
  if constexpr (EXACT) part = expm1mx_near(z);
  else part = z * z * polynomial(EXP_TAIL_NEAR, z);
  T grown = exp_below<EXACT>(x);
  Pair<T> rest = fast_two_sum(-z, -part), far = fast_two_sum(all<T>(1.0), -grown);
  if constexpr (EXACT) rest.lo -= choose(near, x.lo, 0.0) * (1.0 + (z + part));
  rest = {choose(near, rest.hi, far.hi), choose(near, rest.lo, far.lo)};
  Pair<T> value = log_of_sum<EXACT>(rest, -grown);
  auto gone = x.hi < -745.1332191019412;  // half the smallest number
  return {choose(gone, -0.0, value.hi), choose(gone, -0.0, value.lo)};
}

struct Log1mexp {
  static constexpr int OPERANDS = 1;
  static constexpr double FILL = -1.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T x) {
    return x < 0.0;
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x) {
    auto below = x < 0.0;
    Pair<T> found = log_of_rest<EXACT>(Pair<T>{PLAIN ? x : choose(below, x, -1.0), T{}});
    T value = found.hi + found.lo;
    if constexpr (PLAIN) return value;
    return choose(below, value, choose(x == 0.0, -INF, all<T>(NOT_A_NUMBER)));
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x) {
    T below = choose(x <= 0.0, x, NOT_A_NUMBER);
    if constexpr (EXACT) return -exp(Pair<T>{below, T{}}) / (0.0 - expm1(below));
    return choose(below == below, -exp_down(below) / (0.0 - exp_less<1>(below)), below);
  }
};

// 1/(1 + exp(-x)).
template <bool EXACT, class T>
RELENTROPY_FN T sigmoid(Pair<T> x) {
  auto below = x.hi < 0.0;
  T low = exp_below<EXACT>(Pair<T>{choose(below, x.hi, -x.hi), choose(below, x.lo, -x.lo)});
  T share = choose(below, low, 1.0) / (1.0 + low);
  return choose(x.hi != x.hi, x.hi, share);
}

// x - y as a pair, whose low word is 0 where it is infinite; 0 where there is none.
template <class T, class M>
RELENTROPY_FN Pair<T> difference(T x, T y, M none) {
  Pair<T> gap = two_sum(choose(none, 0.0, x), -choose(none, 0.0, y));
  return {gap.hi, choose(magnitude(gap.hi) < INF, gap.lo, 0.0)};
}

// x and a logarithm, rounded once; x may be infinite unless it is PLAIN. Zeros keep their sign.
template <bool EXACT, bool PLAIN, class T>
RELENTROPY_FN T sum_with(T x, Pair<T> logarithm) {
  if constexpr (!EXACT) return x + logarithm.hi;
  Pair<T> sum = two_sum(x, logarithm.hi);
  T low = sum.lo + logarithm.lo;
  auto rounded = low == 0.0;
  if constexpr (!PLAIN) rounded |= magnitude(sum.hi) == INF;
  return choose(rounded, sum.hi, sum.hi + low);
}

struct Log1pexp {
  static constexpr int OPERANDS = 1;
  static constexpr double FILL = 0.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T x) {
    return x == x;
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x) {
    Pair<T> rest = log1p_of_share<EXACT>(exp_below<EXACT>(Pair<T>{-magnitude(x), T{}}));
    T value = sum_with<EXACT, false>(larger(x, T{}), rest);
    return PLAIN ? value : choose(x != x, x, value);
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x) {
    return sigmoid<EXACT>(Pair<T>{x, T{}});
  }
};

struct LogAddExp {
  static constexpr int OPERANDS = 2;
  static constexpr double FILL = 0.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T x, T y) {
    return (magnitude(x) < 0x1p1000) & (magnitude(y) < 0x1p1000);
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x, T y) {
    T top = larger(x, y), low = smaller(x, y);
    Pair<T> gap = {low - top, T{}};
    if constexpr (!PLAIN) gap = difference(low, top, low == top);
    else if constexpr (EXACT) gap = two_sum(low, -top);
    Pair<T> rest = log1p_of_share<EXACT>(exp_below<EXACT>(gap));
    T value = sum_with<EXACT, PLAIN>(top, rest);
    return PLAIN ? value : choose(unknown(x, y), x + y, value);
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x, T y) {
    if constexpr (I == 1) return slope<EXACT, 0>(y, x);
    else {
      auto none = (x == -INF) & (y == -INF);
      T share = choose(none, 0.0, sigmoid<EXACT>(difference(x, y, none)));
      return choose((x == INF) | (y == INF), NOT_A_NUMBER, share);
    }
  }
};

struct LogSubExp {
  static constexpr int OPERANDS = 2;
  static constexpr double FILL = 0.0;

  template <bool EXACT, class T>
  RELENTROPY_FN auto plain(T x, T y) {
    return (y < x) & (magnitude(x) < 0x1p1000) & (magnitude(y) < 0x1p1000);
  }
  template <bool EXACT, bool PLAIN, class T>
  RELENTROPY_FN T value(T x, T y) {
    auto inside = y < x;
    Pair<T> gap = {y - x, T{}};
    if constexpr (!PLAIN) {
      gap = difference(y, x, no(inside));
      gap.hi = choose(inside, gap.hi, -1.0);
    } else if constexpr (EXACT) {
      gap = two_sum(y, -x);
    }
    T value = sum_with<EXACT, PLAIN>(x, log_of_rest<EXACT>(gap));
    if constexpr (PLAIN) return value;
    auto same = (x == y) & (x < INF);
    return choose(inside, value, choose(same, -INF, all<T>(NOT_A_NUMBER)));
  }
  template <bool EXACT, int I, class T>
  RELENTROPY_FN T slope(T x, T y) {
    auto none = (x == -INF) & (y == -INF);
    Pair<T> gap = difference(y, x, none);
    auto inside = (y <= x) & (x < INF);
    gap = {choose(inside, gap.hi, 0.0), choose(inside, gap.lo, 0.0)};
    T grown = exp_below<EXACT>(gap), rest, part = all<T>(1.0);
    if constexpr (EXACT) rest = (0.0 - expm1(gap.hi)) - grown * gap.lo;
    else rest = 0.0 - exp_less<1>(gap.hi);
    if constexpr (I == 1) part = -grown;
    T value = choose(none, 0.0, part / choose(none, 1.0, rest));
    return choose(inside, value, NOT_A_NUMBER);
  }
};

}  // namespace RELENTROPY_SET
}  // namespace relentropy
