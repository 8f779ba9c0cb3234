// What all rows end in.
#pragma once

#include "pairs.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// 1/log(base) in two words; 1 and 0 for nats.
struct Base {
  double high, low;
};

RELENTROPY_FN double in_base(double value, Base base) {
  return value * base.high + (finite(value) ? value : 0.0) * base.low;
}
#if RELENTROPY_LANES > 1
RELENTROPY_FN Lanes in_base(Lanes value, Base base) {
  return value * base.high + choose(magnitude(value) < INF, value, 0.0) * base.low;
}
#endif

// seed*slope, and 0 where the seed is 0: what a loss does not depend on gets no gradient, also
// where the value or its derivative is infinite or nan. Where the row's value is nan, so is all
// else.
struct Seed {
  double unit, value;
};
RELENTROPY_FN Lanes times(Seed seed, Lanes slope) {
  if (seed.unit == 0.0) return Lanes{};
  return seed.value != seed.value ? all<Lanes>(NOT_A_NUMBER) : seed.unit * slope;
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
