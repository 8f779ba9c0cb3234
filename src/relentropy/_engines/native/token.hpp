// Kernels of one entry's log-probability in every row, and of the row's entropy.
//
// The twin of _formulas/token.py and _formulas/tempered.py: the entry is found by its number, and
// nobody reads the numbers of all others.
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
// where there are more, both again, the `Peak`, and the entropy's residuals.
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
    write(leaves_of(peak), out);
    if constexpr (ENTROPY) {
      write(surprise_residuals(row.state.of), out + COUNT_OF<LogsumexpResiduals>);
    }
  }
};

template <class Of>
struct TokenLeaves {
  Of of;
  double chosen, found;
};
template <class Of>
auto leaves_of(const TokenState<Of>& state) {
  const auto of = leaves_of(state.of);
  return TokenLeaves<decltype(leaves_of(state.of))>{of, state.chosen, double(state.found)};
}
static_assert(sizeof(TokenLeaves<LogsumexpLeaves>) == sizeof(TokenLogProbsLeaves));
static_assert(sizeof(TokenLeaves<CrossEntropyLeaves>) == sizeof(TokenEntropiesLeaves));

template <bool EXACT, bool ENTROPY>
void token(const Call& call) {
  const TokenOptions options(call);
  using Of = TokenLogProb<EXACT, ENTROPY>;
  const Of kernel{{-INF}, options.temperature, call.outputs > Of::VALUES};
  Fold<Of, 0, true>(call, kernel, options.mask).run();
}
template <bool EXACT, bool ENTROPY>
void token_state(const Call& call) {
  const TokenOptions options(call);
  using Of = StateOf<TokenLogProb<EXACT, ENTROPY>>;
  const Of kernel{{{-INF}, options.temperature, false}};
  Fold<Of, 0, true>(call, kernel, options.mask).run();
}

// Inputs: logits, the token, cotangents, values, and the residuals.
template <bool EXACT, bool ENTROPY>
struct TokenSlopes {
  static constexpr int OPERANDS = 1, RESULTS = 1, VALUES = 1 + ENTROPY;
  double fills[1] = {-INF};
  double temperature;

  struct Row {
    double token;
    Seed of_token, of_entropy;
    Peak peak;
    CrossEntropyResiduals residuals;
  };
  Row row(const double* in) const {
    const double *seeds = in + 1, *values = seeds + VALUES, *more = values + VALUES;
    Row row{in[0], {seeds[0], values[0]}, {}, peak_from(read<LogsumexpResiduals>(more)), {}};
    if constexpr (ENTROPY) {
      row.of_entropy = {seeds[1], values[1]};
      row.residuals = read<CrossEntropyResiduals>(more + COUNT_OF<LogsumexpResiduals>);
    }
    return row;
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    double *a = blocks.in[0], *to = blocks.out[0];
    divide_by(temperature, a, n);
    token_slopes_of<EXACT>(row.peak, row.of_token, a, blocks.place(row.token), n, to);
    if constexpr (ENTROPY) {
      surprise_slopes<EXACT, true, OfLogits, OfLogits>(row.residuals, row.of_entropy, {1.0, 0.0}, a,
                                                       a, n, blocks.room, nullptr);
      for (int i = 0; i < n; i += LANES) store(to + i, load(to + i) + load(blocks.room + i));
    }
    divide_by(temperature, to, n);
  }
};

template <bool EXACT, bool ENTROPY>
void token_slopes(const Call& call) {
  const TokenOptions options(call);
  map(call, TokenSlopes<EXACT, ENTROPY>{{-INF}, options.temperature}, options.mask);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
