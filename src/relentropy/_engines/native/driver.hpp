// Walks over the axes of a call.
#pragma once
#include <cstring>

#include "call.hpp"
#include "parallel.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

inline int64_t size(const int64_t* shape, int axes) {
  int64_t count = 1;
  for (int axis = 0; axis < axes; ++axis) count *= shape[axis];
  return count;
}

// Where the entry number `index`, in C order, of these axes lies.
inline int64_t offset(const int64_t* shape, const int64_t* strides, int axes, int64_t index) {
  int64_t bytes = 0;
  for (int axis = axes - 1; axis >= 0; --axis) {
    bytes += strides[axis] * (index % shape[axis]);
    index /= shape[axis];
  }
  return bytes;
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
