// Kernels of relative entropy.
#pragma once
#include "arithmetic/kl_logits.hpp"
#include "arithmetic/weights.hpp"
#include "driver.hpp"
#include "example.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

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
    return kl_step<EXACT>(blocks.in[0], blocks.in[1], blocks.room, n, normalize, blocks.next);
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
  expect(call, 2, 0, 1, 4);
  const KLLogits<EXACT> kernel{{-INF, -INF}, call.options[3] != 0, base_of(call), call.outputs > 1};
  Fold<KLLogits<EXACT>>(call, kernel, mask_of(call)).run();
}

// The fields of a `KLState`, in the order of State in kl_logits.py.
inline void words(const KLState& s, double* out) {
  const double found[] = {s.top,         s.centre.hi, s.centre.lo,    s.mass.hi,
                          s.mass.lo,     s.mean,      s.excess.hi,    s.excess.lo,
                          double(s.far), s.q_top,     double(s.lost), double(s.valid)};
  std::memcpy(out, found, sizeof found);
}
template <bool EXACT>
void kl_logits_state(const Call& call) {
  expect(call, 2, 0, 12, 4);
  using Of = StateOf<KLLogits<EXACT>>;
  const Of kernel{{{-INF, -INF}, call.options[3] != 0, {1.0, 0.0}, false}};
  Fold<Of>(call, kernel, mask_of(call)).run();
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
                        by_p ? first : nullptr, by_q ? last : nullptr, blocks.next);
  }
};

template <bool EXACT>
void kl_logits_slopes(const Call& call) {
  expect(call, 2, 10, 1, 6);
  const KLLogitsSlopes<EXACT> kernel{
      {-INF, -INF}, base_of(call), call.options[4] != 0, call.options[5] != 0};
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

  struct Terms {
    Pair<double> terms, residual;
    friend Terms merge(const Terms& one, const Terms& other) {
      return {add_sums(one.terms, other.terms), add_sums(one.residual, other.residual)};
    }
  };
  struct Row {
    bool chosen = false;
    Weighed sums;
    Shares shares;
    Terms sum;
  };
  template <int PASS>
  using State = std::conditional_t<PASS == 0, Weighed, Terms>;

  template <int PASS>
  State<PASS> step(const Row& row, Blocks& blocks, int n) const {
    if constexpr (PASS == 0) return weigh<EXACT>(blocks.in[0], blocks.in[1], n, blocks.next);
    else
      return {kl_terms<EXACT>(blocks.in[0], blocks.in[1], n, row.shares, blocks.next),
              numbers ? residual<EXACT>(blocks.in[0], blocks.in[1], n, row.shares)
                      : Pair<double>{0.0, 0.0}};
  }
  template <int PASS>
  void learn(Row& row, const State<PASS>& state) const {
    if constexpr (PASS == 0) row.sums = state, row.shares = shares_of<EXACT>(state);
    else row.sum = state;
  }
  void finish(const Row& row, bool chosen, double* out) const {
    const double nats = kl_of(row.sums, row.shares, row.sum.terms), value = in_base(nats, base);
    out[0] = chosen ? value : 0.0;
    if (!numbers) return;
    const Shares& s = row.shares;
    out[1] = value;  // what the gradient is of
    const Pair<double> eps = divide(row.sum.residual, s.p_mass);
    const double found[] = {s.p_scale, s.q_scale,   s.ratio.hi,  eps.hi,
                            eps.lo,    s.p_mass.hi, s.q_mass.hi, nats};
    std::memcpy(out + 2, found, sizeof found);
  }
};

template <bool EXACT>
void kl_weights(const Call& call) {
  expect(call, 2, 0, 1, 3);
  const KLWeights<EXACT> kernel{{0.0, 0.0}, base_of(call), call.outputs > 1};
  Fold<KLWeights<EXACT>>(call, kernel, mask_of(call)).run();
}

// Inputs: operands, the seed, the divergence, and the numbers that KLWeights has kept.
template <bool EXACT>
struct KLWeightsSlopes {
  static constexpr int OPERANDS = 2, RESULTS = 2;
  double fills[2] = {0.0, 0.0};
  Base base;
  bool by_p, by_q;

  struct Row {
    Seed seed;
    Shares shares;
    Pair<double> eps;
    double nats;
  };
  Row row(const double* given) const {
    const double* s = given + 2;
    return {{given[0], given[1]},
            {s[0], s[1], {s[2], 0.0}, {s[5], 0.0}, {s[6], 0.0}, true},
            {s[3], s[4]},
            s[7]};
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    double* first = blocks.out[0];
    double* last = blocks.out[by_p ? 1 : 0];
    kl_weight_slopes<EXACT>(row.shares, row.eps, row.nats, row.seed, base, blocks.in[0],
                            blocks.in[1], n, by_p ? first : nullptr, by_q ? last : nullptr);
  }
};

template <bool EXACT>
void kl_weights_slopes(const Call& call) {
  expect(call, 2, 10, 1, 5);
  const KLWeightsSlopes<EXACT> kernel{
      {0.0, 0.0}, base_of(call), call.options[3] != 0, call.options[4] != 0};
  map(call, kernel, mask_of(call));
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
