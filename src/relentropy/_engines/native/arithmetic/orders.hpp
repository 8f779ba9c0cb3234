// The rows of the table of divergences that have an order: the twins of _formulas/power_gap.py and
// of Alpha and Tsallis in _formulas/generators.py, which say where the expressions come from.
#pragma once

#include "generators.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// (exp(k*x) - 1)/k, x itself at k = 0 and where k*x has no digits; infinite x give the limits.
RELENTROPY_FN Lanes deformed(Lanes x, double k) {
  if (k == 0.0) return x;
  Lanes z = x * k;
  return choose(magnitude(z) < SUBNORMAL, x, expm1(z) / k);
}

// (exp(z) - 1)/z, 1 at 0.
RELENTROPY_FN Lanes mean_exp(Lanes z) {
  Mask none = z == 0.0;
  Lanes safe = choose(none, 1.0, z);
  return choose(none, 1.0, expm1(safe) / safe);
}

// exp(order*ratio + more), also where the product leaves the range.
template <bool EXACT>
RELENTROPY_FN Lanes exp_of_product(Lanes order, Pair<Lanes> ratio, Pair<Lanes> more) {
  Lanes plain = order * ratio.hi + more.hi;
  Mask wild = no(magnitude(plain) < 1e300);
  plain = larger(smaller(plain, all<Lanes>(FAR)), all<Lanes>(-FAR));
  Pair<Lanes> z{plain, Lanes{}};
  if constexpr (EXACT) {
    z = add(multiply(Pair<Lanes>{order, Lanes{}}, ratio), more);
    z = choose(wild, Pair<Lanes>{plain, Lanes{}}, z);
  }
  return exp(z);
}

// x**alpha*y**(1 - alpha) where both have mass, from the side whose exponent is smaller, which is
// what rounding errors grow with.
template <bool EXACT, bool EASY>
RELENTROPY_FN Lanes power_of(const LinearEntry<EXACT, EASY>& e, double alpha) {
  Mask below = e.y > 0.0;  // or from the one that scaling has left alone
  if (!(alpha < 0.5)) below &= e.x == 0.0;
  Lanes order = choose(below, alpha, alpha - 1.0);
  Lanes power = exp_of_product<EXACT>(order, e.live_words(), Pair<Lanes>{});
  return choose(below, e.y, e.x) * power;
}
template <bool EXACT, bool EASY>
RELENTROPY_FN Lanes power_of(const LogEntry<EXACT, EASY>& e, double alpha) {
  const bool below = alpha < 0.5;
  Lanes order = all<Lanes>(below ? alpha : alpha - 1.0);
  return exp_of_product<EXACT>(order, e.live_words(), below ? e.log_y : e.log_x);
}

// x*(exp(order*log(x/y)) - 1)/order with order = alpha - 1, where both have mass. The product is a
// power of both, which stays in the range where its factors leave it.
template <class E>
RELENTROPY_FN Lanes x_bent(const E& e, double alpha, double order) {
  Lanes u = e.live_log_ratio(), z = u * order;
  Mask near = magnitude(z) < 1.0;
  Lanes close = e.x_times(deformed(choose(near, u, 0.0), order));
  if (every(near)) return close;
  Lanes apart = (power_of(e, alpha) - e.x) / (order == 0.0 ? 1.0 : order);
  return choose(near, close, apart);
}

// How far a weighted geometric mean is from the arithmetic one:
// (x**a*y**(1 - a) - a*x - (1 - a)*y)/(a*(a - 1)).
struct Order {
  static constexpr int TERMS = 29, FEW = 7;  // of the series, where s < 3, and where s < 2**-5
  double alpha;
  double of_x[TERMS], of_y[TERMS];  // coefficients where x is larger, and where y is

  explicit Order(double a) : alpha(a) {
    if (!(a >= 0.0 && a <= 1.0)) return;
    // (1 + v + ... + v**k)/(k + 2)!, from the highest power to the lowest.
    double x = 1.0, y = 1.0, factorial = 2.0;
    for (int k = 0; k < TERMS; k++) {
      of_x[TERMS - 1 - k] = x / factorial, of_y[TERMS - 1 - k] = y / factorial;
      x = 1.0 + a * x, y = 1.0 + (1.0 - a) * y, factorial *= k + 3;
    }
  }

  template <class E>
  RELENTROPY_METHOD Lanes term(const E& e) const {
    Lanes value = alpha > 1.0   ? above(e, alpha)
                  : alpha < 0.0 ? above(e.mirrored(), 1.0 - alpha)
                                : between(e);
    value = value + 0.0 * alpha;  // of nan there is none
    if constexpr (E::EASY) return value;
    Lanes only_y = alpha > 0.0 ? e.y / alpha : all<Lanes>(INF);
    Lanes only_x = alpha < 1.0 ? e.x / (1.0 - alpha) : all<Lanes>(INF);
    value = choose(e.live(), value, 0.0 * alpha);
    return choose(e.only_y(), only_y, choose(e.only_x(), only_x, value));
  }

  // Of orders from 0 to 1, with s = abs(log(x/y)).
  template <class E>
  RELENTROPY_METHOD Lanes between(const E& e) const {
    constexpr double REACH = E::EXACT ? 3.0 : 0x1p-5;
    constexpr int FIRST = E::EXACT ? 0 : TERMS - FEW;
    Pair<Lanes> u = e.live_words();
    Mask x_leads = u.hi > 0.0;
    Lanes s = magnitude(u.hi);
    Mask near = s < REACH;
    Lanes z = choose(near, s, 0.0), series{};
    for (int k = FIRST; k < TERMS; k++) {
      series = fma(series, z, choose(x_leads, all<Lanes>(of_x[k]), all<Lanes>(of_y[k])));
    }
    Pair<Lanes> square = {z * z, Lanes{}};
    if constexpr (E::EXACT) {
      square = two_prod(z, z);
      square.lo += 2.0 * (z * choose(near, choose(x_leads, u.lo, -u.lo), 0.0));
    }
    Lanes close = choose(x_leads, e.y, e.x) * fma(square.hi, series, square.lo * series);
    if (every(near)) return close;
    Lanes v = choose(x_leads, all<Lanes>(alpha), all<Lanes>(1.0 - alpha));
    Lanes w = choose(x_leads, all<Lanes>(1.0 - alpha), all<Lanes>(alpha));
    Mask small = v < 0.6;
    Lanes decay = expm1(-s), power = exp(Pair<Lanes>{-w * s, Lanes{}});
    Lanes rest = -decay - s * (power * mean_exp(-v * s));
    Lanes lead = s * mean_exp(-w * s) + decay;
    Lanes apart = choose(small, rest / choose(small, w, 1.0), lead / choose(small, 1.0, v));
    return choose(near, close, choose(x_leads, e.x, e.y) * apart);
  }

  // Of orders above 1: KL's term, and x*(exp(z) - 1 - z)/(a - 1) with z = (a - 1)*log(x/y).
  template <class E>
  RELENTROPY_METHOD Lanes above(const E& e, double a) const {
    Lanes d = -e.live_log_ratio();
    const double order = a - 1.0;
    Lanes z = larger(smaller(-order * d, all<Lanes>(FAR)), all<Lanes>(-FAR));
    Mask high = z >= 2.0, near = (z < 2.0) & (z > -2.0);
    Lanes small = choose(near, z, 0.0);
    Mask none = small == 0.0;
    Lanes safe = choose(none, 1.0, small);
    Lanes bent = choose(none, 0.0, expm1mx_near(safe) / magnitude(safe));
    Lanes second = e.x * (magnitude(d) * bent);
    if (!every(near)) {
      Lanes power = power_of(e, a);
      Mask calm = high & (power < INF);
      Lanes above_it = choose(calm, power - e.x * (1.0 + choose(calm, z, 0.0)), power);
      Lanes below_it = e.x * expm1mx(choose(near | high, -2.0, z));
      second = choose(near, second, choose(high, above_it, below_it) / order);
    }
    return (e.kl() + second) / a;
  }
};

// What both rows have in common.
struct Ordered {
  static constexpr bool ORDERED = true, PLAIN = false;
  Order of;
  explicit Ordered(double alpha) : of(alpha) {}

  // A product where both have mass, and x times the slope elsewhere.
  template <class E>
  static RELENTROPY_METHOD Lanes or_times(const E& e, Lanes inside, Lanes slope) {
    if constexpr (E::EASY) return inside;
    Mask live = e.live();
    return choose(live, inside, e.x_times(choose(live, 0.0, slope)));
  }
};

struct Alpha : Ordered {
  using Ordered::Ordered;
  RELENTROPY_TERM(term) { return of.term(e); }
  RELENTROPY_TERM(by_x) { return deformed(e.log_ratio(), of.alpha - 1.0); }
  RELENTROPY_TERM(by_y) { return -deformed(e.log_ratio(), of.alpha); }
  RELENTROPY_TERM(x_by_x) { return or_times(e, x_bent(e, of.alpha, of.alpha - 1.0), by_x(e)); }
  RELENTROPY_TERM(y_by_y) {
    const E other = e.mirrored();
    return or_times(other, x_bent(other, 1.0 - of.alpha, -of.alpha), by_y(e));
  }
};

struct Tsallis : Ordered {
  using Ordered::Ordered;
  RELENTROPY_TERM(term) {
    if (!(of.alpha >= 0.0)) return all<Lanes>(NOT_A_NUMBER);
    return choose(e.only_y(), e.y, of.alpha * of.term(e));
  }
  RELENTROPY_TERM(by_x) {
    if (of.alpha == 0.0) return Lanes{};
    return of.alpha * deformed(e.log_ratio(), of.alpha - 1.0);
  }
  RELENTROPY_TERM(by_y) {
    Lanes slope = -of.alpha * deformed(e.live_log_ratio(), of.alpha);
    Lanes lost = all<Lanes>(of.alpha > 0.0 ? -INF : 0.0);
    return choose(e.live(), slope, choose(e.only_y(), 1.0, choose(e.only_x(), lost, 0.0)));
  }
  RELENTROPY_TERM(x_by_x) {
    return or_times(e, of.alpha * x_bent(e, of.alpha, of.alpha - 1.0), by_x(e));
  }
  RELENTROPY_TERM(y_by_y) {
    const E other = e.mirrored();
    Lanes bent = of.alpha * x_bent(other, 1.0 - of.alpha, -of.alpha);
    return or_times(other, bent, by_y(e));
  }
};

}  // namespace RELENTROPY_SET
}  // namespace relentropy
