// Kernels of the table of divergences, of weights and of logits.
#pragma once
#include "arithmetic/orders.hpp"
#include "cross_entropy.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Of a part of a row: terms, the means that shares take from their derivatives, and what the row
// needs for the residuals.
struct Sums {
  Terms terms;
  Pair<double> by_p, by_q, more;
  friend Sums merge(const Sums& one, const Sums& other) {
    return {merge(one.terms, other.terms), add_sums(one.by_p, other.by_p),
            add_sums(one.by_q, other.by_q), add_sums(one.more, other.more)};
  }
};

// Two passes: what the sides' masses are, and terms. Inputs: operands, and the row's order where
// there is one, in place of the weight. Outputs: the divergence, and, where there are more, it
// again and the residuals of its side.
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
    auto residuals = row.known.residuals(row.sums.more);
    residuals.p_mean = row.known.mean(row.sums.by_p);
    residuals.q_mean = row.known.mean(row.sums.by_q);
    residuals.unit = unit;
    write(residuals, out + 2);
  }
};

// Inputs: operands, the order, the cotangent, the divergence, and its residuals. Outputs: the
// gradients that are needed.
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
  Row row(const double* in) const {
    const double order = ordered ? *in++ : weight;
    const auto r = read<typename Kept::Residuals>(in + 2);
    return {order, {in[0], in[1]}, Kept::of(r), r.p_mean, r.q_mean, r.unit};
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

// The shares of rows of one kind: those whose entries are summed, and those that slopes get from
// residuals.
template <bool EXACT, class Side>
struct Shared;
template <bool EXACT>
struct Shared<EXACT, OfWeights> {
  using Known = WeightRow<EXACT, EXACT>;
  using Kept = WeightRow<EXACT, true>;
};
template <bool EXACT>
struct Shared<EXACT, OfLogits> {
  using Known = LogitRow<EXACT>;
  using Kept = Known;
};

// Generators of one side share the kernel, and differ in the functions of a block.
template <class Known, class Kept>
void divergence_by(const Call& call, const Functions<Known, Kept>& of, bool ordered) {
  const DivergenceOptions options(call);
  using Of = Divergence<Known, Kept>;
  const Of kernel{{Known::FILL, Known::FILL},
                  of,
                  options.weight,
                  ordered,
                  options.base,
                  options.root,
                  call.outputs > 1};
  Fold<Of, 0, true>(call, kernel, options.mask).run();
}
template <class Known, class Kept>
void divergence_slopes_by(const Call& call, const Functions<Known, Kept>& of, bool ordered) {
  const DivergenceOptions options(call);
  const DivergenceSlopes<Known, Kept> kernel{
      {Known::FILL, Known::FILL}, of, options.weight, ordered, options.by_p, options.by_q};
  map(call, kernel, options.mask);
}

template <bool EXACT, class Row, class Side>
void divergence(const Call& call) {
  using Of = Shared<EXACT, Side>;
  divergence_by(call, functions_of<Row, typename Of::Known, typename Of::Kept>(), Row::ORDERED);
}
template <bool EXACT, class Row, class Side>
void divergence_slopes(const Call& call) {
  using Of = Shared<EXACT, Side>;
  divergence_slopes_by(call, functions_of<Row, typename Of::Known, typename Of::Kept>(),
                       Row::ORDERED);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
