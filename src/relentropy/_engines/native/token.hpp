// Kernels of one entry's log-probability in every row, and of the row's entropy.
//
// The twin of _formulas/token.py and _formulas/tempered.py: the entry is found by its number, and
// nobody reads the numbers of all others. Options from 3 on: whether entropies are wanted, and
// the temperature.
#pragma once
#include "cross_entropy.hpp"
#include "logsumexp.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

using Entropy = Surprise<OfLogits, OfLogits>;

inline void divide_by(double temperature, double* a, int n) {
  if (temperature == 1.0) return;
  for (int i = 0; i < n; i += LANES) store(a + i, load(a + i) / temperature);
}

template <class Of>
struct TokenState {
  Of of;
  double chosen;
  bool found;
};
template <class Of>
TokenState<Of> merge(const TokenState<Of>& one, const TokenState<Of>& other) {
  return {merge(one.of, other.of), one.found ? one.chosen : other.chosen, one.found || other.found};
}

inline Peak peak_in(const Peak& of) { return of; }
inline Peak peak_in(const Entropy& of) { return {of.valid ? of.p_top : NOT_A_NUMBER, of.others}; }

// Inputs: logits and the token. Outputs: the log-probability, the entropy if it is wanted, and,
// where there are more, both again, the `Peak`, and the entropy's `SurpriseNumbers`.
template <bool EXACT, bool ENTROPY>
struct TokenLogProb {
  static constexpr int OPERANDS = 1, PASSES = 1, VALUES = 1 + ENTROPY;
  double fills[1] = {-INF};
  double temperature;
  bool numbers;

  using Of = std::conditional_t<ENTROPY, Entropy, Peak>;
  template <int>
  using State = TokenState<Of>;
  struct Row {
    bool chosen = false;
    double token;
    TokenState<Of> state;
  };
  Row row(const double* given) const { return {false, given[0], {}}; }

  template <int>
  TokenState<Of> step(const Row& row, Blocks& blocks, int n) const {
    double* a = blocks.in[0];
    divide_by(temperature, a, n);
    const int place = blocks.place(row.token);
    const bool found = place >= 0;
    const double chosen = found ? a[place] : -INF;
    if constexpr (ENTROPY)
      return {surprise_of<EXACT, true, OfLogits, OfLogits>(a, a, n, blocks.next), chosen, found};
    else return {peak_of<EXACT>(a, n, blocks.next[0]), chosen, found};
  }
  template <int>
  void learn(Row& row, const TokenState<Of>& state) const {
    row.state = state;
  }
  void finish(const Row& row, bool chosen, double* out) const {
    const Peak peak = peak_in(row.state.of);
    double values[2] = {NOT_A_NUMBER, 0.0};
    if (row.state.found) values[0] = log_share_at(row.state.chosen, peak);
    if constexpr (ENTROPY) values[1] = cross_entropy_of(row.state.of);
    for (int k = 0; k < VALUES; ++k) out[k] = chosen ? values[k] : 0.0;
    if (!numbers) return;
    out += VALUES;
    for (int k = 0; k < VALUES; ++k) out[k] = values[k];
    out += VALUES;
    words(peak, out);
    if constexpr (ENTROPY) {
      const SurpriseNumbers found = surprise_numbers(row.state.of);
      std::memcpy(out + 2, &found, sizeof found);
    }
  }
};

// The fields of State in token.py.
inline int words_in(const Peak&) { return 2; }
inline int words_in(const Entropy&) { return 7; }
template <class Of>
void words(const TokenState<Of>& state, double* out) {
  words(state.of, out);
  out += words_in(state.of);
  out[0] = state.chosen, out[1] = state.found;
}
template <bool EXACT, bool ENTROPY>
void token_state(const Call& call) {
  using Of = StateOf<TokenLogProb<EXACT, ENTROPY>>;
  const Of kernel{{{-INF}, call.options[4], false}};
  Fold<Of, 0, true>(call, kernel, mask_of(call)).run();
}
template <bool EXACT>
void token_log_probs_state(const Call& call) {
  const bool with_entropy = call.options[3] != 0;
  expect_outputs(call, with_entropy ? 9 : 4);
  if (with_entropy) token_state<EXACT, true>(call);
  else token_state<EXACT, false>(call);
}

template <bool EXACT, bool ENTROPY>
void token_of(const Call& call) {
  using Of = TokenLogProb<EXACT, ENTROPY>;
  const Of kernel{{-INF}, call.options[4], call.outputs > Of::VALUES};
  Fold<Of, 0, true>(call, kernel, mask_of(call)).run();
}
template <bool EXACT>
void token_log_probs(const Call& call) {
  if (call.options[3] != 0) token_of<EXACT, true>(call);
  else token_of<EXACT, false>(call);
}

// Inputs: logits, the token, seeds, values, and the numbers.
template <bool EXACT, bool ENTROPY>
struct TokenSlopes {
  static constexpr int OPERANDS = 1, RESULTS = 1, VALUES = 1 + ENTROPY;
  double fills[1] = {-INF};
  double temperature;

  struct Row {
    double token;
    Seed of_token, of_entropy;
    Peak peak;
    SurpriseNumbers numbers;
  };
  Row row(const double* given) const {
    const double *seeds = given + 1, *values = seeds + VALUES, *more = values + VALUES;
    Row found{given[0], {seeds[0], values[0]}, {}, {more[0], {more[1], 0.0}}, {}};
    if constexpr (ENTROPY) {
      found.of_entropy = {seeds[1], values[1]};
      std::memcpy(&found.numbers, more + 2, sizeof found.numbers);
    }
    return found;
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    double *a = blocks.in[0], *to = blocks.out[0];
    divide_by(temperature, a, n);
    token_slopes_of<EXACT>(row.peak, row.of_token, a, blocks.place(row.token), n, to);
    if constexpr (ENTROPY) {
      surprise_slopes<EXACT, true, OfLogits, OfLogits>(row.numbers, row.of_entropy, {1.0, 0.0}, a,
                                                       a, n, blocks.room, nullptr);
      for (int i = 0; i < n; i += LANES) store(to + i, load(to + i) + load(blocks.room + i));
    }
    divide_by(temperature, to, n);
  }
};

template <bool EXACT>
void token_log_probs_slopes(const Call& call) {
  const double temperature = call.options[4];
  if (call.options[3] != 0) map(call, TokenSlopes<EXACT, true>{{-INF}, temperature}, mask_of(call));
  else map(call, TokenSlopes<EXACT, false>{{-INF}, temperature}, mask_of(call));
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
