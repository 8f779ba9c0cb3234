// Kernels of logsumexp, softmax and log-softmax.
#pragma once
#include "arithmetic/logsumexp.hpp"
#include "kl.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

inline LogsumexpLeaves leaves_of(const Peak& peak) {
  return {peak.top, peak.others.hi + peak.others.lo};
}
inline Peak peak_from(const LogsumexpResiduals& row) { return {row.top, {row.others, 0.0}}; }

// Outputs: the value, and, where there are more, it again and the `Peak`.
template <bool EXACT>
struct LogSumExp {
  static constexpr int OPERANDS = 1, PASSES = 1;
  double fills[1] = {-INF};
  bool numbers;

  struct Row {
    bool chosen = false;
    Peak state;
  };
  template <int>
  using State = Peak;

  template <int>
  Peak step(const Row&, Blocks& blocks, int n) const {
    return peak_of<EXACT>(blocks.in[0], n, blocks.next[0]);
  }
  template <int>
  void learn(Row& row, const Peak& peak) const {
    row.state = peak;
  }
  // A row of which nothing is selected has a sum of 0, whose logarithm is -inf.
  void finish(const Row& row, bool, double* out) const {
    out[0] = logsumexp_of(row.state);
    if (!numbers) return;
    out[1] = out[0];
    write(leaves_of(row.state), out + 2);
  }
};

template <bool EXACT>
void logsumexp(const Call& call) {
  const LogSumExp<EXACT> kernel{{-INF}, call.outputs > 1};
  Fold<LogSumExp<EXACT>>(call, kernel, LogsumexpOptions(call).mask).run();
}

template <bool EXACT>
void logsumexp_state(const Call& call) {
  const StateOf<LogSumExp<EXACT>> kernel{{{-INF}, false}};
  Fold<StateOf<LogSumExp<EXACT>>>(call, kernel, LogsumexpOptions(call).mask).run();
}

// Inputs: the operand, the cotangent, the value, `LogsumexpResiduals`.
template <bool EXACT>
struct LogSumExpSlopes {
  static constexpr int OPERANDS = 1, RESULTS = 1;
  double fills[1] = {-INF};

  struct Row {
    Seed seed;
    Normaliser normaliser;
    bool none;
  };
  Row row(const double* in) const {
    const Peak peak = peak_from(read<LogsumexpResiduals>(in + 2));
    return {{in[0], in[1]}, normaliser_of(peak), peak.top == -INF};
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    logsumexp_slopes_of<EXACT>(row.normaliser, row.seed, row.none, blocks.in[0], n, blocks.out[0]);
  }
};

template <bool EXACT>
void logsumexp_slopes(const Call& call) {
  map(call, LogSumExpSlopes<EXACT>{}, LogsumexpOptions(call).mask);
}

// --- softmax, and its logarithm --------------------------------------------------------------

template <bool EXACT, bool LOG>
struct Softmax {
  static constexpr int OPERANDS = 1, PASSES = 1, RESULTS = 1;
  double fills[1] = {-INF};

  struct Row {
    bool chosen = false;
    Normaliser normaliser;
  };
  template <int>
  using State = Peak;

  template <int>
  Peak step(const Row&, Blocks& blocks, int n) const {
    return peak_of<EXACT>(blocks.in[0], n, blocks.next[0]);
  }
  template <int>
  void learn(Row& row, const Peak& peak) const {
    row.normaliser = normaliser_of(peak);
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    softmax_entries<EXACT, LOG>(row.normaliser, blocks.in[0], n, blocks.out[0]);
  }
};

template <bool EXACT, bool LOG>
void softmax(const Call& call) {
  fold_map(call, Softmax<EXACT, LOG>{}, SoftmaxOptions(call).mask);
}

template <bool LOG>
struct PulledPart : Pulled {};
template <bool LOG>
PulledPart<LOG> merge(const PulledPart<LOG>& one, const PulledPart<LOG>& other) {
  return {merged<LOG>(one, other)};
}

// Inputs: the operand, and the seeds of its entries.
template <bool EXACT, bool LOG>
struct SoftmaxSlopes {
  static constexpr int OPERANDS = 2, PASSES = 1, RESULTS = 1;
  double fills[2] = {-INF, 0.0};

  struct Row {
    bool chosen = false;
    Normaliser normaliser;
    Pulled sums;
  };
  template <int>
  using State = PulledPart<LOG>;

  template <int>
  PulledPart<LOG> step(const Row&, Blocks& blocks, int n) const {
    return {pulled_of<EXACT, LOG>(blocks.in[0], blocks.in[1], n)};
  }
  template <int>
  void learn(Row& row, const Pulled& sums) const {
    row.normaliser = normaliser_of(sums.peak), row.sums = sums;
  }
  void entry(const Row& row, Blocks& blocks, int n) const {
    softmax_slopes<EXACT, LOG>(row.normaliser, row.sums, blocks.in[0], blocks.in[1], n,
                               blocks.out[0]);
  }
};

template <bool EXACT, bool LOG>
void softmax_slopes(const Call& call) {
  fold_map(call, SoftmaxSlopes<EXACT, LOG>{}, SoftmaxOptions(call).mask);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
