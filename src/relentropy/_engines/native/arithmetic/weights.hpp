// Two distributions given by weights, on one scale without rounding their sums away.
//
// The twin of _formulas/weight_shares.py, one pass shorter: the ratio r that brings q to p's mass
// is a pair, so that its error needs no residual. What it leaves is below 2**-100 of an entry
// (2**-75 of widened data), where no two rows of weights can differ but by rounding.
#pragma once

#include "logarithm.hpp"
#include "rows.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

template <bool EXACT>
constexpr double NOISE = EXACT ? 0x1p-100 : 0x1p-75;

// Sums of both sides, each times a power of two, and the largest and the smallest weights.
struct Weighed {
  Pair<double> p, q;
  double p_scale, q_scale;
  double p_top, q_top, p_low, q_low;
};

// What a sum of weights of this size needs, so as not to overflow, and to have error words.
RELENTROPY_FN double summed_by(double top) {
  return top >= 0x1p960 ? 0x1p-80 : top < 0x1p-800 ? 0x1p1000 : 1.0;
}

RELENTROPY_BLOCK Pair<double> sum_scaled(const double* p, int n, double scale) {
  Pair<Lanes> sum{};
  for (int i = 0; i < n; i += LANES) accumulate(sum, load(p + i) * scale);
  return gathered(sum);
}

template <bool EXACT>
RELENTROPY_BLOCK Weighed weigh(const double* p, const double* q, int n, const Next* next) {
  Pair<Lanes> p_sum{}, q_sum{};
  Lanes p_top{}, q_top{}, p_low = all<Lanes>(INF), q_low = p_low;
  for (int i = 0; i < n; i += LANES) {
    next[0].ask(i), next[1].ask(i);
    Lanes x = load(p + i), y = load(q + i);
    p_top = larger(x, p_top), q_top = larger(y, q_top);
    p_low = smaller(x, p_low), q_low = smaller(y, q_low);
    accumulate(p_sum, x);
    accumulate(q_sum, y);
  }
  Weighed row{gathered(p_sum), gathered(q_sum), 1.0,           1.0,
              max_of(p_top),   max_of(q_top),   min_of(p_low), min_of(q_low)};
  if constexpr (EXACT) {
    row.p_scale = summed_by(row.p_top), row.q_scale = summed_by(row.q_top);
    if (row.p_scale != 1.0) row.p = sum_scaled(p, n, row.p_scale);
    if (row.q_scale != 1.0) row.q = sum_scaled(q, n, row.q_scale);
  }
  return row;
}

RELENTROPY_FN Pair<double> scaled_by(Pair<double> x, double factor) {
  return {x.hi * factor, x.lo * factor};
}

RELENTROPY_BLOCK Weighed merge(const Weighed& one, const Weighed& other) {
  // A factor is 1 but for rows that reach from one end of the range to the other.
  double p_scale = smaller(one.p_scale, other.p_scale);
  double q_scale = smaller(one.q_scale, other.q_scale);
  return {add_sums(scaled_by(one.p, p_scale / one.p_scale),
                   scaled_by(other.p, p_scale / other.p_scale)),
          add_sums(scaled_by(one.q, q_scale / one.q_scale),
                   scaled_by(other.q, q_scale / other.q_scale)),
          p_scale,
          q_scale,
          larger(one.p_top, other.p_top),
          larger(one.q_top, other.q_top),
          smaller(one.p_low, other.p_low),
          smaller(one.q_low, other.q_low)};
}

// Whether both sides are distributions: nan shows in the sums.
RELENTROPY_FN bool possible(const Weighed& row) {
  return row.p_low >= 0 && row.q_low >= 0 && row.p_top < INF && row.q_top < INF && row.p.hi > 0 &&
         row.q.hi > 0;
}

// The power of two that brings a magnitude into the middle of the range, where products have
// exact remainders.
template <class T>
RELENTROPY_FN T middle(T top) {
  T factor = choose(top >= 0x1p-500, 0x1p800, all<T>(0x1p1000));
  factor = choose(top >= 0x1p-100, 0x1p400, factor);
  factor = choose(top >= 0x1p300, 1.0, factor);
  return choose(top >= 0x1p960, 0x1p-80, factor);
}

// What entries need of their row.
struct Shares {
  double p_scale, q_scale;
  Pair<double> ratio;
  Pair<double> p_mass, q_mass;  // of the scaled weights
  bool careful;                 // whether some mass is zero, or may become it
};

// Without EXACT the ratio's first word is short enough for its product with a float32 to be
// exact.
template <bool EXACT>
RELENTROPY_BLOCK Shares shares_of(const Weighed& row) {
  Shares of{1.0, 1.0, {}, row.p, row.q, false};
  if constexpr (EXACT) {
    of.p_scale = middle(row.p_top), of.q_scale = middle(row.q_top);
    of.p_mass = scaled_by(row.p, of.p_scale / row.p_scale);
    of.q_mass = scaled_by(row.q, of.q_scale / row.q_scale);
  }
  of.ratio = divide(of.p_mass, of.q_mass);
  if constexpr (!EXACT) {
    double c = 16777217.0 * of.ratio.hi, high = c - (c - of.ratio.hi);  // 2**24 + 1
    of.ratio = {high, (of.ratio.hi - high) + of.ratio.lo};
  }
  of.careful = !(row.p_low > 0 && row.q_low * of.q_scale * of.ratio.hi > SUBNORMAL);
  return of;
}

template <class T>
struct Entry {
  T x;
  Pair<T> y, gap;  // gap = x - y
};

// p, q brought to p's mass, and their difference with all its digits.
template <bool EXACT>
RELENTROPY_FN Entry<Lanes> entry_of(Lanes p, Lanes q, const Shares& row) {
  Entry<Lanes> e;
  Lanes rounded = all<Lanes>(row.ratio.hi);
  if constexpr (EXACT) {
    p = p * row.p_scale, q = q * row.q_scale;
    const Pair<Lanes> whole = two_prod(q, rounded);
    const Pair<Lanes> y = fast_two_sum(whole.hi, whole.lo + q * row.ratio.lo);
    Pair<Lanes> d = two_sum(p, -y.hi), gap = fast_two_sum(d.hi, d.lo - y.lo);
    Mask close = magnitude(gap.hi) < 0x1p-40 * p;
    if (any(close)) {
      // Shares that agree beyond an ulp differ by what is left of three words. (An error of the
      // ratio is common to all entries, and of second order.)
      Pair<Lanes> more = two_prod(q, all<Lanes>(row.ratio.lo));
      d = two_sum(p, -whole.hi);
      Pair<Lanes> apart = two_sum(d.hi, -whole.lo), left = two_sum(apart.hi, -more.hi);
      left = fast_two_sum(left.hi, left.lo + (apart.lo + (d.lo - more.lo)));
      gap = {choose(close, left.hi, gap.hi), choose(close, left.lo, gap.lo)};
    }
    e = {p, y, gap};
  } else {
    Lanes high = q * rounded, low = q * row.ratio.lo;
    e = {p, {high + low, Lanes{}}, {(p - high) - low, Lanes{}}};
  }
  Mask seen = magnitude(e.gap.hi) > NOISE<EXACT> * p;
  e.gap = {choose(seen, e.gap.hi, 0.0), choose(seen, e.gap.lo, 0.0)};
  return e;
}

// x*log(x/y) - x + y of positive finite x and y: with s = (x - y)/(x + y) it is
// d*s*(1 + s*(1 + s)*P(s**2)) where the two are within a factor of sqrt(2), and the difference
// of x*log(x/y) and x - y, both as pairs, beyond; there what rounding x left shows as well, which
// y and the difference know of.
template <bool EXACT, class T>
RELENTROPY_FN T kl_term_of(const Quotient<T>& of, T x, Pair<T> gap, T x_low = T{}) {
  T s = of.s, a = gap.hi * s;
  T bent = a * (s * (1.0 + s) * of.tail);
  if constexpr (EXACT) {
    // What rounding d*s and s has taken is as large as an ulp of a.
    Pair<T> product = two_prod(gap.hi, s);
    bent += product.lo + (gap.hi * of.low + gap.lo * s);
    Pair<T> log = logarithm(of), far = two_prod(x, log.hi);
    Pair<T> apart = two_sum(far.hi, -gap.hi);
    T rest = apart.lo + (far.lo + (x * log.lo - gap.lo)) + x_low * (1.0 + log.hi);
    return choose(of.k == 0.0, product.hi + bent, apart.hi + rest);
  }
  return choose(of.k == 0.0, a + bent, x * rounded_logarithm<false>(of) - gap.hi);
}
template <bool EXACT, class T>
RELENTROPY_FN T kl_term(T x, Pair<T> y, Pair<T> gap, T x_low = T{}) {
  return kl_term_of<EXACT>(quotient<EXACT>(x, y, gap), x, gap, x_low);
}

// The same sum of a block in which no two masses are more than a factor of sqrt(2) apart, which
// needs no logarithm: digits are to spare, or the block would be taken for EXACT.
RELENTROPY_BLOCK Pair<double> kl_terms_near(const double* p, const double* q, int n,
                                            const Shares& row, const Next* next) {
  Lanes sum{};
  for (int i = 0; i < n; i += LANES) {
    next[0].ask(i), next[1].ask(i);
    Entry<Lanes> e = entry_of<false>(load(p + i), load(q + i), row);
    Lanes s = e.gap.hi / (e.x + e.y.hi), a = e.gap.hi * s;
    sum += fma(a, s * (1.0 + s) * polynomial(ATANH_TAIL, s * s), a);
  }
  return {sum_of(sum), 0.0};
}

// Whether all masses of a block are that close; false where one is zero.
RELENTROPY_BLOCK bool all_near(const double* p, const double* q, int n, const Shares& row) {
  Lanes widest{};
  for (int i = 0; i < n; i += LANES) {
    Lanes x = load(p + i), y = load(q + i) * row.ratio.hi;
    // Without a quotient: abs(x - y) <= .17*(x + y).
    widest = larger(magnitude(x - y) - 0.17 * (x + y), widest);
  }
  return max_of(widest) <= 0.0;
}

// log(x/y) where y is too small to be seen beside its row.
RELENTROPY_RARE Lanes hidden_log_ratio(Lanes p, Lanes q, const Shares& row) {
  double scales = log(row.p_scale) - log(row.q_scale) - log(row.ratio.hi);
  return (log(p) - log(q)) + scales;
}

// The sum of a block's terms, on the scale of p's mass; padded with zeros.
template <bool EXACT, bool CAREFUL>
RELENTROPY_BLOCK Pair<double> kl_terms(const double* p, const double* q, int n, const Shares& row,
                                       const Next* next) {
  Pair<Lanes> sum{};
  for (int i = 0; i < n; i += LANES) {
    next[0].ask(i), next[1].ask(i);
    Lanes x = load(p + i), y = load(q + i);
    Entry<Lanes> e = entry_of<EXACT>(x, y, row);
    Lanes term;
    if constexpr (CAREFUL) {
      Mask no_x = e.x == 0.0, no_y = e.y.hi == 0.0, none = no_x | no_y;
      Lanes one = all<Lanes>(1.0), zero{};
      term = kl_term<EXACT>(choose(none, one, e.x),
                            {choose(none, one, e.y.hi), choose(none, zero, e.y.lo)},
                            {choose(none, zero, e.gap.hi), choose(none, zero, e.gap.lo)});
      Mask hidden = no_y & (y > 0.0) & no(no_x);
      if (any(hidden)) {
        Lanes ratio = hidden_log_ratio(choose(hidden, x, one), choose(hidden, y, one), row);
        term = choose(hidden, e.x * ratio - e.x, term);
      }
      term = choose(no_x, e.y.hi, choose(no_y & no(hidden), INF, term));
    } else {
      term = kl_term<EXACT>(e.x, e.y, e.gap);
    }
    if constexpr (EXACT) accumulate(sum, term);
    else sum.hi += term;
  }
  return gathered(sum);
}

template <bool EXACT>
RELENTROPY_BLOCK Pair<double> kl_terms(const double* p, const double* q, int n, const Shares& row,
                                       const Next* next) {
  const bool padded = p[n - 1] == 0.0;
  if (!EXACT && !row.careful && !padded && all_near(p, q, n, row))
    return kl_terms_near(p, q, n, row, next);
  return row.careful || padded ? kl_terms<EXACT, true>(p, q, n, row, next)
                               : kl_terms<EXACT, false>(p, q, n, row, next);
}

// The divergence in nats.
RELENTROPY_BLOCK double kl_of(const Weighed& row, const Shares& shares, Pair<double> terms) {
  if (!possible(row)) return NOT_A_NUMBER;
  if (!finite(terms.hi)) return terms.hi;
  Pair<double> value = divide(terms, shares.p_mass);
  return value.hi + value.lo;
}

// --- the gradient -----------------------------------------------------------------------------

// sum(delta), delta = q*r - p with r the first word of the ratio alone: exact, so that entries
// know their difference to all digits, and not to those of a row's largest.
template <bool EXACT>
RELENTROPY_FN Pair<Lanes> residual_of(Lanes& p, Lanes& q, const Shares& row) {
  Lanes rounded = all<Lanes>(row.ratio.hi);
  if constexpr (EXACT) {
    p = p * row.p_scale, q = q * row.q_scale;
    Pair<Lanes> y = two_prod(q, rounded), d = two_sum(y.hi, -p);
    return fast_two_sum(d.hi, d.lo + y.lo);
  }
  return {q * rounded - p, Lanes{}};
}

template <bool EXACT>
RELENTROPY_BLOCK Pair<double> residual(const double* p, const double* q, int n, const Shares& row) {
  Pair<Lanes> sum{};
  for (int i = 0; i < n; i += LANES) {
    Lanes x = load(p + i), y = load(q + i);
    accumulate(sum, residual_of<EXACT>(x, y, row));
  }
  return gathered(sum);
}

// p, q of p's mass, and their difference p*eps - delta, eps = sum(delta)/sum(p).
template <bool EXACT>
RELENTROPY_FN Entry<Lanes> entry_about(Lanes p, Lanes q, const Shares& row, Pair<double> eps) {
  Pair<Lanes> delta = residual_of<EXACT>(p, q, row);
  Lanes share = all<Lanes>(eps.hi);
  Entry<Lanes> e;
  e.x = p;
  if constexpr (EXACT) {
    Pair<Lanes> y = two_prod(q, all<Lanes>(row.ratio.hi)), d = two_prod(p, share);
    d = subtract(Pair<Lanes>{d.hi, d.lo + p * eps.lo}, delta);
    e.y = fast_two_sum(y.hi, y.lo - y.hi * share);
    e.gap = fast_two_sum(d.hi, d.lo - d.hi * share);
  } else {
    Lanes shrink = 1.0 - share;
    e.y = {q * row.ratio.hi * shrink, Lanes{}};
    e.gap = {(p * share - delta.hi) * shrink, Lanes{}};
  }
  // What rounding eps leaves must not show where the sides are proportional.
  constexpr double REST = EXACT ? 0x1p-140 : 0x1p-75;
  Mask seen = magnitude(e.gap.hi) > REST * p;
  e.gap = {choose(seen, e.gap.hi, 0.0), choose(seen, e.gap.lo, 0.0)};
  return e;
}

// (log(p/q') - KL)/sum(p) by p and (1 - p/q')/sum(q) by q, from the difference. Either may be
// left out.
template <bool EXACT>
RELENTROPY_BLOCK void kl_weight_slopes(const Shares& row, Pair<double> eps, double value, Seed seed,
                                       Base base, const double* p, const double* q, int n,
                                       double* by_p, double* by_q) {
  const bool done = settled(seed, by_p, n), also = settled(seed, by_q, n);
  if (done || also) return;
  const double unit = seed.unit * base.high;
  const double p_inverse = 1.0 / row.p_mass.hi, q_inverse = 1.0 / row.q_mass.hi;
  for (int i = 0; i < n; i += LANES) {
    Lanes x = load(p + i), y = load(q + i), one = all<Lanes>(1.0), zero{};
    Entry<Lanes> e = entry_about<EXACT>(x, y, row, eps);
    Mask no_x = e.x == 0.0, no_y = e.y.hi == 0.0, none = no_x | no_y;
    Mask only_x = (x > 0.0) & (y == 0.0), only_y = (x == 0.0) & (y > 0.0);
    if (by_p) {
      Quotient<Lanes> of = quotient<EXACT>(
          choose(none, one, e.x), {choose(none, one, e.y.hi), choose(none, zero, e.y.lo)},
          {choose(none, zero, e.gap.hi), choose(none, zero, e.gap.lo)});
      Pair<Lanes> log = logarithm(of);
      Lanes ratio = log.hi + log.lo;
      Mask hidden = none & (x > 0.0) & (y > 0.0);
      if (any(hidden)) {
        ratio = choose(
            hidden, hidden_log_ratio(choose(hidden, x, one), choose(hidden, y, one), row), ratio);
      }
      ratio = choose(only_y, -INF, choose(no_x & no(hidden), 0.0, ratio));
      Lanes rate = choose(only_x, INF, ratio - value);
      store(by_p + i, rate * p_inverse * row.p_scale * unit);
    }
    if (by_q) {
      Lanes rate = -(e.gap.hi + e.gap.lo) / choose(no_y, one, e.y.hi);
      rate = choose(no_y, choose(x > 0.0, -INF, 1.0), rate);
      store(by_q + i, rate * q_inverse * row.q_scale * unit);
    }
  }
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
