// Kernels of relative entropy.
#pragma once
#include "arithmetic/kl_logits.hpp"
#include "arithmetic/weights.hpp"
#include "driver.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

inline Base base_of(const Call& call) { return {call.options[0], call.options[1]}; }

// Outputs: the divergence, and, where there are more, it again and `KLNumbers`.
template <bool EXACT>
struct KLLogits {
  static constexpr int OPERANDS = 2, PASSES = 1;
  double fills[2] = {-INF, -INF};
  bool normalize;
  Base base;
  bool numbers;

  struct Row {
    bool chosen = false;
    KLState state;
  };
  template <int>
  using State = KLState;

  template <int>
  KLState step(const Row&, Blocks& blocks, int n) const {
    return kl_step<EXACT>(blocks.in[0], blocks.in[1], blocks.room, n, normalize);
  }
  template <int>
  void learn(Row& row, const KLState& state) const {
    row.state = state;
  }
  void finish(const Row& row, bool chosen, double* out) const {
    const double value = in_base(relentropy::RELENTROPY_SET::finish(row.state, normalize), base);
    out[0] = chosen ? value : 0.0;
    if (!numbers) return;
    const KLNumbers found = kl_numbers(row.state, normalize);
    out[1] = value;
    std::memcpy(out + 2, &found, sizeof found);
  }
};

template <bool EXACT>
void kl_logits(const Call& call) {
  const KLLogits<EXACT> kernel{{-INF, -INF}, call.options[3] != 0, base_of(call),
                               call.outputs > 1};
  Fold<KLLogits<EXACT>>(call, kernel, mask_of(call)).run();
}

// Inputs: operands, the seed, the divergence, `KLNumbers`. Outputs: what options 4 and 5 ask for.
template <bool EXACT>
struct KLLogitsSlopes {
  static constexpr int OPERANDS = 2, RESULTS = 2;
  double fills[2] = {-INF, -INF};
  Base base;
  bool by_p, by_q;

  struct Row {
    Seed seed;
    KLNumbers numbers;
  };
  Row row(const double* given) const {
    Row found;
    std::memcpy(&found, given, sizeof found);
    return found;
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    double* first = blocks.out[0];
    double* last = blocks.out[by_p ? 1 : 0];
    kl_slopes_of<EXACT>(row.numbers, row.seed, base, blocks.in[0], blocks.in[1], n,
                        by_p ? first : nullptr, by_q ? last : nullptr);
  }
};

template <bool EXACT>
void kl_logits_slopes(const Call& call) {
  const KLLogitsSlopes<EXACT> kernel{{-INF, -INF}, base_of(call), call.options[4] != 0,
                                     call.options[5] != 0};
  map(call, kernel, mask_of(call));
}

// Outputs: the divergence, and, where there are more, the `Numbers` of weight_shares.py, and it
// again.
template <bool EXACT>
struct KLWeights {
  static constexpr int OPERANDS = 2, PASSES = 2;
  double fills[2] = {0.0, 0.0};
  Base base;
  bool numbers;

  struct Row {
    bool chosen = false;
    Weighed sums;
    Shares shares;
    Pair<double> terms;
  };
  template <int PASS>
  using State = std::conditional_t<PASS == 0, Weighed, Pair<double>>;

  template <int PASS>
  State<PASS> step(const Row& row, Blocks& blocks, int n) const {
    if constexpr (PASS == 0) return weigh<EXACT>(blocks.in[0], blocks.in[1], n);
    else return kl_terms<EXACT>(blocks.in[0], blocks.in[1], n, row.shares);
  }
  template <int PASS>
  void learn(Row& row, const State<PASS>& state) const {
    if constexpr (PASS == 0) row.sums = state, row.shares = shares_of<EXACT>(state);
    else row.terms = state;
  }
  void finish(const Row& row, bool chosen, double* out) const {
    const double nats = kl_of(row.sums, row.shares, row.terms), value = in_base(nats, base);
    out[0] = chosen ? value : 0.0;
    if (!numbers) return;
    const Shares& s = row.shares;
    out[1] = value;  // what the gradient is of
    const double found[] = {s.p_scale, s.q_scale, s.ratio.hi, -s.ratio.lo / s.ratio.hi, 0.0,
                            s.p_mass.hi, s.q_mass.hi, nats};
    std::memcpy(out + 2, found, sizeof found);
  }
};

template <bool EXACT>
void kl_weights(const Call& call) {
  const KLWeights<EXACT> kernel{{0.0, 0.0}, base_of(call), call.outputs > 1};
  Fold<KLWeights<EXACT>>(call, kernel, mask_of(call)).run();
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
