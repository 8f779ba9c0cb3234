// Options that every kernel has, and how rows of numbers are read and written by name.
#pragma once
#include "arithmetic/rows.hpp"
#include "call.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// The base of the logarithm, and the number of the input that selects entries, or -1. Kernels of
// derivatives are told behind their own options which operands need one.
struct Options {
  Base base;
  int mask;
  bool by_p, by_q;

  RELENTROPY_METHOD Options(const Call& call, int own)
      : base{call.options[0], call.options[1]}, mask(call.options[2] != 0 ? call.inputs - 1 : -1),
        by_p(call.option_count > 3 + own && call.options[3 + own] != 0),
        by_q(call.option_count > 4 + own && call.options[4 + own] != 0) {}
};

// A struct of numbers as a row of outputs, and back.
template <class Numbers>
RELENTROPY_FN void write(const Numbers& numbers, double* out) {
  std::memcpy(out, &numbers, sizeof numbers);
}
template <class Numbers>
RELENTROPY_FN Numbers read(const double* in) {
  Numbers numbers;
  std::memcpy(&numbers, in, sizeof numbers);
  return numbers;
}
template <class Numbers>
constexpr int COUNT_OF = sizeof(Numbers) / sizeof(double);

}  // namespace RELENTROPY_SET
}  // namespace relentropy
