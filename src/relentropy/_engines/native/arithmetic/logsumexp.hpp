// log(sum(exp(a))), and softmax and log-softmax with their derivatives.
//
// The twin of _formulas/logsumexp.py: a row is its largest entry and the sum of the exponentials
// of all others beside it, so that log1p sees all digits of what the others add. Blanchard,
// Higham and Higham (2021) for the shift.
#pragma once

#include "logarithm.hpp"
#include "rows.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// A part of a row. Where top is not finite, nobody asks for the others.
struct Peak {
  double top;
  Pair<double> others;
};

// The largest entry; nan where one is.
RELENTROPY_BLOCK double top_of(const double* a, int n) {
  Lanes top[4];
  for (int k = 0; k < 4; ++k) top[k] = all<Lanes>(-INF);
  auto unknown = top[0] != top[0];
  int i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES) {
    for (int k = 0; k < 4; ++k) {
      const Lanes x = load(a + i + k * LANES);
      top[k] = larger(x, top[k]), unknown |= x != x;
    }
  }
  for (; i < n; i += LANES) {
    const Lanes x = load(a + i);
    top[0] = larger(x, top[0]), unknown |= x != x;
  }
  if (any(unknown)) return NOT_A_NUMBER;
  return max_of(larger(larger(top[0], top[1]), larger(top[2], top[3])));
}

// Takes one largest entry out of a block, as if it were masked, and puts it back in the end.
class Without {
 public:
  Without(double* a, int n, double top, double absent = -INF) : at_(a) {
    for (int i = 0; i < n; i += LANES) {
      if (!any(load(a + i) == top)) continue;
      for (at_ = a + i; *at_ != top;) ++at_;
      break;
    }
    value_ = *at_, *at_ = absent;
  }
  ~Without() { *at_ = value_; }
  int64_t place(const double* a) const { return at_ - a; }

 private:
  double *at_, value_;
};

// x - top for exponents; -inf stays, with any low word.
template <bool EXACT>
RELENTROPY_FN Pair<Lanes> from_top(Lanes x, double top) {
  if constexpr (EXACT) return two_sum(x, all<Lanes>(-top));
  return {x - top, Lanes{}};
}

template <bool EXACT>
RELENTROPY_BLOCK Peak peak_of(double* a, int n, Next next) {
  const double top = top_of(a, n);
  if (!finite(top)) return {top, {0.0, 0.0}};
  const Without hidden(a, n, top);
  Pair<Lanes> sum{};
  for (int i = 0; i < n; i += LANES) {
    next.ask(i);
    collect<EXACT>(sum, exp_below<EXACT>(from_top<EXACT>(load(a + i), top)));
  }
  return {top, gathered(sum)};
}

// exp(low - high)*x, of a part with a lower top; both tops are finite, or low = -inf. In halves
// where the factor alone is subnormal.
RELENTROPY_FN Pair<double> lowered(double low, double high, Pair<double> x) {
  if (low == -INF) return {0.0, 0.0};
  const Pair<double> gap = two_sum(low, -high);
  if (gap.hi > -660.0) return multiply(exp_words(gap), x);
  if (!finite(gap.hi)) return {0.0, 0.0};
  const Pair<double> half = exp_words(Pair<double>{0.5 * gap.hi, 0.5 * gap.lo});
  return multiply(half, multiply(half, x));
}

// Whether there is nothing to add: a part without mass, or a row of which nothing can be said.
RELENTROPY_FN bool settled(double low, double high) { return low == -INF || !(high < INF); }

RELENTROPY_BLOCK Peak merge(const Peak& one, const Peak& other) {
  if (one.top != one.top) return one;
  const bool first = one.top >= other.top;
  const Peak &high = first ? one : other, &low = first ? other : one;
  if (settled(low.top, high.top)) return high;
  return {high.top, add(high.others, lowered(low.top, high.top, add(low.others, 1.0)))};
}

RELENTROPY_BLOCK double logsumexp_of(const Peak& row) {
  if (!finite(row.top)) return row.top;
  const Pair<double> value = add(log1p_words(row.others), row.top);
  return value.hi + value.lo;
}

// --- entries of a row that is known ----------------------------------------------------------

// What entries need of their row; all of them are nan where it has no softmax.
struct Normaliser {
  double top, mass, inverse;
  double rest;        // what the rounded mass lacks, as a part of it
  Pair<double> loss;  // log(mass)
  bool known;
};

RELENTROPY_BLOCK Normaliser normaliser_of(const Peak& row) {
  if (!finite(row.top)) return {0.0, 1.0, 1.0, 0.0, {0.0, 0.0}, false};
  const Pair<double> mass = add(row.others, 1.0);
  return {row.top, mass.hi, 1.0 / mass.hi, mass.lo / mass.hi, log1p_words(row.others), true};
}

template <bool EXACT>
RELENTROPY_FN Lanes over_mass(Lanes weight, double mass, double inverse) {
  return EXACT ? weight / mass : weight * inverse;
}
template <bool EXACT>
RELENTROPY_FN Lanes share_of(Lanes x, const Normaliser& row) {
  const Lanes weight = exp_below<EXACT>(from_top<EXACT>(x, row.top));
  const Lanes share = over_mass<EXACT>(weight, row.mass, row.inverse);
  return EXACT ? share - share * row.rest : share;
}
template <bool EXACT>
RELENTROPY_FN Lanes log_share_of(Lanes x, const Normaliser& row) {
  const Pair<Lanes> gap = from_top<EXACT>(x, row.top);
  if constexpr (!EXACT) return gap.hi - row.loss.hi;
  const Pair<Lanes> loss = {all<Lanes>(row.loss.hi), all<Lanes>(row.loss.lo)};
  const Pair<Lanes> value = subtract(gap, loss);
  return choose(gap.hi == -INF, gap.hi, value.hi + value.lo);
}

RELENTROPY_FN void fill(double* to, int n, double value) {
  for (int i = 0; i < n; ++i) to[i] = value;
}

template <bool EXACT, bool LOG>
RELENTROPY_BLOCK void softmax_entries(const Normaliser& row, const double* a, int n, double* to) {
  if (!row.known) return fill(to, n, NOT_A_NUMBER);
  for (int i = 0; i < n; i += LANES) {
    const Lanes x = load(a + i);
    if constexpr (LOG) store(to + i, log_share_of<EXACT>(x, row));
    else store(to + i, share_of<EXACT>(x, row));
  }
}

// --- derivatives -----------------------------------------------------------------------------

// A part of a row with its cotangent: the sum of seeds, for softmax each times its weight.
struct Pulled {
  Peak peak;
  Pair<double> sum;
  bool some;  // whether some seed is not zero
};

template <bool EXACT, bool LOG>
RELENTROPY_BLOCK Pulled pulled_of(double* a, const double* seeds, int n) {
  Pulled part{{top_of(a, n), {}}, {}, false};
  const bool known = finite(part.peak.top);
  Pair<Lanes> mass{}, sum{};
  auto some = Lanes{} != Lanes{};
  double first = 0.0;
  {
    const Without hidden(a, n, known ? part.peak.top : a[0]);
    if (!LOG && known) first = seeds[hidden.place(a)];
    for (int i = 0; i < n; i += LANES) {
      const Lanes seed = load(seeds + i);
      some |= seed != 0.0;
      if (LOG) collect<EXACT>(sum, seed);
      if (!known) continue;
      const Lanes weight = exp_below<EXACT>(from_top<EXACT>(load(a + i), part.peak.top));
      collect<EXACT>(mass, weight);
      if (!LOG) collect<EXACT>(sum, seed * weight);
    }
  }
  part.peak.others = gathered(mass);
  part.sum = add_sums(gathered(sum), {first, 0.0});
  part.some = any(some);
  return part;
}

template <bool LOG>
RELENTROPY_FN Pair<double> rescaled(Pair<double> sum, double low, double high) {
  return LOG || low == high || !finite(low) ? sum : lowered(low, high, sum);
}
template <bool LOG>
RELENTROPY_BLOCK Pulled merged(const Pulled& one, const Pulled& other) {
  const Peak peak = merge(one.peak, other.peak);
  return {peak,
          add_sums(rescaled<LOG>(one.sum, one.peak.top, peak.top),
                   rescaled<LOG>(other.sum, other.peak.top, peak.top)),
          one.some || other.some};
}

// seed*share - mean*share, and seed - sum*share for the logarithm.
template <bool EXACT, bool LOG>
RELENTROPY_BLOCK void softmax_slopes(const Normaliser& row, const Pulled& sums, const double* a,
                                     const double* seeds, int n, double* to) {
  if (!row.known) return fill(to, n, sums.some ? NOT_A_NUMBER : 0.0);
  const double sum = sums.sum.hi + sums.sum.lo, mean = LOG ? sum : sum / row.mass;
  for (int i = 0; i < n; i += LANES) {
    const Lanes seed = load(seeds + i), share = share_of<EXACT>(load(a + i), row);
    store(to + i, (LOG ? seed : seed * share) - mean * share);
  }
}

// By a, softmax(a); 0 where a row has no mass.
template <bool EXACT>
RELENTROPY_BLOCK void logsumexp_slopes_of(const Normaliser& row, Seed seed, bool none,
                                          const double* a, int n, double* to) {
  if (none || !row.known) {
    return fill(to, n, none || seed.unit == 0.0 ? 0.0 * seed.unit : NOT_A_NUMBER);
  }
  for (int i = 0; i < n; i += LANES) store(to + i, times(seed, share_of<EXACT>(load(a + i), row)));
}

// --- one entry of a row ----------------------------------------------------------------------

RELENTROPY_BLOCK double log_share_at(double x, const Peak& row) {
  if (!finite(row.top)) return NOT_A_NUMBER;
  const Pair<double> gap = two_sum(x, -row.top);
  if (!finite(gap.hi)) return gap.hi;
  const Pair<double> value = subtract(gap, log1p_words(row.others));
  return value.hi + value.lo;
}

// Its derivative: minus softmax(a), and at the entry the share of all others, which are added up
// as such where it is the largest.
template <bool EXACT>
RELENTROPY_BLOCK void token_slopes_of(const Peak& peak, Seed seed, const double* a, int place,
                                      int n, double* to) {
  const Normaliser row = normaliser_of(peak);
  for (int i = 0; i < n; i += LANES)
    store(to + i, times(seed, 0.0 - share_of<EXACT>(load(a + i), row)));
  if (place < 0) return;
  const double weight = exp(Pair<double>(two_sum(a[place], -row.top)));
  const double rest = a[place] == peak.top ? peak.others.hi : row.mass - weight;
  to[place] = times(seed, rest / row.mass);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
