// Kernels of the elementwise functions.
#pragma once
#include "arithmetic/elementwise.hpp"
#include "driver.hpp"
#include "kernel_helpers.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// A block of a function's values, or of slopes by one operand times the seed, which is the last
// of the inputs.
using Block = void (*)(const double* const* in, double* out, int n);

// From the first entries on that need care, a block is given it.
template <class F, bool EXACT>
RELENTROPY_BLOCK void block_of(const double* const* in, double* out, int n) {
  int i = 0;
  if constexpr (F::OPERANDS == 1) {
    for (; i < n; i += LANES) {
      const Lanes x = load(in[0] + i);
      if (!every(F::template plain<EXACT>(x))) break;
      store(out + i, F::template value<EXACT, true>(x));
    }
    for (; i < n; i += LANES) store(out + i, F::template value<EXACT, false>(load(in[0] + i)));
  } else {
    for (; i < n; i += LANES) {
      const Lanes x = load(in[0] + i), y = load(in[1] + i);
      if (!every(F::template plain<EXACT>(x, y))) break;
      store(out + i, F::template value<EXACT, true>(x, y));
    }
    for (; i < n; i += LANES) {
      store(out + i, F::template value<EXACT, false>(load(in[0] + i), load(in[1] + i)));
    }
  }
}

// The twin of _formulas/times.py: 0 where the seed is 0, also where the slope is infinite or nan.
RELENTROPY_FN Lanes times(Lanes seed, Lanes slope) {
  const Lanes finite = choose(magnitude(slope) < INF, slope, choose(slope < 0.0, -1.0, 1.0));
  return seed * choose(seed == 0.0, finite, slope);
}

template <class F, bool EXACT, int I>
RELENTROPY_BLOCK void slopes_of(const double* const* in, double* out, int n) {
  for (int i = 0; i < n; i += LANES) {
    const Lanes x = load(in[0] + i), seed = load(in[F::OPERANDS] + i);
    Lanes slope;
    if constexpr (F::OPERANDS == 1) slope = F::template slope<EXACT, I>(x);
    else slope = F::template slope<EXACT, I>(x, load(in[1] + i));
    store(out + i, times(seed, slope));
  }
}

#if defined(RELENTROPY_DEVICE)
// One entry, for whoever has a loop of its own.
template <Block FUNCTION, class... Numbers>
RELENTROPY_FN double entry_of(Numbers... given) {
  const double numbers[] = {given...};
  const double* in[sizeof...(given)];
  for (int k = 0; k < int(sizeof...(given)); ++k) in[k] = numbers + k;
  double out;
  FUNCTION(in, &out, 1);
  return out;
}
#endif

// What `map` wants; functions are told apart when it runs, as each of its copies is large.
template <int IN, int OUT>
struct Entries {
  static constexpr int OPERANDS = IN, RESULTS = OUT;
  double fills[IN];
  Block blocks[OUT];
  int outputs;

  struct Row {};
  Row row(const double*) const { return {}; }
  void entry(const Row&, Blocks& room, int n) const {
    for (int k = 0; k < outputs; ++k) blocks[k](room.in, room.out[k], n);
  }
};

template <bool EXACT, class F>
void elementwise(const Call& call) {
  constexpr int N = F::OPERANDS;
  Entries<N, 1> kernel{{}, {block_of<F, EXACT>}, 1};
  for (double& fill : kernel.fills) fill = F::FILL;
  map(call, kernel, ElementwiseOptions(call).mask);
}

// Outputs: the gradients that are needed.
template <bool EXACT, class F>
void elementwise_slopes(const Call& call) {
  constexpr int N = F::OPERANDS;
  const ElementwiseOptions options(call);
  Entries<N + 1, N> kernel{{}, {}, 0};
  for (int k = 0; k < N; ++k) kernel.fills[k] = F::FILL;
  kernel.fills[N] = 0.0;
  if (options.by_p) kernel.blocks[kernel.outputs++] = slopes_of<F, EXACT, 0>;
  if constexpr (N > 1) {
    if (options.by_q) kernel.blocks[kernel.outputs++] = slopes_of<F, EXACT, 1>;
  }
  map(call, kernel, options.mask);
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
