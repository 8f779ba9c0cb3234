// Cross-entropy and entropy, in one pass from logits or weights, in a state that merges.
//
// The twin of _formulas/cross_entropy.py and _formulas/sides.py. The surprise of an entry is its
// gap from the row's largest plus log1p of what the others add to it. Its mean is U/S + log1p(R)
// with
//
//     S = sum(w),  U = sum(w*gap),  R = the student's mass beside its largest entry,
//
// where nothing cancels.
#pragma once

#include "../manifest.hpp"
#include "logsumexp.hpp"
#include "weights.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// One side: how entries, and the largest entries of two parts of a row, compare with the top,
// which is `anchor` where it is something to compare with.
struct OfLogits {
  static constexpr double ABSENT = -INF;
  static constexpr bool LOWERED = true;  // whether weights are smaller than entries

  RELENTROPY_FN bool known(double top) { return finite(top); }
  RELENTROPY_FN double anchor(double top) { return finite_or_zero(top); }
  RELENTROPY_FN bool valid(double top, double) { return top < INF; }
  // Whether some weights may be subnormal.
  RELENTROPY_FN bool reaches_down(double top, double bottom) { return bottom - top < -660.0; }

  template <bool EXACT>
  RELENTROPY_FN Lanes weight(Lanes x, double anchor) {
    return exp_below<EXACT>(from_top<EXACT>(x, anchor));
  }
  // -log(weight), 0 where absent.
  template <bool EXACT>
  RELENTROPY_FN Lanes gap(Lanes x, double anchor) {
    return choose(x == -INF, 0.0, anchor - x);
  }
  // weight*factor, in halves where the weight alone is subnormal.
  RELENTROPY_FN Lanes low_product(Lanes x, double anchor, Lanes weight, Lanes factor) {
    auto low = (weight < SUBNORMAL) & (x > -INF);
    Pair<Lanes> below = two_sum(choose(low, x, anchor), all<Lanes>(-anchor));
    const Lanes half = exp(Pair<Lanes>{0.5 * below.hi, 0.5 * below.lo});
    return choose(low, (half * factor) * half, weight * factor);
  }
  // x times the weight of a part's top beside the whole's.
  RELENTROPY_FN Pair<double> times(double low, double high, Pair<double> x) {
    return lowered(low, high, x);
  }
  RELENTROPY_FN Pair<double> gap(double low, double high) {
    const Pair<double> gap = two_sum(high, -low);
    return {gap.hi, finite(gap.hi) ? gap.lo : 0.0};
  }

  // The derivative by x, where that by its logit is weight/mass*rate.
  template <bool EXACT>
  RELENTROPY_FN Lanes by_entry(Lanes x, double anchor, Lanes weight, double mass, double inverse,
                               Lanes rate) {
    auto steep = magnitude(rate) == INF;  // no mass is so small as to make it finite
    const Lanes slow = choose(steep, 0.0, rate);
    Lanes value = weight * slow;
    if constexpr (EXACT) {
      if (any(weight < SUBNORMAL)) value = low_product(x, anchor, weight, slow);
    }
    value = over_mass<EXACT>(value, mass, inverse);
    return choose(x == -INF, 0.0, choose(steep, rate, value));
  }
  // The same for a rate of 1 - share/(weight/mass).
  template <bool EXACT>
  RELENTROPY_FN Lanes excess(Lanes, double, Lanes weight, double mass, double inverse,
                             Lanes share) {
    return over_mass<EXACT>(weight, mass, inverse) - share;
  }
};

struct OfWeights {
  static constexpr double ABSENT = 0.0;
  static constexpr bool LOWERED = false;

  RELENTROPY_FN bool known(double top) { return top > 0.0 && top < INF; }
  RELENTROPY_FN double anchor(double top) { return known(top) ? top : 1.0; }
  RELENTROPY_FN bool valid(double top, double bottom) { return top < INF && bottom >= 0.0; }

  template <bool EXACT>
  RELENTROPY_FN Lanes weight(Lanes x, double anchor) {
    return x / anchor;
  }
  template <bool EXACT>
  RELENTROPY_FN Lanes gap(Lanes x, double anchor) {
    const Lanes top = all<Lanes>(anchor);
    const Pair<Lanes> gap = log_ratio<EXACT>(top, choose(x > 0.0, x, top));
    return EXACT ? gap.hi + gap.lo : gap.hi;
  }
  RELENTROPY_FN Pair<double> times(double low, double high, Pair<double> x) {
    const double factor = middle(high);  // remainders of subnormal numbers are no numbers
    return multiply(divide({low * factor, 0.0}, {high * factor, 0.0}), x);
  }
  RELENTROPY_FN Pair<double> gap(double low, double high) { return log_ratio<true>(high, low); }

  template <bool EXACT>
  RELENTROPY_FN Lanes by_entry(Lanes, double anchor, Lanes, double mass, double, Lanes rate) {
    return rate / mass / anchor;
  }
  template <bool EXACT>
  RELENTROPY_FN Lanes excess(Lanes x, double anchor, Lanes weight, double mass, double inverse,
                             Lanes share) {
    auto absent = (share == 0.0) & (x == 0.0);
    const Lanes rate = 1.0 - share / choose(absent, 1.0, weight / mass);
    return by_entry<EXACT>(x, anchor, weight, mass, inverse, rate);
  }
};

// Any part of a row.
template <class P, class Q>
struct Surprise {
  double p_top, q_top;
  Pair<double> mass, surprise, others;  // S, U relative to q's top, R
  bool lost;                            // whether p has mass where q has none
  bool valid;
};

RELENTROPY_BLOCK double bottom_of(const double* a, int n) {
  Lanes bottom = all<Lanes>(INF);
  for (int i = 0; i < n; i += LANES) bottom = smaller(load(a + i), bottom);
  return min_of(bottom);
}

// p and q may be one array, and then are one distribution.
template <bool EXACT, bool SAME, class P, class Q>
RELENTROPY_BLOCK Surprise<P, Q> surprise_of(double* p, double* q, int n, const Next* next) {
  const double p_top = top_of(p, n), q_top = SAME ? p_top : top_of(q, n);
  const double p_bottom = bottom_of(p, n), q_bottom = SAME ? p_bottom : bottom_of(q, n);
  Surprise<P, Q> part{p_top, q_top, {}, {}, {}, false, true};
  part.valid = P::valid(p_top, p_bottom) && Q::valid(q_top, q_bottom);
  if (!part.valid) return part;
  if (!SAME && q_bottom == Q::ABSENT) {
    auto lost = Lanes{} != Lanes{};
    for (int i = 0; i < n; i += LANES)
      lost |= (load(p + i) != P::ABSENT) & (load(q + i) == Q::ABSENT);
    part.lost = any(lost);
  }
  if (SAME && !Q::known(q_top)) return part;
  const double p_anchor = P::anchor(p_top), q_anchor = Q::anchor(q_top);
  [[maybe_unused]] bool low = false;
  if constexpr (EXACT && P::LOWERED) low = P::reaches_down(p_top, p_bottom);
  const Without hidden(q, n, q_top, Q::ABSENT);
  Pair<Lanes> mass{}, surprise{}, others{};
  for (int i = 0; i < n; i += LANES) {
    next[0].ask(i);
    if (!SAME) next[1].ask(i);
    const Lanes x = load(p + i), y = load(q + i);
    const Lanes weight = P::template weight<EXACT>(x, p_anchor);
    const Lanes gap = Q::template gap<EXACT>(y, q_anchor);
    Lanes term = weight * gap;
    if constexpr (EXACT && P::LOWERED) {
      if (low) {
        term = P::low_product(x, p_anchor, weight, gap);
        term = choose((weight == 0.0) & (gap == INF), 0.0, term);
      }
    }
    collect<EXACT>(surprise, term);
    if constexpr (SAME) {
      collect<EXACT>(others, weight);
    } else {
      collect<EXACT>(mass, weight);
      collect<EXACT>(others, Q::template weight<EXACT>(y, q_anchor));
    }
  }
  part.surprise = gathered(surprise), part.others = gathered(others);
  part.mass = SAME ? add(part.others, 1.0) : gathered(mass);
  return part;
}

template <class P, class Q>
RELENTROPY_BLOCK Surprise<P, Q> merge(const Surprise<P, Q>& one, const Surprise<P, Q>& other) {
  Surprise<P, Q> whole{larger(one.p_top, other.p_top), larger(one.q_top, other.q_top), {}, {}, {},
                       one.lost || other.lost,         one.valid && other.valid};
  if (!whole.valid) return whole;
  const bool first = one.q_top >= other.q_top;
  for (const Surprise<P, Q>* part : {&one, &other}) {
    const bool leads = (part == &one) == first, q_same = part->q_top == whole.q_top;
    if (part->mass.hi > 0.0) {
      Pair<double> moved = part->surprise;
      if (!q_same && Q::known(part->q_top)) {
        moved = add_sums(moved, multiply(part->mass, Q::gap(part->q_top, whole.q_top)));
      }
      Pair<double> mass = part->mass;
      if (part->p_top != whole.p_top) {
        mass = P::times(part->p_top, whole.p_top, mass);
        // Where nothing is left of the mass, nothing is of what is infinite either.
        moved = mass.hi == 0.0 && !finite(moved.hi) ? Pair<double>{0.0, 0.0}
                                                    : P::times(part->p_top, whole.p_top, moved);
      }
      whole.mass = add(whole.mass, mass);
      whole.surprise = add_sums(whole.surprise, moved);
    }
    if (leads) {
      whole.others = add(whole.others, part->others);
    } else if (Q::known(part->q_top)) {
      Pair<double> more = add(part->others, 1.0);
      if (!q_same) more = Q::times(part->q_top, whole.q_top, more);
      whole.others = add(whole.others, more);
    }
  }
  return whole;
}

template <class P, class Q>
RELENTROPY_BLOCK double cross_entropy_of(const Surprise<P, Q>& row) {
  if (!row.valid || row.p_top == P::ABSENT || row.q_top == Q::ABSENT) return NOT_A_NUMBER;
  if (row.lost) return INF;
  const Pair<double> value = add_sums(divide(row.surprise, row.mass), log1p_words(row.others));
  return value.hi + value.lo;
}

// Residuals of a row; mean is U/S.
template <class P, class Q>
RELENTROPY_BLOCK CrossEntropyResiduals surprise_residuals(const Surprise<P, Q>& row) {
  const double mass = row.mass.hi > 0.0 ? row.mass.hi + row.mass.lo : 1.0;
  const Pair<double> mean =
      divide(row.surprise, row.mass.hi > 0.0 ? row.mass : Pair<double>{1.0, 0.0});
  return {row.p_top, mass, row.lost ? INF : mean.hi + mean.lo, row.q_top,
          row.others.hi + row.others.lo};
}

// By p's logits p*(surprise - mean surprise), by q's q - p; either may be left out.
template <bool EXACT, bool SAME, class P, class Q>
RELENTROPY_BLOCK void surprise_slopes(const CrossEntropyResiduals& row, Seed seed, Base base,
                                      const double* p, const double* q, int n, double* by_p,
                                      double* by_q) {
  const double p_anchor = P::anchor(row.p_top), q_anchor = Q::anchor(row.q_top);
  const double inverse = 1.0 / row.mass, q_mass = 1.0 + row.others, q_inverse = 1.0 / q_mass;
  // What p's logit would gain where neither side has mass.
  const double nowhere = SAME ? INF : -row.mean - log1p(row.others);
  for (int i = 0; i < n; i += LANES) {
    const Lanes x = load(p + i), y = load(q + i);
    const Lanes weight = P::template weight<EXACT>(x, p_anchor);
    if (by_p) {
      // Surprises without log1p(others), which all have in common.
      Lanes rate = Q::template gap<EXACT>(y, q_anchor) - row.mean;
      auto none = x == P::ABSENT;
      if constexpr (SAME) rate = choose(none, nowhere, rate);
      else rate = choose(y == Q::ABSENT, choose(none, nowhere, all<Lanes>(INF)), rate);
      const Lanes slope = P::template by_entry<EXACT>(x, p_anchor, weight, row.mass, inverse, rate);
      store(by_p + i, times(seed, in_base(slope, base)));
    }
    if (by_q) {
      const Lanes q_weight = Q::template weight<EXACT>(y, q_anchor);
      const Lanes share = over_mass<EXACT>(weight, row.mass, inverse);
      const Lanes slope =
          Q::template excess<EXACT>(y, q_anchor, q_weight, q_mass, q_inverse, share);
      store(by_q + i, times(seed, in_base(slope, base)));
    }
  }
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
