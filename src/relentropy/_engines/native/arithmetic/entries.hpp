// What a divergence adds up: the masses of two distributions at one place, and how they differ.
//
// The twin of _formulas/entries.py, linear_entries.py and log_entries.py, which say what the
// members mean. Entries of weights know the difference of the masses exactly, entries of logits
// the logarithm of their ratio. EASY says that both sides have mass, which is far from the end
// of the range; and of entries of logits that they are within a factor of e.
#pragma once

#include "kl_logits.hpp"
#include "logsumexp.hpp"
#include "weights.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// exp(x) - 1 of abs(x) < 1, the digits of a pair and all.
template <bool EXACT>
RELENTROPY_FN Lanes expm1_near(Pair<Lanes> x) {
  if constexpr (EXACT) {
    Lanes g = x.hi * x.hi * polynomial(EXP_TAIL_FAR, x.hi);
    return x.hi + (g + x.lo * (1.0 + (x.hi + g)));
  }
  return fma(x.hi * x.hi, polynomial(EXP_TAIL_NEAR, x.hi), x.hi);
}

// The same as a pair.
RELENTROPY_FN Pair<Lanes> expm1_words(Pair<Lanes> x) {
  Lanes g = x.hi * x.hi * polynomial(EXP_TAIL_FAR, x.hi);
  return fast_two_sum(x.hi, g + x.lo * (1.0 + (x.hi + g)));
}

template <bool EXACT>
RELENTROPY_FN Lanes kl_of_pairs(Lanes x, Pair<Lanes> y, Pair<Lanes> gap, Lanes x_low) {
  Mask none = (x == 0.0) | (y.hi == 0.0);
  Lanes one = all<Lanes>(1.0), zero{};
  Lanes term = kl_term<EXACT>(choose(none, one, x), choose(none, Pair<Lanes>{one, zero}, y),
                              choose(none, Pair<Lanes>{zero, zero}, gap), x_low);
  return choose(x == 0.0, y.hi, choose(y.hi == 0.0, INF, term));
}

// exp(log/2) of masses that are too small for their digits, and other things seldom needed.
RELENTROPY_RARE Lanes root_of_tiny(Lanes high, Lanes low) {
  return exp(Pair<Lanes>{0.5 * high, 0.5 * low});
}
RELENTROPY_RARE Lanes expm1_of_tiny(Lanes x) { return expm1(x); }
RELENTROPY_RARE double log_of_weight(double w) { return log(w); }

// What rates are multiplied by: of tiny weights the product is past the range where a rate is 0.
struct Unit {
  double by_mass, scale;
};

// How much of a mixture is either side's: two numbers whose sum is 1.
struct Blend {
  Pair<double> x, y;
  static Blend of(double w) {
    const double v = 1.0 - w;
    return {{v, (1.0 - v) - w}, {w, 0.0}};
  }
  Blend mirrored() const { return {y, x}; }
};

// The mixture of an entry's sides, and x less that.
template <class E>
struct Mixture {
  Pair<Lanes> m, gap;
  RELENTROPY_FN Mixture of(const E& e, const Blend& blend) {
    Mixture found;
    const double v = blend.x.hi, w = blend.y.hi;
    if constexpr (E::EXACT) {
      Pair<Lanes> one = two_prod(e.x, all<Lanes>(v)), two = two_prod(e.y, all<Lanes>(w));
      Pair<Lanes> sum = two_sum(one.hi, two.hi);
      Lanes low = (one.lo + two.lo) + (e.x * blend.x.lo + e.y * blend.y.lo);
      found.m = fast_two_sum(sum.hi, sum.lo + (low + (e.x_low * v + e.y_low * w)));
      found.gap = two_prod(e.gap, all<Lanes>(w));
      found.gap.lo += e.gap_low * w + e.gap * blend.y.lo;
    } else {
      found.m = {e.x * v + e.y * w, Lanes{}};
      found.gap = {e.gap * w, Lanes{}};
    }
    return found;
  }
};

// What entries of both kinds have, and what is written once for them. Of masses and their
// difference the first words are rounded numbers.
template <class E>
struct Common {
  Lanes x, y, gap, x_low, y_low, gap_low;

  // log(x/m) of a mixture m; -inf where only y is.
  RELENTROPY_FN Lanes log_of_mixture(const E& e, const Blend& blend) {
    Mixture<E> of = Mixture<E>::of(e, blend);
    Mask none = (e.x == 0.0) | (of.m.hi == 0.0);
    Lanes one = all<Lanes>(1.0), zero{};
    Pair<Lanes> words = logarithm(
        quotient<E::EXACT>(choose(none, one, e.x), choose(none, Pair<Lanes>{one, zero}, of.m),
                           choose(none, Pair<Lanes>{zero, zero}, of.gap)));
    Lanes value = words.hi + words.lo;
    if constexpr (!E::EASY) {
      value = choose((of.m.hi > 0.0) & (e.x == 0.0), -INF, choose(of.m.hi == 0.0, 0.0, value));
      Mask hidden = e.live() & (value == -INF);
      if (blend.y.hi > 0 && any(hidden)) {
        value = choose(hidden, e.live_log_ratio() - log_of_weight(blend.y.hi), value);
      }
    }
    return value;
  }

  // (x - m)/m.
  RELENTROPY_FN Lanes from_mixture(const E& e, const Blend& blend) {
    Mixture<E> of = Mixture<E>::of(e, blend);
    Mask known = of.m.hi > 0.0;
    Lanes excess = of.gap.hi / choose(known, of.m.hi, 1.0);
    if constexpr (E::EASY) return excess;
    // Where y is none, also of what is too small to be seen; only for v = 0 that is infinite.
    const double alone = blend.x.hi > 0.0 ? blend.y.hi / blend.x.hi : INF;
    return choose(known, excess, choose(e.only_x(), alone, Lanes{}));
  }

  RELENTROPY_FN Lanes kl_to_mixture(const E& e, const Blend& blend) {
    Mixture<E> of = Mixture<E>::of(e, blend);
    if constexpr (E::EASY) return kl_term<E::EXACT>(e.x, of.m, of.gap, e.x_low);
    return kl_of_pairs<E::EXACT>(e.x, of.m, of.gap, e.x_low);
  }

  // (x - y)/(x + y), 0 where there is no mass.
  RELENTROPY_FN Lanes spread(const E& e) {
    Lanes total = e.x + e.y;
    return e.gap / (E::EASY ? total : choose(total > 0.0, total, 1.0));
  }

  // With h the larger mass, r the ratio of the smaller to it, and L the logarithm of that:
  // (h*(1 + r)*(log(2) - log1p(r)) + h*r*L)/2, for r up to 1/4 or so.
  RELENTROPY_FN Lanes far_jensen_shannon(const E& e) {
    Mask above = e.gap > 0.0;
    Lanes high = choose(above, e.x, e.y), low = choose(above, e.y, e.x);
    Lanes r = low / (E::EASY ? high : choose(high > 0.0, high, 1.0));
    r = smaller(r, all<Lanes>(0.5));  // what is closer is not asked for
    Lanes s = r / (2.0 + r);
    Lanes l = 2.0 * fma(s * (s * s), polynomial(ATANH_TAIL, s * s), s);
    Pair<Lanes> log = e.live_words();
    log = choose(above, log, Pair<Lanes>{-log.hi, -log.lo});
    if constexpr (!E::EASY) {
      Mask none = low == 0.0;
      log = choose(none, Pair<Lanes>{Lanes{}, Lanes{}}, log);
    }
    if constexpr (E::EXACT) {
      Pair<Lanes> share = fast_two_sum(all<Lanes>(LOG2), -l), total = two_sum(high, low);
      share.lo += 2.3190468138462996e-17;  // log(2) less its first word
      total.lo += e.x_low + e.y_low;
      Pair<Lanes> one = multiply(total, share);
      Pair<Lanes> two = multiply(Pair<Lanes>{low, choose(above, e.y_low, e.x_low)}, log);
      return 0.5 * ((one.hi - two.hi) + (one.lo - two.lo));
    }
    return 0.5 * ((high + low) * (LOG2 - l) - low * log.hi);
  }
};

template <bool EXACT_, bool EASY_>
struct LinearEntry : Common<LinearEntry<EXACT_, EASY_>> {
  static constexpr bool EXACT = EXACT_, EASY = EASY_;
  using Self = LinearEntry;

  // As they are in the middle of the range, where products have exact remainders; the rounded
  // ones of `Common` are on a scale where the row's mass is near 1.
  Pair<Lanes> large_x, large_y, large_gap;
  Lanes p, q;  // before any scaling, which may leave nothing of them
  double unit;
  const Shares* row;
  bool turned;

  RELENTROPY_FN void lower(Self& e) {
    e.x = e.large_x.hi, e.y = e.large_y.hi, e.gap = e.large_gap.hi;
    e.x_low = e.large_x.lo, e.y_low = e.large_y.lo, e.gap_low = e.large_gap.lo;
    if constexpr (EXACT) {
      e.x = e.x * e.unit, e.y = e.y * e.unit, e.gap = e.gap * e.unit;
      e.x_low = e.x_low * e.unit, e.y_low = e.y_low * e.unit, e.gap_low = e.gap_low * e.unit;
    }
  }
  RELENTROPY_METHOD Self mirrored() const {
    Self e = *this;
    e.large_x = large_y, e.large_y = large_x;
    e.large_gap = {-large_gap.hi, -large_gap.lo};
    e.p = q, e.q = p, e.turned = !turned;
    lower(e);
    return e;
  }

  RELENTROPY_METHOD Mask live() const { return (p > 0.0) & (q > 0.0); }
  RELENTROPY_METHOD Mask only_x() const { return (p > 0.0) & (q == 0.0); }
  RELENTROPY_METHOD Mask only_y() const { return (p == 0.0) & (q > 0.0); }

  RELENTROPY_METHOD Mask seen() const { return (large_x.hi > 0.0) & (large_y.hi > 0.0); }
  RELENTROPY_METHOD Pair<Lanes> live_words() const {
    Lanes one = all<Lanes>(1.0), zero{};
    if constexpr (EASY) return logarithm(quotient<EXACT>(large_x.hi, large_y, large_gap));
    Mask both = seen();
    Pair<Lanes> words = logarithm(quotient<EXACT>(
        choose(both, large_x.hi, one), choose(both, large_y, Pair<Lanes>{one, zero}),
        choose(both, large_gap, Pair<Lanes>{zero, zero})));
    Mask hidden = live() & no(both);
    if (EXACT && any(hidden)) {
      Lanes a = choose(hidden, turned ? q : p, one), b = choose(hidden, turned ? p : q, one);
      Lanes ratio = hidden_log_ratio(a, b, *row);
      words = choose(hidden, Pair<Lanes>{turned ? -ratio : ratio, zero}, words);
    }
    return words;
  }
  RELENTROPY_METHOD Lanes live_log_ratio() const {
    Pair<Lanes> words = live_words();
    return words.hi + words.lo;
  }
  RELENTROPY_METHOD Lanes log_ratio() const {
    Lanes value = live_log_ratio();
    if constexpr (EASY) return value;
    return choose(only_x(), INF, choose(only_y(), -INF, value));
  }
  RELENTROPY_METHOD Lanes excess() const {
    if constexpr (EASY) return large_gap.hi / large_y.hi;
    Mask known = large_y.hi > 0.0;
    Lanes ratio = large_gap.hi / choose(known, large_y.hi, 1.0);
    return choose(known, ratio, choose(p > 0.0, INF, Lanes{}));
  }
  RELENTROPY_METHOD Lanes gap_times(Lanes factor) const {
    Lanes value = large_gap.hi * factor;
    return EXACT ? value * unit : value;
  }
  RELENTROPY_METHOD Lanes x_times(Lanes slope) const {
    if constexpr (EASY) return this->x * slope;
    Mask known = this->x > 0.0;
    return choose(known, this->x * choose(known, slope, 0.0), 0.0);
  }
  RELENTROPY_METHOD Lanes root_x() const { return root(this->x); }

  RELENTROPY_METHOD Lanes kl() const {
    Lanes term;
    if constexpr (EASY) {
      term = kl_term<EXACT>(large_x.hi, large_y, large_gap, large_x.lo);
    } else {
      term = kl_of_pairs<EXACT>(large_x.hi, large_y, large_gap, large_x.lo);
      Mask hidden = live() & no(large_y.hi > 0.0) & (large_x.hi > 0.0);
      if (EXACT && any(hidden)) {
        term = choose(hidden, large_x.hi * live_log_ratio() - large_gap.hi, term);
      }
    }
    return EXACT ? term * unit : term;
  }
  RELENTROPY_METHOD Lanes chi2() const {
    Lanes value = this->gap * excess();
    if constexpr (EASY) return value;
    return choose(only_x(), INF, value);
  }
  // (sqrt(x) - sqrt(y))**2/2.
  RELENTROPY_METHOD Lanes hellinger() const {
    Lanes sum = root(this->x) + root(this->y);
    Lanes gap = this->gap / (EASY ? sum : choose(sum > 0.0, sum, 1.0));
    return 0.5 * (gap * gap);
  }
  RELENTROPY_METHOD Lanes jensen_shannon() const {
    Pair<Lanes> total = {this->x + this->y, Lanes{}};
    if constexpr (EXACT) {
      total = two_sum(this->x, this->y);
      total.lo += this->x_low + this->y_low;
    }
    Lanes sum = EASY ? total.hi : choose(total.hi > 0.0, total.hi, 1.0);
    Lanes inverse = 1.0 / sum, t = this->gap * inverse;
    Mask far = magnitude(t) >= 0.6;
    Lanes s = choose(far, 0.0, t), y = s * s, value;
    if constexpr (EXACT) {
      Pair<Lanes> back = two_prod(t, sum), a = two_prod(this->gap, s);
      Lanes lost = ((this->gap - back.hi) - back.lo) + (this->gap_low - t * total.lo);
      a.lo += this->gap * (lost * inverse) + this->gap_low * s;
      value = 0.25 * a.hi + (a.hi * (y * polynomial(JS_TAIL, y)) + 0.25 * a.lo);
    } else {
      value = this->gap * s * fma(y, polynomial(JS_TAIL, y), all<Lanes>(0.25));
    }
    if (any(far)) value = choose(far, this->far_jensen_shannon(*this), value);
    return value;
  }
};

template <bool EXACT_, bool EASY_>
struct LogEntry : Common<LogEntry<EXACT_, EASY_>> {
  static constexpr bool EXACT = EXACT_, EASY = EASY_;
  using Self = LogEntry;

  Pair<Lanes> log_x, log_y;  // 0 where there is no mass
  Pair<Lanes> ratio;         // log(x/y), 0 where a side has no mass
  Mask no_x, no_y;

  RELENTROPY_METHOD Self mirrored() const {
    Self e = *this;
    e.x = this->y, e.y = this->x, e.gap = -this->gap;
    e.x_low = this->y_low, e.y_low = this->x_low, e.gap_low = -this->gap_low;
    e.log_x = log_y, e.log_y = log_x, e.ratio = {-ratio.hi, -ratio.lo};
    e.no_x = no_y, e.no_y = no_x;
    return e;
  }

  RELENTROPY_METHOD Mask live() const { return no(no_x | no_y); }
  RELENTROPY_METHOD Mask only_x() const { return no(no_x) & no_y; }
  RELENTROPY_METHOD Mask only_y() const { return no_x & no(no_y); }

  RELENTROPY_METHOD Pair<Lanes> live_words() const { return ratio; }
  RELENTROPY_METHOD Lanes live_log_ratio() const { return ratio.hi; }
  RELENTROPY_METHOD Lanes log_ratio() const {
    if constexpr (EASY) return ratio.hi;
    return choose(only_x(), INF, choose(only_y(), -INF, ratio.hi));
  }
  RELENTROPY_METHOD Lanes excess() const {
    if constexpr (EASY) return expm1_near<EXACT>(ratio);
    return expm1(log_ratio());
  }
  // A mass times a slope, in two halves where the mass alone is subnormal.
  RELENTROPY_FN Lanes times_mass(Lanes mass, Pair<Lanes> log, Mask none, Lanes slope) {
    Lanes value = mass * slope;
    if constexpr (EXACT && !EASY) {
      Mask low = no(none) & (mass < SUBNORMAL);
      if (any(low)) {
        Lanes half = root_of_tiny(log.hi, log.lo);
        value = choose(low, (half * slope) * half, value);
      }
    }
    return value;
  }
  RELENTROPY_METHOD Lanes gap_times(Lanes factor) const {
    Lanes value = this->gap * factor;
    if constexpr (EXACT && !EASY) {
      Mask above = ratio.hi > 0.0;
      Lanes larger = choose(above, this->x, this->y);
      Mask low = live() & (larger < SUBNORMAL);
      if (any(low)) {
        Pair<Lanes> log = choose(above, log_x, log_y);
        Lanes share = expm1_of_tiny(-magnitude(ratio.hi));
        share = choose(above, -share, share);
        value = choose(low, times_mass(larger, log, no(low), share * factor), value);
      }
    }
    return value;
  }
  RELENTROPY_METHOD Lanes x_times(Lanes slope) const {
    if constexpr (EASY) return this->x * slope;
    Mask steep = magnitude(slope) == INF;  // no mass is so small as to make it finite
    Lanes value = times_mass(this->x, log_x, no_x, choose(steep, 0.0, slope));
    return choose(no_x, 0.0, choose(steep, slope, value));
  }
  RELENTROPY_METHOD Lanes root_x() const {
    Lanes value = root(this->x);
    if constexpr (EXACT && !EASY) {
      Mask low = no(no_x) & (this->x < SUBNORMAL);
      if (any(low)) {
        value = choose(low, root_of_tiny(log_x.hi, log_x.lo), value);
      }
    }
    return value;
  }

  RELENTROPY_METHOD Lanes kl() const {
    Lanes z = -ratio.hi, value;
    Mask near = magnitude(z) < 2.0;
    if constexpr (!EASY) z = choose(near, z, 0.0);
    if constexpr (EXACT) {
      Lanes g = z * z * polynomial(EXP_TAIL_FAR, z);
      g += (EASY ? -ratio.lo : choose(near, -ratio.lo, 0.0)) * (z + g);
      value = this->x * g;
    } else if constexpr (EASY) {
      value = this->x * (z * z * polynomial(EXP_TAIL_NEAR, z));
    } else {
      value = this->x * (z * z * polynomial(EXP_TAIL_FAR, z));
    }
    if constexpr (EASY) return value;
    value = choose(near, value, this->x * ratio.hi - this->gap);
    return choose(only_x(), INF, choose(only_y(), this->y, value));
  }
  RELENTROPY_METHOD Lanes chi2() const {
    if constexpr (EASY) return this->gap * (this->gap / this->y);
    // y may be too small to be seen where x**2/y is not.
    Mask far = live() & (ratio.hi > 1.0), known = this->y > 0.0;
    Lanes value = this->gap * choose(known, this->gap / choose(known, this->y, 1.0), 0.0);
    if (any(far)) {
      Pair<Lanes> log = EXACT ? add(log_x, ratio) : Pair<Lanes>{log_x.hi + ratio.hi, Lanes{}};
      Mask wild = no(magnitude(log.hi) < 1e300);
      log =
          choose(wild, Pair<Lanes>{smaller(log_x.hi + ratio.hi, all<Lanes>(1e300)), Lanes{}}, log);
      log = choose(far, log, Pair<Lanes>{Lanes{}, Lanes{}});
      Lanes squared = exp(log), rest = this->x + this->gap;
      if constexpr (EXACT) {
        Pair<Lanes> words = exp_words(choose(log.hi < 700.0, log, Pair<Lanes>{Lanes{}, Lanes{}}));
        Pair<Lanes> sum =
            add(Pair<Lanes>{this->x, this->x_low}, Pair<Lanes>{this->gap, this->gap_low});
        words = subtract(words, sum);
        value = choose(far, choose(log.hi < 700.0, words.hi + words.lo, squared), value);
      } else {
        value = choose(far, squared - rest, value);
      }
    }
    return choose(only_x(), INF, value);
  }
  // x*(1 - exp(-u/2))**2/2, or from the roots.
  RELENTROPY_METHOD Lanes hellinger() const {
    Pair<Lanes> half = {-0.5 * ratio.hi, -0.5 * ratio.lo};
    Mask near = magnitude(half.hi) < 1.0;
    if constexpr (!EASY) {
      near &= live();
      half = choose(near, half, Pair<Lanes>{Lanes{}, Lanes{}});
    }
    Lanes e = expm1_near<EXACT>(half), value = 0.5 * (this->x * (e * e));
    if constexpr (EASY) return value;
    Lanes apart = root(this->x) - root(this->y);
    return choose(near, value, 0.5 * (apart * apart));
  }
  RELENTROPY_METHOD Lanes jensen_shannon() const {
    Mask far = no(magnitude(ratio.hi) < 1.5);
    if constexpr (!EASY) far |= no(live());
    Lanes z = EASY ? ratio.hi : choose(far, 0.0, ratio.hi), y = z * z;
    Lanes total = this->x + this->y, tail = polynomial(JS_LOG_TAIL, y), value;
    if constexpr (EXACT) {
      Pair<Lanes> square = two_prod(z, z);
      Lanes low = square.lo + 2.0 * (z * (EASY ? ratio.lo : choose(far, 0.0, ratio.lo)));
      value = total * (0.0625 * y + (y * (y * tail) + 0.0625 * low));
    } else {
      value = total * (y * fma(y, tail, all<Lanes>(0.0625)));
    }
    if constexpr (EASY) return value;
    if (any(far)) value = choose(far, this->far_jensen_shannon(*this), value);
    return value;
  }
};

// --- rows of weights ----------------------------------------------------------------------------

// The power of two that brings a mass near 1.
RELENTROPY_FN double unit_of(double mass) {
  return mass > 0 && mass < INF ? 1.0 / of_bits(bits_of(mass) & 0x7ff0000000000000ull) : 1.0;
}

// A sum in three words: what is left of two sums that nearly agree is to have all its digits.
struct Triple {
  double high, middle, low;
  friend Triple merge(const Triple& one, const Triple& other) {
    Pair<double> top = two_sum(one.high, other.high);
    Pair<double> next = two_sum(one.middle, other.middle), rest = two_sum(next.hi, top.lo);
    return {top.hi, rest.hi, (one.low + other.low) + (next.lo + rest.lo)};
  }
};
RELENTROPY_FN Triple times(Triple x, double power_of_two) {
  return {x.high * power_of_two, x.middle * power_of_two, x.low * power_of_two};
}

RELENTROPY_BLOCK Triple sum_in_words(const double* p, int n, double scale) {
  Lanes high{}, middle{}, low{};
  for (int i = 0; i < n; i += LANES) {
    Pair<Lanes> top = two_sum(high, load(p + i) * scale), next = two_sum(middle, top.lo);
    high = top.hi, middle = next.hi, low += next.lo;
  }
  Triple sum{};
#if RELENTROPY_LANES > 1
  for (int i = 0; i < LANES; i++) sum = merge(sum, Triple{high[i], middle[i], low[i]});
#else
  sum = {high, middle, low};
#endif
  return sum;
}

// Where a double has no digits to spare, masses in three words too: what brings the sides
// together has to be known to more than the two words of a ratio, as the sum of some terms,
// unlike that of relative entropy, changes with it in the first order.
struct WeightState {
  Weighed sums;
  Triple p, q;  // times the scales of `sums`
};
RELENTROPY_BLOCK WeightState merge(const WeightState& one, const WeightState& other) {
  WeightState state{merge(one.sums, other.sums), {}, {}};
  const double p = state.sums.p_scale, q = state.sums.q_scale;
  state.p = merge(times(one.p, p / one.sums.p_scale), times(other.p, p / other.sums.p_scale));
  state.q = merge(times(one.q, q / one.sums.q_scale), times(other.q, q / other.sums.q_scale));
  return state;
}

// (q*r - p)/p, two words of it.
RELENTROPY_BLOCK Pair<double> excess_of(const Triple& p, const Triple& q, double r) {
  const Pair<double> one = two_prod(q.high, r), two = two_prod(q.middle, r);
  const double words[] = {one.hi, -p.high, one.lo, two.hi, -p.middle, two.lo, q.low * r, -p.low};
  Triple sum{};
  for (double word : words) sum = merge(sum, Triple{word, 0.0, 0.0});
  Pair<double> rest = two_sum(sum.high, sum.middle);
  rest = add(rest, sum.low);
  const Pair<double> mass = add(two_sum(p.high, p.middle), p.low);
  return finite(rest.hi) && mass.hi > 0 ? divide(rest, mass) : Pair<double>{0.0, 0.0};
}

// Weights on the scale of p's mass; see `Shares`. ABOUT says that entries come from the numbers
// that the formulas keep, eps among them, and not from the two words of the ratio.
template <bool EXACT_, bool ABOUT>
struct WeightRow {
  static constexpr bool EXACT = EXACT_;
  static constexpr double FILL = 0.0;
  using Residuals = DivergenceWeightsResiduals;
  using State = WeightState;

  Shares shares;
  double unit;
  Pair<double> eps;
  bool proper;  // whether the sides are distributions

  static State step(const double* p, const double* q, double*, int n, const Next* next) {
    State state{weigh<EXACT>(p, q, n, next), {}, {}};
    if constexpr (ABOUT) {
      state.p = sum_in_words(p, n, state.sums.p_scale);
      state.q = sum_in_words(q, n, state.sums.q_scale);
    }
    return state;
  }
  static WeightRow of(const State& state) {
    Shares shares = shares_of<EXACT>(state.sums);
    WeightRow row{shares, EXACT ? unit_of(shares.p_mass.hi) : 1.0, {}, possible(state.sums)};
    if constexpr (ABOUT) {
      row.shares.ratio.lo = 0.0;
      row.eps = excess_of(times(state.p, shares.p_scale / state.sums.p_scale),
                          times(state.q, shares.q_scale / state.sums.q_scale), shares.ratio.hi);
    }
    return row;
  }
  static WeightRow of(const Residuals& r) {
    return {{r.p_scale, r.q_scale, {r.rounded, 0.0}, {r.p_mass, 0.0}, {r.q_mass, 0.0}, true},
            EXACT ? unit_of(r.p_mass) : 1.0,
            {r.eps, r.eps_low},
            true};
  }
  // What has to be added up for the residuals, and those of the row; their means follow.
  Pair<double> more(const double* p, const double* q, int n) const {
    return ABOUT ? Pair<double>{0.0, 0.0} : residual<EXACT>(p, q, n, shares);
  }
  Residuals residuals(Pair<double> rest) const {
    const Pair<double> e = ABOUT ? eps : divide(rest, shares.p_mass);
    return {shares.p_scale,
            shares.q_scale,
            shares.ratio.hi,
            e.hi,
            e.lo,
            shares.p_mass.hi,
            shares.q_mass.hi,
            0.0,
            0.0,
            0.0};
  }
  double mean(Pair<double> terms) const {
    if (!finite(terms.hi)) return terms.hi;
    Pair<double> value = divide(terms, scaled_by(shares.p_mass, unit));
    return value.hi + value.lo;
  }
  bool easy(const double* p, const double*, int n) const {
    return !shares.careful && p[n - 1] > 0.0;
  }
  template <bool EASY>
  RELENTROPY_METHOD LinearEntry<EXACT, EASY> entry(Lanes p, Lanes q) const {
    Entry<Lanes> known;
    LinearEntry<EXACT, EASY> e;
    e.p = p, e.q = q, e.unit = unit, e.row = &shares, e.turned = false;
    if constexpr (ABOUT) known = entry_about<EXACT>(p, q, shares, eps);
    else known = entry_of<EXACT>(p, q, shares);
    e.large_x = {known.x, Lanes{}}, e.large_y = known.y, e.large_gap = known.gap;
    LinearEntry<EXACT, EASY>::lower(e);
    return e;
  }
  // Any, by a call.
  RELENTROPY_CALLED LinearEntry<EXACT, false> far_entry(Lanes p, Lanes q) const {
    return entry<false>(p, q);
  }
  // The derivatives by the inputs of what changes so fast with a share, and with its logarithm.
  static constexpr bool WEIGHTED = false;
  Unit p_unit() const { return {1.0 / shares.p_mass.hi, shares.p_scale}; }
  Unit q_unit() const { return {1.0 / shares.q_mass.hi, shares.q_scale}; }
};

// A quarter of the largest number, in place of what the range does not hold: so that differences
// stay numbers.
constexpr double FAR = 0x1.fffffffffffffp1021;

// --- rows of logits -----------------------------------------------------------------------------

// Up to which excess F/S masses are compared by what relative entropy knows of them: F and T have
// terms w*d, whose roundings count where d is large.
constexpr double ALIKE = 0x1p-6;

// The state of relative entropy, which knows how the masses of close sides compare to all digits
// of their difference, and the masses beside each side's own largest logit, which say more where
// they are apart.
struct LogitState {
  KLState kl;
  Pair<double> p_mass, q_mass;
};

template <bool EXACT>
RELENTROPY_BLOCK Pair<double> mass_of(const double* a, int n, double top) {
  if (top == -INF) return {0.0, 0.0};
  Pair<Lanes> sum{};
  for (int i = 0; i < n; i += LANES) {
    Lanes x = load(a + i);
    Mask none = x == -INF;
    Pair<Lanes> log = two_sum(choose(none, top, x), all<Lanes>(-top));
    if constexpr (EXACT) {
      Pair<Lanes> share = exp_words(log);
      accumulate(sum, choose(none, Pair<Lanes>{Lanes{}, Lanes{}}, share));
    } else {
      sum.hi += choose(none, 0.0, exp_down(log.hi));
    }
  }
  return gathered(sum);
}

template <bool EXACT>
RELENTROPY_BLOCK LogitState logit_step(const double* a, const double* b, double* room, int n,
                                       const Next* next) {
  LogitState state{kl_step<EXACT>(a, b, room, n, true, next), {}, {}};
  const KLState& kl = state.kl;
  state.p_mass = kl.mass;
  if (kl.top == -INF && kl.q_top == -INF) return state;
  if (kl.far && !EXACT) {
    state.q_mass = kl.excess;
    return state;
  }
  // F + T + S of a finished row.
  const Pair<double> sum = add(add(kl.excess, kl.mean), kl.mass);
  const bool apart = kl.far || !(kl.excess.hi < ALIKE * kl.mass.hi);
  // Large exponents are rounded, and large terms cancel.
  const bool far = !(sum.hi > 0.125 * magnitude(kl.mean) && kl.excess.hi < 16.0 * kl.mass.hi);
  if (kl.lost || (EXACT ? apart : far)) {
    if (EXACT) state.p_mass = mass_of<EXACT>(a, n, finite(kl.top) ? kl.top : -INF);
    state.q_mass = mass_of<EXACT>(b, n, finite(kl.q_top) ? kl.q_top : -INF);
  } else if (kl.q_top > -INF) {
    Pair<double> scale = two_sum(finite_or_zero(kl.top), -finite_or_zero(kl.q_top));
    state.q_mass = multiply(sum, exp_words(add(kl.centre, scale)));
  }
  return state;
}
RELENTROPY_BLOCK LogitState merge(const LogitState& one, const LogitState& other) {
  LogitState state{merge(one.kl, other.kl), {}, {}};
  const double p = state.kl.top, q = state.kl.q_top;
  if (finite(p))
    state.p_mass = add(lowered(one.kl.top, p, one.p_mass), lowered(other.kl.top, p, other.p_mass));
  if (finite(q))
    state.q_mass =
        add(lowered(one.kl.q_top, q, one.q_mass), lowered(other.kl.q_top, q, other.q_mass));
  return state;
}

// Logits on the scale of p's largest.
template <bool EXACT_>
struct LogitRow {
  static constexpr bool EXACT = EXACT_;
  static constexpr double FILL = -INF;
  using Residuals = DivergenceLogitsResiduals;
  using State = LogitState;

  double p_top, q_top;
  Pair<double> p_mass;   // beside the largest
  double ratio;          // p's mass over q's, each beside its largest
  Pair<double> offset;   // the logarithm of that
  Pair<double> between;  // log(x/y) is (a - b) - between
  bool proper, wide;     // wide: differences want two words

  static State step(const double* a, const double* b, double* room, int n, const Next* next) {
    return logit_step<EXACT>(a, b, room, n, next);
  }
  static LogitRow of(const State& state) {
    const KLState& kl = state.kl;
    LogitRow row;
    row.proper = kl.valid && kl.top > -INF && kl.q_top > -INF;
    row.p_top = finite_or_zero(kl.top), row.q_top = finite_or_zero(kl.q_top);
    row.p_mass = state.p_mass.hi > 0 ? state.p_mass : Pair<double>{1.0, 0.0};
    const Pair<double> tops = two_sum(row.p_top, -row.q_top);
    const KLMeans means = kl_means(kl);
    const double w = means.f.hi + means.eta;
    if (!kl.far && magnitude(w) < ALIKE) {
      Pair<double> moved = add(kl.centre, log1p(w));
      moved = add(moved, means.f.lo / (1.0 + w));
      row.offset = add(Pair<double>{-moved.hi, -moved.lo}, Pair<double>{-tops.hi, -tops.lo});
      row.ratio = exp(row.offset);
    } else {
      const Pair<double> one{1.0, 0.0};
      const Pair<double> ratio = divide(row.p_mass, state.q_mass.hi > 0 ? state.q_mass : one);
      row.ratio = ratio.hi;
      row.offset = {log(row.ratio), 0.0};
      if constexpr (EXACT) {  // what the rounded logarithm lacks
        const Pair<double> rest = multiply(ratio, exp_words(Pair<double>{-row.offset.hi, 0.0}));
        row.offset.lo = (rest.hi - 1.0) + rest.lo;
      }
      // Masses that differ by rounding are equal, as those of the same logits in another
      // order: or else entries that agree would differ, in one direction or the other.
      if (magnitude(row.offset.hi + row.offset.lo) < (EXACT ? 0x1p-55 : 0x1p-49)) {
        row.offset = {0.0, 0.0}, row.ratio = 1.0;
      }
    }
    row.between = add(tops, row.offset);
    row.wide = magnitude(row.between.hi) > OFFSET;
    return row;
  }
  static LogitRow of(const Residuals& r) {
    LogitRow row{r.p_top, r.q_top, {r.p_mass, 0.0}, r.ratio, {r.offset, r.rest}, {}, true, false};
    row.between = add(add(two_sum(r.p_top, -r.q_top), r.offset), r.rest);
    row.wide = magnitude(row.between.hi) > OFFSET;
    return row;
  }
  Pair<double> more(const double*, const double*, int) const { return {0.0, 0.0}; }
  Residuals residuals(Pair<double>) const {
    return {p_top, q_top, p_mass.hi + p_mass.lo, ratio, offset.hi, offset.lo, 0.0, 0.0, 0.0};
  }
  double mean(Pair<double> terms) const {
    if (!finite(terms.hi)) return terms.hi;
    Pair<double> value = divide(terms, p_mass);
    return value.hi + value.lo;
  }
  bool easy(const double* a, const double* b, int n) const {
    if (wide) return false;
    Lanes widest{}, bottom = all<Lanes>(INF);
    for (int i = 0; i < n; i += LANES) {
      Lanes x = load(a + i), y = load(b + i);
      widest = larger(magnitude((x - y) - between.hi), widest);
      bottom = smaller(smaller(x, y), bottom);
    }
    return max_of(widest) < 0.99 && min_of(bottom) > p_top - 600.0 &&
           min_of(bottom) > q_top - 600.0;
  }
  template <bool EASY>
  RELENTROPY_METHOD LogEntry<EXACT, EASY> entry(Lanes a, Lanes b) const {
    LogEntry<EXACT, EASY> e;
    Lanes zero{};
    e.no_x = a == -INF, e.no_y = b == -INF;
    Mask none = e.no_x | e.no_y;
    Lanes u = EASY ? a : choose(none, between.hi, a), v = EASY ? b : choose(none, 0.0, b);
    if constexpr (EXACT) {
      e.ratio =
          subtract(two_sum(u, -v), Pair<Lanes>{all<Lanes>(between.hi), all<Lanes>(between.lo)});
      if constexpr (!EASY) {
        Lanes plain = (u - v) - between.hi;
        plain = larger(smaller(plain, all<Lanes>(FAR)), all<Lanes>(-FAR));
        Mask wild = no(magnitude(plain) < 1e300);
        e.ratio = choose(wild, Pair<Lanes>{plain, zero}, e.ratio);
      }
    } else {
      e.ratio = {((u - v) - between.hi) - between.lo, zero};
      if (!EASY && wide) {
        Pair<Lanes> words =
            subtract(two_sum(u, -v), Pair<Lanes>{all<Lanes>(between.hi), all<Lanes>(between.lo)});
        e.ratio.hi = words.hi + words.lo;
      }
    }
    if constexpr (!EASY) e.ratio = choose(none, Pair<Lanes>{zero, zero}, e.ratio);
    Lanes x = EASY ? a : choose(e.no_x, p_top, a);
    e.log_x = two_sum(x, all<Lanes>(-p_top));
    Pair<Lanes> mass = words_of(e.log_x);
    if constexpr (!EASY) mass = choose(e.no_x, Pair<Lanes>{zero, zero}, mass);
    Mask near = EASY ? x == x : no(none) & (magnitude(e.ratio.hi) < 1.0);
    Pair<Lanes> down = {-e.ratio.hi, -e.ratio.lo}, gap, other;
    if constexpr (!EASY) down = choose(near, down, Pair<Lanes>{zero, zero});
    if constexpr (EXACT) {
      gap = multiply(Pair<Lanes>{-mass.hi, -mass.lo}, expm1_words(down));
    } else {
      gap = {-mass.hi * expm1_near<EXACT>(down), zero};
    }
    other = less<EXACT>(mass, gap);
    e.log_y = less<EXACT>(e.log_x, e.ratio);
    if constexpr (!EASY) {
      Lanes y = choose(e.no_y, q_top, b);
      e.log_y = add(two_sum(y, all<Lanes>(-q_top)),
                    Pair<Lanes>{all<Lanes>(offset.hi), all<Lanes>(offset.lo)});
      Pair<Lanes> far = words_of(e.log_y);
      far = choose(e.no_y, Pair<Lanes>{zero, zero}, far);
      e.log_y = choose(e.no_y, Pair<Lanes>{zero, zero}, e.log_y);
      other = choose(near, other, far);
      gap = choose(near, gap, less<EXACT>(mass, far));
    }
    e.x = mass.hi, e.y = other.hi, e.gap = gap.hi;
    e.x_low = mass.lo, e.y_low = other.lo, e.gap_low = gap.lo;
    return e;
  }
  RELENTROPY_FN Pair<Lanes> words_of(Pair<Lanes> log) {
    if constexpr (EXACT) return exp_words(log);
    return {exp_down(log.hi), Lanes{}};
  }
  // x - y.
  template <bool WORDS>
  RELENTROPY_FN Pair<Lanes> less(Pair<Lanes> x, Pair<Lanes> y) {
    if constexpr (WORDS) return subtract(x, y);
    return {x.hi - y.hi, Lanes{}};
  }
  // Any, by a call.
  RELENTROPY_CALLED LogEntry<EXACT, false> far_entry(Lanes a, Lanes b) const {
    return entry<false>(a, b);
  }
  static constexpr bool WEIGHTED = true;
  Unit p_unit() const { return {1.0 / p_mass.hi, 1.0}; }
  Unit q_unit() const { return p_unit(); }
};

}  // namespace RELENTROPY_SET
}  // namespace relentropy
