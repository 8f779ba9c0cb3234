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
RELENTROPY_FN Lanes in_base(Lanes value, Base base) {
  return value * base.high + choose(magnitude(value) < INF, value, 0.0) * base.low;
}

// seed*slope, and 0 where the seed is 0: what a loss does not depend on gets no gradient, also
// where the value or its derivative is infinite or nan. Where the row's value is nan, so is all
// else.
struct Seed {
  double unit, value;
};
template <class T>
RELENTROPY_FN T times(Seed seed, T slope) {
  const bool unknown = seed.value != seed.value;
  if (seed.unit == 0.0) {
    const T zero = choose(slope < 0.0, all<T>(-seed.unit), all<T>(seed.unit));
    return unknown ? all<T>(0.0) : choose(magnitude(slope) < INF, seed.unit * slope, zero);
  }
  return unknown ? all<T>(NOT_A_NUMBER) : seed.unit * slope;
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
