// Every kernel of this instruction set, under its name.
#pragma once
#include <stdexcept>

#include "driver.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// One float64 array, summed along the reduced axes into another.
inline void copy_sum(const Call& call) {
  if (call.inputs != 1 || call.outputs != 1 || call.in[0].type != Type::float64 ||
      call.out[0].type != Type::float64) {
    throw std::invalid_argument("copy_sum takes one float64 array and writes another");
  }
  const int64_t* batch = call.shape + call.reduced_axes;
  const int64_t rows = size(batch, call.batch_axes);
  const int64_t length = size(call.shape, call.reduced_axes);
  parallel(call.threads, rows, [&](int64_t row) {
    const Array &in = call.in[0], &out = call.out[0];
    const char* from =
        in.data + offset(batch, in.strides + call.reduced_axes, call.batch_axes, row);
    double sum = 0;
    for (int64_t i = 0; i < length; ++i) {
      double value;
      std::memcpy(&value, from + offset(call.shape, in.strides, call.reduced_axes, i), 8);
      sum += value;
    }
    char* to = out.data + offset(batch, out.strides + call.reduced_axes, call.batch_axes, row);
    std::memcpy(to, &sum, 8);
  });
}

constexpr Kernel KERNELS[] = {{"copy_sum", copy_sum}, {nullptr, nullptr}};

}  // namespace RELENTROPY_SET
}  // namespace relentropy
