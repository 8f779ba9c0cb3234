// What a kernel is told: where the arrays are, and how they lie.
#pragma once
#include <cstdint>

namespace relentropy {

// The numbers are what Python passes to run.
enum class Type : int {
  float16 = 0,
  bfloat16 = 1,
  float32 = 2,
  float64 = 3,
  boolean = 4,
  int64 = 5,
  int32 = 6,
  // As 0 and 1, but results are rounded to float32 first: torch's own conversion does that, and
  // so does that of numpy's bfloat16.
  float16_via_float32 = 7,
  bfloat16_via_float32 = 8,
};
constexpr int TYPES = 9;

constexpr int MAX_AXES = 64, MAX_ARRAYS = 16, MAX_OPTIONS = 8;  // numpy allows 64 axes

struct Array {
  char* data;
  Type type;
  int64_t strides[MAX_AXES];  // bytes; reduced axes first, then batch axes; 0 where broadcast
};

struct Call {
  int reduced_axes, batch_axes;  // shape[0:reduced_axes] is reduced, the rest is batch
  int64_t shape[MAX_AXES];
  int inputs, outputs;
  Array in[MAX_ARRAYS], out[MAX_ARRAYS];  // outputs of rows have stride 0 along reduced axes
  int option_count;
  double options[MAX_OPTIONS];
  int threads;
};

// A kernel may throw: std::bad_alloc and std::invalid_argument become what Python calls them,
// everything else a RuntimeError. The counts are those of the manifest.
struct Kernel {
  const char* name;
  void (*run)(const Call&);
  int operands;     // inputs with entries
  int row_operand;  // 1 if an input with one number a row follows, which may be whole
  int outputs;      // the fewest outputs
  int most_outputs;
  int options;
  int row_numbers;  // inputs with one number a row that follow: cotangents, values, residuals
};

}  // namespace relentropy
