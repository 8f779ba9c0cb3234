// Kernels of the table of divergences, of weights and of logits.
#pragma once
#include "arithmetic/orders.hpp"
#include "kl.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Of a part of a row: terms, the means that shares take from their derivatives, and what the row
// needs for the numbers that are kept.
struct Sums {
  Terms terms;
  Pair<double> by_p, by_q, more;
  friend Sums merge(const Sums& one, const Sums& other) {
    return {merge(one.terms, other.terms), add_sums(one.by_p, other.by_p),
            add_sums(one.by_q, other.by_q), add_sums(one.more, other.more)};
  }
};

// Two passes: what the sides' masses are, and terms. Inputs: operands, and the row's order where
// there is one, in place of the weight. Outputs: the divergence, and, where there
// are more, it again and the numbers of `FDivergence`: the source's, the means and the unit.
template <class Known, class Kept>
struct Divergence {
  static constexpr int OPERANDS = 2, PASSES = 2;
  double fills[2] = {Known::FILL, Known::FILL};
  Functions<Known, Kept> of;
  double weight;
  bool ordered;
  Base base;
  bool root, numbers;

  struct Row {
    bool chosen = false;
    double weight;
    Known known;
    Sums sums;
  };
  Row row(const double* given) const { return {false, ordered ? given[0] : weight, {}, {}}; }
  template <int PASS>
  using State = std::conditional_t<PASS == 0, typename Known::State, Sums>;

  template <int PASS>
  State<PASS> step(const Row& row, Blocks& blocks, int n) const {
    const double *p = blocks.in[0], *q = blocks.in[1];
    if constexpr (PASS == 0) {
      return Known::step(p, q, blocks.room, n, blocks.next);
    } else {
      Sums sums{};
      const bool easy = row.known.easy(p, q, n);
      sums.terms = (easy ? of.easy : of.far)(row.weight, row.known, p, q, n);
      if (numbers) {
        double rates[2][BLOCK];
        of.weighted(row.weight, row.known, 0.0, 0.0, p, q, n, rates[0], rates[1]);
        sums.by_p = sum_scaled(rates[0], n, 1.0), sums.by_q = sum_scaled(rates[1], n, 1.0);
        sums.more = row.known.more(p, q, n);
      }
      return sums;
    }
  }
  template <int PASS>
  void learn(Row& row, const State<PASS>& state) const {
    if constexpr (PASS == 0) row.known = Known::of(state);
    else row.sums = state;
  }
  void finish(const Row& row, bool chosen, double* out) const {
    double value = in_base(row.known.mean(row.sums.terms.whole()), base);
    double unit = base.high + base.low;
    if (root) {  // its slope is 0 where the sides agree, and what it is the root of is flat
      value = relentropy::RELENTROPY_SET::root(value);
      unit = value > 0 ? in_base(0.5 / value, base) : 0.0;
    }
    value = row.known.proper ? value : NOT_A_NUMBER;
    out[0] = chosen ? value : 0.0;
    if (!numbers) return;
    out[1] = value;
    row.known.numbers(row.sums.more, out + 2);
    double* last = out + 2 + Known::COUNT;
    last[0] = row.known.mean(row.sums.by_p), last[1] = row.known.mean(row.sums.by_q);
    last[2] = unit;
  }
};

// Inputs: operands, the order, the seed, the divergence, and the numbers that `Divergence` keeps. Outputs:
// what the last two options ask for.
template <class Known, class Kept>
struct DivergenceSlopes {
  static constexpr int OPERANDS = 2, RESULTS = 2;
  double fills[2] = {Known::FILL, Known::FILL};
  Functions<Known, Kept> of;
  double weight;
  bool ordered, by_p, by_q;

  struct Row {
    double weight;
    Seed seed;
    Kept known;
    double p_mean, q_mean, unit;
  };
  Row row(const double* given) const {
    const double order = ordered ? *given++ : weight;
    const double* last = given + 2 + Known::COUNT;
    return {order, {given[0], given[1]}, Kept::of(given + 2), last[0], last[1], last[2]};
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    double* to_p = by_p ? blocks.out[0] : nullptr;
    double* to_q = by_q ? blocks.out[by_p ? 1 : 0] : nullptr;
    of.rates(row.weight, row.known, row.p_mean, row.q_mean, blocks.in[0], blocks.in[1], n, to_p,
             to_q);
    if (to_p) scale(row, row.known.p_unit(), n, to_p);
    if (to_q) scale(row, row.known.q_unit(), n, to_q);
  }
  static void scale(const Row& row, Unit by, int n, double* to) {
    const double unit = row.unit * by.by_mass;
    for (int i = 0; i < n; i += LANES) {
      Lanes rate = load(to + i) * unit * by.scale;
      store(to + i, times(row.seed, rate));
    }
  }
};

// Options of both: the weight of a mixture, and whether a root is taken, which slopes learn from
// the unit that is kept.
template <class Known, class Kept>
void divergence(const Call& call, const Functions<Known, Kept>& of) {
  const Divergence<Known, Kept> kernel{{Known::FILL, Known::FILL},
                                       of,
                                       call.options[3],
                                       call.inputs > 2 + (mask_of(call) >= 0),
                                       base_of(call),
                                       call.options[4] != 0,
                                       call.outputs > 1};
  Fold<Divergence<Known, Kept>, 0, true>(call, kernel, mask_of(call)).run();
}
template <class Known, class Kept>
void divergence_slopes(const Call& call, const Functions<Known, Kept>& of) {
  const bool ordered = call.inputs > 2 + 2 + Known::COUNT + 3 + (mask_of(call) >= 0);
  const DivergenceSlopes<Known, Kept> kernel{
      {Known::FILL, Known::FILL}, of, call.options[3], ordered, call.options[5] != 0,
      call.options[6] != 0};
  map(call, kernel, mask_of(call));
}

template <class Row, class Known, class Kept>
void divergence_by(const Call& call) {
  divergence(call, functions_of<Row, Known, Kept>());
}
template <class Row, class Known, class Kept>
void divergence_slopes_by(const Call& call) {
  divergence_slopes(call, functions_of<Row, Known, Kept>());
}

using Weights = WeightRow<false, false>;
using KeptWeights = WeightRow<false, true>;
using WeightsExact = WeightRow<true, true>;
using Logits = LogitRow<false>;
using LogitsExact = LogitRow<true>;

#define RELENTROPY_SIDES(name, end, Row, Known, Kept)  \
  {name end, divergence_by<Row, Known, Kept>},         \
  {name "_slopes" end, divergence_slopes_by<Row, Known, Kept>}
#define RELENTROPY_ROW(name, Row)                                                 \
  RELENTROPY_SIDES(name "_weights", "", Row, Weights, KeptWeights),               \
  RELENTROPY_SIDES(name "_weights", "_exact", Row, WeightsExact, WeightsExact), \
  RELENTROPY_SIDES(name "_logits", "", Row, Logits, Logits),                      \
  RELENTROPY_SIDES(name "_logits", "_exact", Row, LogitsExact, LogitsExact)

#define RELENTROPY_DIVERGENCES                                                                 \
  RELENTROPY_ROW("jeffreys", Jeffreys),                                                        \
  RELENTROPY_ROW("jensen_shannon", JensenShannon),                                             \
  RELENTROPY_ROW("skew_jensen_shannon", SkewJensenShannon),                                    \
  RELENTROPY_ROW("skew_kl", SkewKL), RELENTROPY_ROW("hellinger", SquaredHellinger),            \
  RELENTROPY_ROW("total_variation", TotalVariation),                                           \
  RELENTROPY_ROW("pearson", Pearson), RELENTROPY_ROW("triangular", Triangular),                \
  RELENTROPY_ROW("alpha", Alpha), RELENTROPY_ROW("tsallis", Tsallis)

}  // namespace RELENTROPY_SET
}  // namespace relentropy
