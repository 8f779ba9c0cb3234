// What kernels share, and the smallest of them, which tests of the drivers run.
#pragma once
#include "driver.hpp"
#include "manifest.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// A kernel of one pass, of which each row's state is wanted, and not what it ends in: for whoever
// merges it with those of the row's other parts.
template <class Kernel>
struct StateOf : Kernel {
  void finish(const typename Kernel::Row& row, bool, double* out) const {
    write(leaves_of(row.state), out);
  }
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

inline void total(const Call& call) { Fold<Total>(call, Total{}, Options(call, 0).mask).run(); }

}  // namespace RELENTROPY_SET
}  // namespace relentropy
