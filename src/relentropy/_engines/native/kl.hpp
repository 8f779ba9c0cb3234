// Kernels of relative entropy.
#pragma once
#include "arithmetic/kl_logits.hpp"
#include "arithmetic/weights.hpp"
#include "driver.hpp"
#include "kernel_helpers.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Outputs: the divergence, and, where there are more, it again and `KlLogitsResiduals`.
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
    out[1] = value;
    write(kl_residuals(row.state, normalize), out + 2);
  }
};

template <bool EXACT>
void kl_logits(const Call& call) {
  const KlLogitsOptions options(call);
  const KLLogits<EXACT> kernel{{-INF, -INF}, options.normalize, options.base, call.outputs > 1};
  Fold<KLLogits<EXACT>>(call, kernel, options.mask).run();
}

inline KlLogitsLeaves leaves_of(const KLState& s) {
  return {s.top,       s.centre.hi, s.centre.lo,   s.mass.hi, s.mass.lo,      s.mean,
          s.excess.hi, s.excess.lo, double(s.far), s.q_top,   double(s.lost), double(s.valid)};
}
template <bool EXACT>
void kl_logits_state(const Call& call) {
  const KlLogitsOptions options(call);
  using Of = StateOf<KLLogits<EXACT>>;
  const Of kernel{{{-INF, -INF}, options.normalize, options.base, false}};
  Fold<Of>(call, kernel, options.mask).run();
}

// Inputs: operands, the cotangent, the divergence, `KlLogitsResiduals`. Outputs: the gradients
// that are needed.
template <bool EXACT>
struct KLLogitsSlopes {
  static constexpr int OPERANDS = 2, RESULTS = 2;
  double fills[2] = {-INF, -INF};
  Base base;
  bool by_p, by_q;

  struct Row {
    Seed seed;
    KlLogitsResiduals residuals;
  };
  Row row(const double* in) const { return {{in[0], in[1]}, read<KlLogitsResiduals>(in + 2)}; }
  void entry(const Row& row, Blocks& blocks, int n) const {
    double* first = blocks.out[0];
    double* last = blocks.out[by_p ? 1 : 0];
    kl_slopes_of<EXACT>(row.residuals, row.seed, base, blocks.in[0], blocks.in[1], n,
                        by_p ? first : nullptr, by_q ? last : nullptr, blocks.next);
  }
};

template <bool EXACT>
void kl_logits_slopes(const Call& call) {
  const KlLogitsOptions options(call);
  const KLLogitsSlopes<EXACT> kernel{{-INF, -INF}, options.base, options.by_p, options.by_q};
  map(call, kernel, options.mask);
}

// Outputs: the divergence, and, where there are more, it again and `KlWeightsResiduals`.
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
    write(KlWeightsResiduals{s.p_scale, s.q_scale, s.ratio.hi, eps.hi, eps.lo, s.p_mass.hi,
                             s.q_mass.hi, nats},
          out + 2);
  }
};

template <bool EXACT>
void kl_weights(const Call& call) {
  const KlWeightsOptions options(call);
  const KLWeights<EXACT> kernel{{0.0, 0.0}, options.base, call.outputs > 1};
  Fold<KLWeights<EXACT>>(call, kernel, options.mask).run();
}

// Inputs: operands, the cotangent, the divergence, `KlWeightsResiduals`.
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
  Row row(const double* in) const {
    const auto r = read<KlWeightsResiduals>(in + 2);
    return {{in[0], in[1]},
            {r.p_scale, r.q_scale, {r.rounded, 0.0}, {r.p_mass, 0.0}, {r.q_mass, 0.0}, true},
            {r.eps, r.eps_low},
            r.nats};
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
  const KlWeightsOptions options(call);
  const KLWeightsSlopes<EXACT> kernel{{0.0, 0.0}, options.base, options.by_p, options.by_q};
  map(call, kernel, options.mask);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
