// Relative entropy from logits, in one pass, in a state that merges.
//
// The twin of _formulas/kl_logits.py, which says what the numbers mean. With d = (b - a) - c,
// c close to the teacher's mean of b - a, w = exp(a - m) and
//
//     S = sum(w),  T = sum(w*d),  F = sum(w*(exp(d) - 1 - d)) + sum(exp(b - c - m), a = -inf)
//
// the divergence is F/S + log1pmx(W) with W = (F + T)/S, for any c. At most 3 ulp in float64.
// Where the student is far above the teacher its mass is kept by itself, Z = sum(exp(b - q_top)).
//
// EXACT is for data of as many digits as a double has: every difference is a pair. Without, a
// double has digits to spare.
#pragma once

#include "../manifest.hpp"
#include "logarithm.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Of logits that differ by more, a rounded difference lacks digits of what else they differ by.
constexpr double OFFSET = 0x1p20;

struct KLState {
  double top;           // m, the largest a; -inf where the teacher has no mass in this part
  Pair<double> centre;  // c
  Pair<double> mass;    // S
  double mean;          // T
  Pair<double> excess;  // F; Z where far
  double q_top;         // the largest b
  bool far;             // whether the student is so far above that F would overflow, or lost
  bool lost;            // whether the teacher has mass where the student has none
  bool valid;           // whether no logit is nan or +inf
  bool normalize;       // as the pass was told
};

// What a block is before anything is computed of it.
struct KLLook {
  double top, q_top, pivot, widest;  // the largest abs(b - a - pivot)
  bool masked, lost, unknown;
};

RELENTROPY_BLOCK KLLook kl_look(const double* a, const double* b, int n, bool normalize) {
  Lanes top = all<Lanes>(-INF), q_top = top, bottom = all<Lanes>(INF);
  Lanes high = top, low = bottom;
  for (int i = 0; i < n; i += LANES) {
    Lanes x = load(a + i), y = load(b + i), d = y - x;
    top = larger(x, top), q_top = larger(y, q_top);
    bottom = smaller(smaller(x, y), bottom);
    high = larger(d, high), low = smaller(d, low);
  }
  KLLook look{max_of(top), max_of(q_top), 0.0, INF, min_of(bottom) == -INF, false, false};
  if (look.masked) {  // elsewhere nan shows in the sums
    Mask lost{}, unknown{};
    for (int i = 0; i < n; i += LANES) {
      Lanes x = load(a + i), y = load(b + i);
      lost |= (x > -INF) & (y == -INF);
      unknown |= (x != x) | (y != y);
    }
    look.lost = any(lost), look.unknown = any(unknown);
  }
  // The difference at the teacher's largest logit takes a common offset out exactly, so that
  // the mean is as small as the differences are and its rounding harmless.
  for (int i = 0; normalize && i < n; i += LANES) {
    Mask here = load(a + i) == look.top;
    if (!any(here)) continue;
    Lanes x = load(a + i), y = load(b + i);
    here &= (y > -INF) & (y < INF);
    if (!any(here)) continue;
    look.pivot = finite_or_zero(max_of(choose(here, y - x, -INF)));
    break;
  }
  const double above = max_of(high) - look.pivot, below = look.pivot - min_of(low);
  const double wider = above > below ? above : below;
  // Where rounding has made them alike, differences are not known to be.
  if (!look.masked && magnitude(look.pivot) <= OFFSET) look.widest = wider;
  return look;
}

// (x - y) - z as a pair, or rounded.
template <bool EXACT>
RELENTROPY_FN Pair<Lanes> apart(Lanes x, Lanes y, double z) {
  if constexpr (EXACT) return add(two_sum(x, -y), all<Lanes>(-z));
  return {(x - y) - z, Lanes{}};
}
template <bool EXACT>
RELENTROPY_FN Pair<Lanes> less(Pair<Lanes> x, double y) {
  if constexpr (EXACT) return add(x, all<Lanes>(-y));
  return {x.hi - y, Lanes{}};
}
// y - x less a centre of two words. Where a double has digits to spare, one is enough: the
// divergence is the same for any centre that all entries share.
template <bool EXACT>
RELENTROPY_FN Pair<Lanes> log_ratio(Lanes y, Lanes x, Pair<double> centre) {
  if constexpr (EXACT) return less<EXACT>(apart<EXACT>(y, x, centre.hi), centre.lo);
  return {(y - x) - centre.hi, Lanes{}};
}

// Differences beyond are extreme: exponentials of them may leave the range that short cuts have.
constexpr double EXTREME = 100.0;

// The teacher's weights, their sum, and that of the weighted differences.
struct KLWeighed {
  Pair<double> mass;
  double sum;
  bool low;  // whether some weight is subnormal
};

template <bool EXACT, bool MASKED>
RELENTROPY_BLOCK KLWeighed kl_weigh(const double* a, const double* b, double* weights, int n,
                                    double anchor, double pivot, Next next) {
  Pair<Lanes> mass{};
  Lanes sum{};
  Mask low{};
  for (int i = 0; i < n; i += LANES) {
    next.ask(i);
    Lanes x = load(a + i), y = load(b + i), d = apart<EXACT>(y, x, pivot).hi;
    Mask there = x != -INF;
    if constexpr (MASKED) {
      d = choose(there & (y != -INF), d, 0.0);
      x = choose(there, x, anchor);
    }
    Pair<Lanes> below = {x - anchor, Lanes{}};
    if constexpr (EXACT) below = two_sum(x, all<Lanes>(-anchor));
    Lanes weight = exp_of<EXACT>(below);
    if constexpr (MASKED) weight = choose(there, weight, 0.0);
    if constexpr (EXACT) low |= there & (weight < SUBNORMAL);
    store(weights + i, weight);
    collect<EXACT>(mass, weight);
    sum = EXACT ? sum + weight * d : fma(weight, d, sum);
  }
  return {gathered(mass), sum_of(sum), any(low)};
}

// sum(w*(exp(d) - 1 - d)) and sum(w*d) of a block in which all d are near: no exponential.
template <bool EXACT, int N>
RELENTROPY_BLOCK void kl_near(KLState& state, const double* a, const double* b,
                              const double* weights, int n, Pair<double> centre,
                              const double (&tail)[N]) {
  Pair<Lanes> excess{};
  Lanes means{};
  for (int i = 0; i < n; i += LANES) {
    Lanes weight = load(weights + i);
    Pair<Lanes> d = log_ratio<EXACT>(load(b + i), load(a + i), centre);
    Lanes spread = weight * d.hi, bent = d.hi * polynomial(tail, d.hi);
    means += spread;
    if constexpr (EXACT) {
      Lanes g = d.hi * bent;
      g += d.lo * (d.hi + g);
      collect<EXACT>(excess, weight * g);
    } else {
      excess.hi = fma(spread, bent, excess.hi);
    }
  }
  state.excess = gathered(excess);
  state.mean = sum_of(means);
}

// Weights and all of it at once, about the pivot instead of the mean, of a block that is near and
// has digits to spare. Moving the centre to the mean takes mean**2/2 from F: whether enough is left.
template <int N>
RELENTROPY_BLOCK bool kl_at_once(KLState& state, const double* a, const double* b, int n,
                                 double anchor, double pivot, const double (&tail)[N],
                                 const Next* next) {
  Lanes mass{}, means{}, excess{};
  for (int i = 0; i < n; i += LANES) {
    next[0].ask(i), next[1].ask(i);
    Lanes x = load(a + i), d = (load(b + i) - x) - pivot, weight = exp_down(x - anchor);
    Lanes spread = weight * d, bent = d * polynomial(tail, d);
    mass += weight, means += spread;
    excess = fma(spread, bent, excess);
  }
  const double S = sum_of(mass), T = sum_of(means), F = sum_of(excess), mean = T / S;
  // exp(-m)*F + S*(exp(-m) - 1 + m) + T*(exp(-m) - 1) with m = T/S.
  const double down = expm1(-mean);
  const double moved = F + (F * down + S * (expm1mx(-mean) + mean * down));
  if (!(mean * T <= 64.0 * moved)) return false;  // also where something is nan
  state.mass = {S, 0.0}, state.centre = {pivot + mean, 0.0};
  state.mean = T - S * (state.centre.hi - pivot);
  state.excess = {moved, 0.0};
  return true;
}

// The same where digits are to spare, of a block without masks in which no d is extreme.
RELENTROPY_BLOCK void kl_open(KLState& state, const double* a, const double* b,
                              const double* weights, int n, double centre) {
  Lanes excess{}, means{};
  for (int i = 0; i < n; i += LANES) {
    Lanes weight = load(weights + i), d = (load(b + i) - load(a + i)) - centre;
    means = fma(weight, d, means);
    Lanes g = d * d * polynomial(EXP_TAIL_SHORT, d);
    excess = fma(weight, choose(magnitude(d) < 0x1p-5, g, expm1_brief(d) - d), excess);
  }
  state.excess = gathered(Pair<Lanes>{excess, Lanes{}});
  state.mean = sum_of(means);
}

// The same of any block.
template <bool EXACT>
RELENTROPY_BLOCK void kl_far(KLState& state, const double* a, const double* b,
                             const double* weights, int n, double anchor, double pivot, double mean,
                             bool low) {
  constexpr double REACH = EXACT ? 2.0 : 0x1p-5;
  const double q_anchor = finite_or_zero(state.q_top);
  Pair<Lanes> excess{};
  Lanes means{};
  for (int i = 0; i < n; i += LANES) {
    Lanes x = load(a + i), y = load(b + i), weight = load(weights + i);
    Mask no_p = x == -INF, no_q = y == -INF, live = no(no_p | no_q);
    Pair<Lanes> d = less<EXACT>(apart<EXACT>(y, x, pivot), mean);
    d = {choose(live, d.hi, 0.0), choose(live, d.lo, 0.0)};
    Lanes spread = weight * d.hi;
    if (EXACT && low) {  // in halves, where the weight alone is subnormal, d large
      Pair<Lanes> below = two_sum(choose(no_p, anchor, x), all<Lanes>(-anchor));
      Lanes half = exp(Pair<Lanes>{0.5 * below.hi, 0.5 * below.lo});
      Mask small = no(no_p) & (weight < SUBNORMAL);
      spread = choose(small, (half * d.hi) * half, spread);
    }
    means += spread;
    Mask near = live & (magnitude(d.hi) < REACH);
    Lanes z = choose(near, d.hi, 0.0), g;
    if constexpr (EXACT) {
      g = z * z * polynomial(EXP_TAIL_FAR, z);
      g += choose(near, d.lo, 0.0) * (z + g);
    } else {
      g = z * z * polynomial(EXP_TAIL_SHORT, z);
    }
    // exp(student) is the student on the teacher's scale; on its own where it is far.
    Lanes there = choose(no_q, 0.0, y);
    Pair<Lanes> student = state.far
                              ? apart<EXACT>(there, all<Lanes>(q_anchor), 0.0)
                              : less<EXACT>(apart<EXACT>(there, all<Lanes>(anchor), pivot), mean);
    Lanes other = choose(no_q, 0.0, exp_of<EXACT>(student));
    Lanes term = choose(near, weight * g, other - (weight + spread));
    collect<EXACT>(excess, state.far ? other : choose(no_p, other, term));
  }
  state.excess = gathered(excess);
  state.mean = sum_of(means);
}

// Of the student's largest entry above the teacher's scale; exponentials stay below infinity.
RELENTROPY_FN bool is_far(double height, double top) { return height > HEADROOM || top == -INF; }

// The state of a block: n logits of each side, n a multiple of LANES (padded with -inf), and
// room for as many weights.
template <bool EXACT>
RELENTROPY_BLOCK KLState kl_step(const double* a, const double* b, double* weights, int n,
                                 bool normalize, const Next* next) {
  KLLook look = kl_look(a, b, n, normalize);
  double anchor = finite_or_zero(look.top), pivot = look.pivot;
  if constexpr (!EXACT) {
    if (magnitude(pivot) > OFFSET) return kl_step<true>(a, b, weights, n, normalize, next);
  }
  KLState state{};
  state.top = look.top, state.q_top = look.q_top, state.lost = look.lost;
  state.normalize = normalize;
  if (!EXACT && normalize && look.widest < 1.0) {
    state.valid = look.widest < 0.5
                      ? kl_at_once(state, a, b, n, anchor, pivot, EXP_TAIL_HALF, next)
                      : kl_at_once(state, a, b, n, anchor, pivot, EXP_TAIL_NEAR, next);
    if (state.valid) return state;
  }
  KLWeighed w = look.masked ? kl_weigh<EXACT, true>(a, b, weights, n, anchor, pivot, next[1])
                            : kl_weigh<EXACT, false>(a, b, weights, n, anchor, pivot, next[1]);
  double mean = normalize && w.mass.hi > 0 ? w.sum / w.mass.hi : 0.0;
  double widest = look.widest + magnitude(mean);
  if (!EXACT) pivot += mean, mean = 0.0;
  state.valid = !look.unknown && look.top < INF && look.q_top < INF && w.mass.hi == w.mass.hi &&
                w.sum == w.sum;
  state.mass = w.mass, state.centre = two_sum(pivot, mean);
  state.far = look.lost || is_far(((look.q_top - anchor) - pivot) - mean, look.top);
  const Pair<double> centre = {pivot, mean};
  if (EXACT && widest < 1.99) kl_near<EXACT>(state, a, b, weights, n, centre, EXP_TAIL_FAR);
  else if (!EXACT && widest < 0.25)
    kl_near<EXACT>(state, a, b, weights, n, centre, EXP_TAIL_QUARTER);
  else if (!EXACT && widest < 1.0) kl_near<EXACT>(state, a, b, weights, n, centre, EXP_TAIL_NEAR);
  else if (!EXACT && widest < EXTREME && !state.far) kl_open(state, a, b, weights, n, pivot);
  else kl_far<EXACT>(state, a, b, weights, n, anchor, pivot, mean, w.low);
  return state;
}

// --- merging ----------------------------------------------------------------------------------

// exp(a - b) of row maxima; 1 where equal (also both infinite).
RELENTROPY_FN double exp_difference(double a, double b) {
  if (a == b) return 1.0;
  Pair<double> gap = two_sum(a, -b);
  return exp(Pair<double>{gap.hi, finite(gap.hi) ? gap.lo : 0.0});
}

// The student's largest logit on the teacher's scale.
RELENTROPY_FN Pair<double> height_of(const KLState& state) {
  const double top = finite_or_zero(state.top), q_top = finite_or_zero(state.q_top);
  return subtract(two_sum(q_top, -top), state.centre);
}

// The logarithm of the excess's scale. A centre that is far off takes its anchor back first.
RELENTROPY_FN Pair<double> kl_exponent(const KLState& state) {
  if (state.far) return {finite_or_zero(state.q_top), 0.0};
  return add(state.centre, finite_or_zero(state.top));
}

// One part of a merge, on the scale of the whole.
struct KLPart {
  double mass, mean, excess;
};
RELENTROPY_BLOCK KLPart kl_part(const KLState& part, const KLState& whole, double scale) {
  const double mass = part.mass.hi + part.mass.lo, inside = part.excess.hi + part.excess.lo;
  const Pair<double> move = subtract(part.centre, whole.centre);
  KLPart one{scale * mass, scale * part.mean, 0.0};

  const double grown =
      part.q_top > -INF ? exp(subtract(kl_exponent(part), kl_exponent(whole))) : 0.0;
  const double student = grown * (inside + (part.far ? 0.0 : mass + part.mean));
  if (whole.far) {
    one.excess = student;
  } else if (!part.far && magnitude(move.hi) < 2.0) {
    const double bent = expm1mx(move.hi), grows = expm1(move.hi);
    const double lifted = one.mass * bent + one.mean * grows;
    one.excess = grown * inside + (lifted + one.mass * move.lo * grows);
  } else {
    one.excess = student - (one.mass + one.mass * move.hi) - one.mean;
  }
  one.mean += one.mass * (move.hi + move.lo);
  return one;
}

// Chan's update: both parts are recentred on the mean of their centres. Moving a centre by e
// adds expm1mx(e) for every unit of teacher mass, so that F stays a sum of terms none of which
// is negative, however parts are merged.
RELENTROPY_BLOCK KLState merge(const KLState& one, const KLState& other) {
  KLState state{};
  state.top = one.top > other.top ? one.top : other.top;
  state.q_top = one.q_top > other.q_top ? one.q_top : other.q_top;
  const double scales[2] = {exp_difference(one.top, state.top),
                            exp_difference(other.top, state.top)};
  const double masses[2] = {scales[0] * (one.mass.hi + one.mass.lo),
                            scales[1] * (other.mass.hi + other.mass.lo)};
  const double mass = masses[0] + masses[1];
  // The heavier part's centre moves a little: no overflow, and no inf - inf.
  const bool first = masses[0] >= masses[1];
  const double lighter = first ? masses[1] : masses[0];
  const Pair<double> gap = subtract(other.centre, one.centre);
  const double step = (gap.hi + gap.lo) * (mass > 0 ? lighter / mass : 0.0);
  state.centre = first ? add(one.centre, step) : add(other.centre, -step);
  state.lost = one.lost | other.lost;
  state.far = state.lost || is_far(state.q_top > -INF ? height_of(state).hi : -INF, state.top);

  const KLPart left = kl_part(one, state, scales[0]), right = kl_part(other, state, scales[1]);
  state.mass = {mass, 0.0}, state.mean = left.mean + right.mean;
  state.excess = {left.excess + right.excess, 0.0};
  state.normalize = one.normalize;
  state.valid = one.valid & other.valid;
  return state;
}

// --- what a row ends in -----------------------------------------------------------------------

// F/S as a pair, and T/S.
struct KLMeans {
  Pair<double> f;
  double eta;
};
RELENTROPY_FN KLMeans kl_means(const KLState& state) {
  Pair<double> mass = state.mass.hi > 0 ? state.mass : Pair<double>{1.0, 0.0};
  return {divide(state.excess, mass), state.mean / mass.hi};
}

// log E[exp(d)] about the centre of what is far.
RELENTROPY_FN double far_log_mean(const KLState& state, double f) {
  const Pair<double> height = height_of(state);
  return (height.hi + height.lo) + (f > 0 ? log(f) : 0.0);
}

// The divergence in nats.
RELENTROPY_BLOCK double finish(const KLState& state, bool normalize) {
  if (!state.valid) return NOT_A_NUMBER;
  if (!normalize) {
    if (state.lost) return INF;
    const double top = finite_or_zero(state.top), q_top = finite_or_zero(state.q_top);
    double excess = state.excess.hi + state.excess.lo;
    // F is what Z exceeds S + T by, which is not small without a mean.
    if (state.far)
      excess -=
          exp(Pair<double>{top - q_top, 0.0}) * ((state.mass.hi + state.mass.lo) + state.mean);
    if (excess == 0.0) return 0.0;
    return exp(Pair<double>{state.far ? q_top : top, 0.0}) * excess;
  }
  if (state.top == -INF || state.q_top == -INF) return NOT_A_NUMBER;
  if (state.lost) return INF;
  KLMeans means = kl_means(state);
  double f = means.f.hi, eta = means.eta, w = f + eta;
  if (state.far) return far_log_mean(state, f) - eta;
  if (w < 0.5) return f + (log1pmx(w) + means.f.lo);
  return log1p(w) - eta;
}

// Residuals of a row. With u = (b - a) - centre: d = u - log_mean, d + KL = u - eta, p is
// exp(a - anchor)/mass and q exp(b - q_anchor)/(mass*grown).
RELENTROPY_BLOCK KlLogitsResiduals kl_residuals(const KLState& state, bool normalize) {
  if (!normalize) return {0, 1, 0, 0, 0, 0, 0, 1};
  KLMeans means = kl_means(state);
  double f = means.f.hi, eta = means.eta;
  // Of a finished row: what is not far is not high.
  double grown = f + means.f.lo;
  if (!state.far) {
    const Pair<double> height = height_of(state);
    const double lower = state.q_top > -INF ? exp(Pair<double>{-height.hi, -height.lo}) : 1.0;
    grown = (1.0 + (f + eta)) * lower;
  }
  return {finite_or_zero(state.top),
          state.mass.hi > 0 ? state.mass.hi + state.mass.lo : 1.0,
          state.centre.hi,
          state.centre.lo,
          state.lost ? -INF : eta,
          state.far ? far_log_mean(state, f) : log1p(f + eta),
          finite_or_zero(state.q_top),
          grown};
}

// --- the gradient -----------------------------------------------------------------------------

// By q's logits p*expm1(d), by p's -p*(d + KL), d the normalised log-ratio: q - p has no digit
// where the two agree. Either may be left out. In a CLOSE block all log-ratios are small and
// nothing is masked: one exponential is enough.
template <bool EXACT, bool CLOSE, int N>
RELENTROPY_BLOCK void kl_slopes(const KlLogitsResiduals& row, double unit, const double* a,
                                const double* b, int n, double* by_a, double* by_b,
                                const double (&tail)[N], const Next* next) {
  const bool infinite = row.eta == -INF, q_near = row.log_mean < 1.0;
  const double factor = unit / row.mass, low = EXACT ? 0.0 : row.low;
  const double log_mean = row.log_mean + low, eta = row.eta + low;
  const Pair<double> centre = {row.centre, row.low};
  for (int i = 0; i < n; i += LANES) {
    next[0].ask(i), next[1].ask(i);
    Lanes x = load(a + i), y = load(b + i);
    Mask no_p = x == -INF, no_q = y == -INF, live = no(no_p | no_q);
    Lanes x0 = CLOSE ? x : choose(no_p, 0.0, x), y0 = CLOSE ? y : choose(no_q, 0.0, y);
    Pair<Lanes> u = log_ratio<EXACT>(y0, x0, centre);
    Pair<Lanes> below = {x0 - row.anchor, Lanes{}};
    if constexpr (EXACT) below = two_sum(x0, all<Lanes>(-row.anchor));
    Lanes weight = exp_of<EXACT>(below);
    if constexpr (!CLOSE) weight = choose(no_p, 0.0, weight);
    if (by_a) {
      Lanes rate = eta - u.hi;
      if constexpr (EXACT) {
        Pair<Lanes> gap = subtract(Pair<Lanes>{all<Lanes>(eta), Lanes{}}, u);
        rate = gap.hi + gap.lo;
      }
      Lanes slope = weight * rate;
      if constexpr (EXACT) {
        Mask small = no(no_p) & (weight < SUBNORMAL);
        if (any(small)) {  // in halves, where the weight alone is subnormal
          Lanes half = exp(Pair<Lanes>{0.5 * below.hi, 0.5 * below.lo});
          slope = choose(small, (half * rate) * half, slope);
        }
      }
      if (infinite) slope = all<Lanes>(-INF);
      if constexpr (!CLOSE) slope = choose(no_p, 0.0, choose(no_q, INF, slope));
      store(by_a + i, slope * factor);
    }
    if (by_b) {
      Pair<Lanes> d = less<EXACT>(u, log_mean);
      Lanes gap = EXACT ? d.hi + d.lo : d.hi, slope;
      if constexpr (CLOSE) {
        slope = weight * fma(gap * gap, polynomial(tail, gap), gap);
      } else {
        Mask near = live & (magnitude(gap) < 1.0) & (q_near ? live : Mask{});
        Lanes z = choose(near, gap, 0.0);
        Lanes close = weight * fma(z * z, polynomial(tail, z), z);
        Pair<Lanes> exponent = {y0 - row.q_anchor, Lanes{}};
        if constexpr (EXACT) exponent = two_sum(y0, all<Lanes>(-row.q_anchor));
        Lanes q = choose(no_q, 0.0, exp_of<EXACT>(exponent)) / row.grown;
        slope = choose(near, close, q - weight);
      }
      store(by_b + i, slope * factor);
    }
  }
}

// The same where digits are to spare, of a block without masks in which nothing is extreme: q is
// p*exp(d) there.
RELENTROPY_BLOCK void kl_open_slopes(const KlLogitsResiduals& row, double unit, const double* a,
                                     const double* b, int n, double* by_a, double* by_b,
                                     const Next* next) {
  const double factor = unit / row.mass;
  const double log_mean = row.log_mean + row.low, eta = row.eta + row.low;
  for (int i = 0; i < n; i += LANES) {
    next[0].ask(i), next[1].ask(i);
    Lanes x = load(a + i), u = (load(b + i) - x) - row.centre;
    Lanes weight = exp_down(x - row.anchor) * factor;
    if (by_a) store(by_a + i, weight * (eta - u));
    if (by_b) store(by_b + i, weight * expm1_brief(u - log_mean));
  }
}

template <bool EXACT>
RELENTROPY_BLOCK void kl_slopes_of(const KlLogitsResiduals& row, Seed seed, Base base,
                                   const double* a, const double* b, int n, double* by_a,
                                   double* by_b, const Next* next) {
  const bool one = settled(seed, by_a, n), other = settled(seed, by_b, n);
  if (one || other) return;
  const double unit = seed.unit * base.high;
  if (magnitude(row.centre) > OFFSET)
    return kl_slopes<true, false>(row, unit, a, b, n, by_a, by_b, EXP_TAIL_NEAR, next);
  Lanes widest{}, bottom = all<Lanes>(INF);
  for (int i = 0; i < n; i += LANES) {
    Lanes x = load(a + i), y = load(b + i);
    widest = larger(magnitude((y - x) - row.centre), widest);
    bottom = smaller(smaller(x, y), bottom);
  }
  double reach = max_of(widest) + magnitude(row.log_mean) + magnitude(row.low);
  if (!(min_of(bottom) > -INF)) reach = INF;
  const bool open = !EXACT && reach < EXTREME;
  if (!(row.log_mean < 1.0)) reach = INF;
  if (!EXACT && reach < 0.25)
    kl_slopes<EXACT, true>(row, unit, a, b, n, by_a, by_b, EXP_TAIL_QUARTER, next);
  else if (!EXACT && reach < 0.5)
    kl_slopes<EXACT, true>(row, unit, a, b, n, by_a, by_b, EXP_TAIL_HALF, next);
  else if (reach < 0.99)
    kl_slopes<EXACT, true>(row, unit, a, b, n, by_a, by_b, EXP_TAIL_NEAR, next);
  else if (open) kl_open_slopes(row, unit, a, b, n, by_a, by_b, next);
  else kl_slopes<EXACT, false>(row, unit, a, b, n, by_a, by_b, EXP_TAIL_NEAR, next);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
