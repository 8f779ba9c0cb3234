// Kernels of the table of divergences, of weights and of logits.
#pragma once
#include "arithmetic/generators.hpp"
#include "kl.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Two passes: what the sides' masses are, and terms. Outputs: the divergence, and, where there
// are more, it again and the numbers of `FDivergence`: the source's, the means and the unit.
template <bool EXACT, class Generator, class Known>
struct Divergence {
  static constexpr int OPERANDS = 2, PASSES = 2;
  double fills[2] = {Known::FILL, Known::FILL};
  Generator generator;
  Base base;
  bool root, numbers;

  struct Row {
    bool chosen = false;
    Known known;
    Sums sums;
  };
  template <int PASS>
  using State = std::conditional_t<PASS == 0, typename Known::State, Sums>;

  template <int PASS>
  State<PASS> step(const Row& row, Blocks& blocks, int n) const {
    const double *p = blocks.in[0], *q = blocks.in[1];
    if constexpr (PASS == 0) {
      return Known::step(p, q, blocks.room, n);
    } else if (numbers) {
      Sums sums = sums_of<EXACT, false, true>(generator, row.known, p, q, n);
      sums.more = row.known.more(p, q, n);
      return sums;
    } else if (row.known.easy(p, q, n)) {
      return sums_of<EXACT, true, false>(generator, row.known, p, q, n);
    } else {
      return sums_of<EXACT, false, false>(generator, row.known, p, q, n);
    }
  }
  template <int PASS>
  void learn(Row& row, const State<PASS>& state) const {
    if constexpr (PASS == 0) row.known = Known::of(state);
    else row.sums = state;
  }
  void finish(const Row& row, bool chosen, double* out) const {
    double value = in_base(row.known.mean(row.sums.terms), base);
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
    last[0] = row.known.mean(row.sums.by_x), last[1] = row.known.mean(row.sums.by_y);
    last[2] = unit;
  }
};

template <bool EXACT, class Generator, class Known>
void divergence(const Call& call) {
  const Divergence<EXACT, Generator, Known> kernel{{Known::FILL, Known::FILL},
                                                   Generator(call.options[3]),
                                                   base_of(call),
                                                   call.options[4] != 0,
                                                   call.outputs > 1};
  Fold<Divergence<EXACT, Generator, Known>>(call, kernel, mask_of(call)).run();
}

// Inputs: operands, the seed, the divergence, and the numbers that `Divergence` keeps. Outputs:
// what options 5 and 6 ask for.
template <class Generator, class Known>
struct DivergenceSlopes {
  static constexpr int OPERANDS = 2, RESULTS = 2;
  double fills[2] = {Known::FILL, Known::FILL};
  Generator generator;
  bool by_p, by_q;

  struct Row {
    Seed seed;
    Known known;
    Means means;
  };
  Row row(const double* given) const {
    const double* last = given + 2 + Known::COUNT;
    return {{given[0], given[1]}, Known::of(given + 2), {last[0], last[1], last[2]}};
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    const double *p = blocks.in[0], *q = blocks.in[1];
    if (by_p) {
      divergence_slopes<false>(generator, row.known, row.means, row.seed, p, q, n, blocks.out[0]);
    }
    if (by_q) {
      divergence_slopes<true>(generator, row.known, row.means, row.seed, p, q, n,
                              blocks.out[by_p ? 1 : 0]);
    }
  }
};

template <class Generator, class Known>
void divergence_slopes(const Call& call) {
  const DivergenceSlopes<Generator, Known> kernel{{Known::FILL, Known::FILL},
                                                  Generator(call.options[3]),
                                                  call.options[5] != 0,
                                                  call.options[6] != 0};
  map(call, kernel, mask_of(call));
}

#define RELENTROPY_ROW(name, ...)                                           \
  {name "_weights", divergence<false, __VA_ARGS__, WeightRow<false, false>>},     \
  {name "_weights_exact", divergence<true, __VA_ARGS__, WeightRow<true, false>>}, \
  {name "_weights_slopes", divergence_slopes<__VA_ARGS__, WeightRow<false, true>>},     \
  {name "_weights_slopes_exact", divergence_slopes<__VA_ARGS__, WeightRow<true, true>>}, \
  {name "_logits", divergence<false, __VA_ARGS__, LogitRow<false>>},        \
  {name "_logits_exact", divergence<true, __VA_ARGS__, LogitRow<true>>},    \
  {name "_logits_slopes", divergence_slopes<__VA_ARGS__, LogitRow<false>>}, \
  {name "_logits_slopes_exact", divergence_slopes<__VA_ARGS__, LogitRow<true>>}

#define RELENTROPY_DIVERGENCES                                                             \
  RELENTROPY_ROW("kl_row", KL), RELENTROPY_ROW("reverse_kl_row", Swapped<KL>),             \
      RELENTROPY_ROW("jeffreys", Jeffreys), RELENTROPY_ROW("jensen_shannon", JensenShannon), \
      RELENTROPY_ROW("skew_jensen_shannon", SkewJensenShannon),                            \
      RELENTROPY_ROW("skew_kl", SkewKL), RELENTROPY_ROW("hellinger", SquaredHellinger),    \
      RELENTROPY_ROW("total_variation", TotalVariation), RELENTROPY_ROW("pearson", Pearson), \
      RELENTROPY_ROW("reverse_pearson", Swapped<Pearson>), RELENTROPY_ROW("triangular", Triangular)

}  // namespace RELENTROPY_SET
}  // namespace relentropy
