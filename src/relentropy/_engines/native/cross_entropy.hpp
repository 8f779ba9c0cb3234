// Kernels of entropy and cross-entropy.
#pragma once
#include "arithmetic/cross_entropy.hpp"
#include "kl.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Entropy where P is the only side. Outputs: the value, and, where there are more, it again and
// `SurpriseNumbers`.
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
    const SurpriseNumbers found = surprise_numbers(row.state);
    out[1] = value;
    std::memcpy(out + 2, &found, sizeof found);
  }
};

template <bool EXACT, bool SAME, class P, class Q>
void cross_entropy(const Call& call) {
  using Of = CrossEntropy<EXACT, SAME, P, Q>;
  const Of kernel{{P::ABSENT, Q::ABSENT}, base_of(call), call.outputs > 1};
  Fold<Of>(call, kernel, mask_of(call)).run();
}

// The fields of State in cross_entropy.py.
template <class P, class Q>
void words(const Surprise<P, Q>& s, double* out) {
  const double found[] = {s.valid ? s.p_top : NOT_A_NUMBER,
                          s.mass.hi + s.mass.lo,
                          s.surprise.hi + s.surprise.lo,
                          s.q_top,
                          s.others.hi + s.others.lo,
                          double(s.lost),
                          double(s.valid)};
  std::memcpy(out, found, sizeof found);
}
template <bool EXACT, bool SAME, class P, class Q>
void cross_entropy_state(const Call& call) {
  using Of = StateOf<CrossEntropy<EXACT, SAME, P, Q>>;
  expect(call, Of::OPERANDS, 0, 7, 3);
  const Of kernel{{{P::ABSENT, Q::ABSENT}, {1.0, 0.0}, false}};
  Fold<Of>(call, kernel, mask_of(call)).run();
}

// Inputs: operands, the seed, the value, `SurpriseNumbers`. Outputs: what options from 3 on ask
// for.
template <bool EXACT, bool SAME, class P, class Q>
struct CrossEntropySlopes {
  static constexpr int OPERANDS = SAME ? 1 : 2, RESULTS = OPERANDS;
  double fills[2] = {P::ABSENT, Q::ABSENT};
  Base base;
  bool by_p, by_q;

  struct Row {
    Seed seed;
    SurpriseNumbers numbers;
  };
  Row row(const double* given) const {
    Row found;
    std::memcpy(&found, given, sizeof found);
    return found;
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    surprise_slopes<EXACT, SAME, P, Q>(row.numbers, row.seed, base, blocks.in[0],
                                       blocks.in[OPERANDS - 1], n, by_p ? blocks.out[0] : nullptr,
                                       by_q ? blocks.out[by_p ? 1 : 0] : nullptr);
  }
};

template <bool EXACT, bool SAME, class P, class Q>
void cross_entropy_slopes(const Call& call) {
  using Of = CrossEntropySlopes<EXACT, SAME, P, Q>;
  const bool by_q = !SAME && call.options[4] != 0;
  map(call, Of{{P::ABSENT, Q::ABSENT}, base_of(call), call.options[3] != 0, by_q}, mask_of(call));
}

template <bool EXACT>
void entropy_logits(const Call& call) {
  cross_entropy<EXACT, true, OfLogits, OfLogits>(call);
}
template <bool EXACT>
void entropy_logits_state(const Call& call) {
  cross_entropy_state<EXACT, true, OfLogits, OfLogits>(call);
}
template <bool EXACT>
void entropy_logits_slopes(const Call& call) {
  cross_entropy_slopes<EXACT, true, OfLogits, OfLogits>(call);
}
template <bool EXACT>
void entropy_weights(const Call& call) {
  cross_entropy<EXACT, true, OfWeights, OfWeights>(call);
}
template <bool EXACT>
void entropy_weights_state(const Call& call) {
  cross_entropy_state<EXACT, true, OfWeights, OfWeights>(call);
}
template <bool EXACT>
void entropy_weights_slopes(const Call& call) {
  cross_entropy_slopes<EXACT, true, OfWeights, OfWeights>(call);
}
template <bool EXACT>
void cross_entropy_logits(const Call& call) {
  cross_entropy<EXACT, false, OfLogits, OfLogits>(call);
}
template <bool EXACT>
void cross_entropy_logits_state(const Call& call) {
  cross_entropy_state<EXACT, false, OfLogits, OfLogits>(call);
}
template <bool EXACT>
void cross_entropy_logits_slopes(const Call& call) {
  cross_entropy_slopes<EXACT, false, OfLogits, OfLogits>(call);
}
template <bool EXACT>
void cross_entropy_weights(const Call& call) {
  cross_entropy<EXACT, false, OfWeights, OfWeights>(call);
}
template <bool EXACT>
void cross_entropy_weights_state(const Call& call) {
  cross_entropy_state<EXACT, false, OfWeights, OfWeights>(call);
}
template <bool EXACT>
void cross_entropy_weights_slopes(const Call& call) {
  cross_entropy_slopes<EXACT, false, OfWeights, OfWeights>(call);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
