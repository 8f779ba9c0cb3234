// The smallest kernel: what a new one starts from, and what tests of the drivers run.
#pragma once
#include "arithmetic/rows.hpp"
#include "driver.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Options that all kernels of rows have: 1/log(base) in two words, whether the last input is a
// mask, and what is the kernel's own.
inline Base base_of(const Call& call) { return {call.options[0], call.options[1]}; }
inline int mask_of(const Call& call) { return call.options[2] != 0 ? call.inputs - 1 : -1; }

// A kernel of one pass, of which each row's state is wanted, and not what it ends in: for whoever
// merges it with those of the row's other parts. `words` of a row writes as many as it returns.
template <class Kernel>
struct StateOf : Kernel {
  void finish(const typename Kernel::Row& row, bool, double* out) const { words(row.state, out); }
};

// The compensated sum of a row.
struct Total {
  static constexpr int OPERANDS = 1, PASSES = 1;
  double fills[1] = {0.0};

  struct Row {
    bool chosen = false;
    Pair<double> sum;
  };
  template <int>
  using State = Pair<double>;

  template <int>
  Pair<double> step(const Row&, Blocks& blocks, int n) const {
    Pair<Lanes> sum{};
    for (int i = 0; i < n; i += LANES) accumulate(sum, load(blocks.in[0] + i));
    return gathered(sum);
  }
  template <int>
  void learn(Row& row, Pair<double> sum) const {
    row.sum = sum;
  }
  void finish(const Row& row, bool, double* out) const { out[0] = row.sum.hi + row.sum.lo; }
};

inline void total(const Call& call) {
  expect(call, Total::OPERANDS, 0, 1, 3);
  const Total kernel;
  Fold<Total>(call, kernel, mask_of(call)).run();
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
