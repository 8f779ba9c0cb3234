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

// What slopes are multiplied by, all that a row's entries share. Where the seed is 0 they are 0:
// what a loss does not depend on gets no gradient, also where the value or its derivative is
// infinite or nan. Where the row's value is nan, so is all else.
struct Seed {
  double unit, value;
};

// Whether all slopes of a row are one number, which `to` is filled with then.
RELENTROPY_FN bool settled(Seed seed, double* to, int n) {
  const bool unknown = seed.value != seed.value;
  if (seed.unit != 0.0 && !unknown) return false;
  const Lanes all_of_them = all<Lanes>(seed.unit == 0.0 ? 0.0 : NOT_A_NUMBER);
  for (int i = 0; to && i < n; i += LANES) store(to + i, all_of_them);
  return true;
}

// seed*slope for what has no such number; a zero has the sign of the product.
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
