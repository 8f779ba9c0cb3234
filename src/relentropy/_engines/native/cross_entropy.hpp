// Kernels of entropy and cross-entropy.
#pragma once
#include "arithmetic/cross_entropy.hpp"
#include "kl.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Entropy where P is the only side. Outputs: the value, and, where there are more, it again and
// `CrossEntropyResiduals`.
template <bool EXACT, bool SAME, class P, class Q>
struct CrossEntropy {
  static constexpr int OPERANDS = SAME ? 1 : 2, PASSES = 1;
  double fills[2] = {P::ABSENT, Q::ABSENT};
  Base base;
  bool numbers;

  struct Row {
    bool chosen = false;
    Surprise<P, Q> state;
  };
  template <int>
  using State = Surprise<P, Q>;

  template <int>
  Surprise<P, Q> step(const Row&, Blocks& blocks, int n) const {
    return surprise_of<EXACT, SAME, P, Q>(blocks.in[0], blocks.in[OPERANDS - 1], n, blocks.next);
  }
  template <int>
  void learn(Row& row, const Surprise<P, Q>& state) const {
    row.state = state;
  }
  void finish(const Row& row, bool chosen, double* out) const {
    const double value = in_base(cross_entropy_of(row.state), base);
    out[0] = chosen ? value : 0.0;
    if (!numbers) return;
    out[1] = value;
    write(surprise_residuals(row.state), out + 2);
  }
};

template <bool EXACT, bool SAME, class P, class Q>
void cross_entropy(const Call& call) {
  using Of = CrossEntropy<EXACT, SAME, P, Q>;
  const CrossEntropyOptions options(call);
  const Of kernel{{P::ABSENT, Q::ABSENT}, options.base, call.outputs > 1};
  Fold<Of>(call, kernel, options.mask).run();
}

template <class P, class Q>
CrossEntropyLeaves leaves_of(const Surprise<P, Q>& s) {
  return {s.valid ? s.p_top : NOT_A_NUMBER,
          s.mass.hi + s.mass.lo,
          s.surprise.hi + s.surprise.lo,
          s.q_top,
          s.others.hi + s.others.lo,
          double(s.lost),
          double(s.valid)};
}
template <bool EXACT, bool SAME, class P, class Q>
void cross_entropy_state(const Call& call) {
  using Of = StateOf<CrossEntropy<EXACT, SAME, P, Q>>;
  const CrossEntropyOptions options(call);
  const Of kernel{{{P::ABSENT, Q::ABSENT}, options.base, false}};
  Fold<Of>(call, kernel, options.mask).run();
}

// Inputs: operands, the cotangent, the value, `CrossEntropyResiduals`. Outputs: the gradients
// that are needed.
template <bool EXACT, bool SAME, class P, class Q>
struct CrossEntropySlopes {
  static constexpr int OPERANDS = SAME ? 1 : 2, RESULTS = OPERANDS;
  double fills[2] = {P::ABSENT, Q::ABSENT};
  Base base;
  bool by_p, by_q;

  struct Row {
    Seed seed;
    CrossEntropyResiduals residuals;
  };
  Row row(const double* in) const { return {{in[0], in[1]}, read<CrossEntropyResiduals>(in + 2)}; }
  void entry(const Row& row, Blocks& blocks, int n) const {
    surprise_slopes<EXACT, SAME, P, Q>(row.residuals, row.seed, base, blocks.in[0],
                                       blocks.in[OPERANDS - 1], n, by_p ? blocks.out[0] : nullptr,
                                       by_q ? blocks.out[by_p ? 1 : 0] : nullptr);
  }
};

template <bool EXACT, bool SAME, class P, class Q>
void cross_entropy_slopes(const Call& call) {
  using Of = CrossEntropySlopes<EXACT, SAME, P, Q>;
  const CrossEntropyOptions options(call);
  const bool by_q = !SAME && options.by_q;
  map(call, Of{{P::ABSENT, Q::ABSENT}, options.base, options.by_p, by_q}, options.mask);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
