// Entries of arrays of any type and layout, as doubles side by side, and back.
#pragma once
#include <cmath>
#include <cstring>

#include "arithmetic/lanes.hpp"
#include "call.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

inline int64_t item_size(Type type) {
  switch (type) {
    case Type::boolean: return 1;
    case Type::float16:
    case Type::bfloat16:
    case Type::float16_via_float32:
    case Type::bfloat16_via_float32: return 2;
    case Type::float32:
    case Type::int32: return 4;
    default: return 8;
  }
}

// --- one entry ----------------------------------------------------------------------------

struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

#if defined(__CUDACC__)
// CuPy has CUDA flush single precision's subnormal numbers to zero. Instructions by name do not.
using Computed = double;  // what becomes of a float that is computed with
inline Computed computed(float x) {
  double wide;
  asm("cvt.f64.f32 %0, %1;" : "=d"(wide) : "f"(x));
  return wide;
}
inline float single(double x) {
  float nearest;
  asm("cvt.rn.f32.f64 %0, %1;" : "=f"(nearest) : "d"(x));
  return nearest;
}
#else
using Computed = float;
inline Computed computed(float x) { return x; }
inline float single(double x) { return static_cast<float>(x); }
#endif

inline double widened(double x) { return x; }
inline double widened(float x) { return computed(x); }
inline double widened(int32_t x) { return x; }
inline double widened(int64_t x) { return static_cast<double>(x); }
inline double widened(Brain x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return widened(value);
}
inline double widened(Half x) {
  // The exponent's offset is made up for by a product, which subnormal numbers come through.
  uint32_t bits = static_cast<uint32_t>(x.bits & 0x7fff) << 13;
  bits = bits >= (0x7c00u << 13) ? bits | 0x7f800000u : bits;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  Computed size = computed(value);
  size = bits >= 0x7f800000u ? size : size * Computed(0x1p112);
  return x.bits & 0x8000 ? -size : size;
}

// A double with its last bits gathered in one, so that rounding it again rounds it once: odd
// where something was lost (Boldo and Melquiond 2008).
inline float to_odd(double x) {
  const float nearest = single(x);
  uint32_t bits;
  std::memcpy(&bits, &nearest, sizeof bits);
  const double error = x - widened(nearest);
  const bool exact = !(error != 0) || nearest - nearest != 0;  // also infinite, and nan
  const bool away = (error < 0) == (bits >> 31 != 0);          // the true number is larger
  if (!exact && !(bits & 1)) bits += away ? 1 : -1;
  float odd;
  std::memcpy(&odd, &bits, sizeof odd);
  return odd;
}

inline uint32_t bits_of_float(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline uint16_t brain_of(float x) {
  const uint32_t bits = bits_of_float(x);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return static_cast<uint16_t>(x != x ? (bits >> 16) | 0x40 : rounded);
}

inline uint16_t half_of(float x) {
  const uint32_t bits = bits_of_float(x), sign = (bits >> 16) & 0x8000;
  const uint32_t size = bits & 0x7fffffff;
  // Below 2**-14 a half is subnormal: its last bit is 2**-24, as that of 1/2 + x is.
  float value;
  std::memcpy(&value, &size, sizeof value);
  const uint32_t subnormal = bits_of_float(value + 0.5f) - 0x3f000000;
  const uint32_t normal = (size - 0x38000000 + 0xfff + ((size >> 13) & 1)) >> 13;
  uint32_t half = size < 0x38800000 ? subnormal : normal;
  half = size >= 0x47800000 ? 0x7c00 : half;  // 65536 and more
  half = size > 0x7f800000 ? 0x7e00 : half;
  return static_cast<uint16_t>(sign | half);
}

struct HalfViaSingle : Half {};
struct BrainViaSingle : Brain {};

inline void narrow(double x, double& to) { to = x; }
inline void narrow(double x, float& to) { to = single(x); }
inline void narrow(double x, Half& to) { to.bits = half_of(to_odd(x)); }
inline void narrow(double x, Brain& to) { to.bits = brain_of(to_odd(x)); }
inline void narrow(double x, HalfViaSingle& to) { to.bits = half_of(single(x)); }
inline void narrow(double x, BrainViaSingle& to) { to.bits = brain_of(single(x)); }

// --- many ---------------------------------------------------------------------------------

template <class T>
inline void gather(const char* from, int64_t stride, int count, double* to) {
  if (stride == static_cast<int64_t>(sizeof(T))) {
    for (int i = 0; i < count; ++i) {
      T value;
      std::memcpy(&value, from + i * sizeof(T), sizeof(T));
      to[i] = widened(value);
    }
    return;
  }
  for (int i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * stride, sizeof(T));
    to[i] = widened(value);
  }
}

RELENTROPY_APART void gather(Type type, const char* from, int64_t stride, int count, double* to) {
  switch (type) {
    case Type::float16_via_float32:
    case Type::float16: return gather<Half>(from, stride, count, to);
    case Type::bfloat16_via_float32:
    case Type::bfloat16: return gather<Brain>(from, stride, count, to);
    case Type::float32: return gather<float>(from, stride, count, to);
    case Type::int32: return gather<int32_t>(from, stride, count, to);
    case Type::int64: return gather<int64_t>(from, stride, count, to);
    default: return gather<double>(from, stride, count, to);
  }
}

template <class T>
inline void scatter(const double* from, int count, char* to, int64_t stride) {
  if (stride == static_cast<int64_t>(sizeof(T))) {
    for (int i = 0; i < count; ++i) {
      T value;
      narrow(from[i], value);
      std::memcpy(to + i * sizeof(T), &value, sizeof(T));
    }
    return;
  }
  for (int i = 0; i < count; ++i) {
    T value;
    narrow(from[i], value);
    std::memcpy(to + i * stride, &value, sizeof(T));
  }
}

RELENTROPY_APART void scatter(Type type, const double* from, int count, char* to, int64_t stride) {
  switch (type) {
    case Type::float16: return scatter<Half>(from, count, to, stride);
    case Type::bfloat16: return scatter<Brain>(from, count, to, stride);
    case Type::float16_via_float32: return scatter<HalfViaSingle>(from, count, to, stride);
    case Type::bfloat16_via_float32: return scatter<BrainViaSingle>(from, count, to, stride);
    case Type::float32: return scatter<float>(from, count, to, stride);
    default: return scatter<double>(from, count, to, stride);
  }
}

// --- a panel: a few rows that lie side by side ----------------------------------------------

// Four entries of four rows in registers: a quarter of the loads and stores.
#if RELENTROPY_LANES > 1
typedef uint32_t Four __attribute__((vector_size(16)));
inline void turn_square(const char* from, int64_t stride, char* to, int64_t pitch) {
  Four a, b, c, d;
  std::memcpy(&a, from, 16), std::memcpy(&b, from + stride, 16);
  std::memcpy(&c, from + 2 * stride, 16), std::memcpy(&d, from + 3 * stride, 16);
  const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab, cd, 0, 1, 4, 5), b = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
  std::memcpy(to, &a, 16), std::memcpy(to + pitch, &b, 16);
  std::memcpy(to + 2 * pitch, &c, 16), std::memcpy(to + 3 * pitch, &d, 16);
}
#endif

// Entries of `width` rows, of which neighbours are one item apart, one row after the other. A
// line of memory is read once: lines a power of two apart share a set of the cache.
template <class T>
inline void turn(const char* from, int64_t stride, int count, int width, char* to, int64_t pitch) {
  int i = 0;
#if RELENTROPY_LANES > 1
  if (sizeof(T) == 4 && width % 4 == 0) {
    for (; i + 4 <= count; i += 4) {
      const char* line = from + i * stride;
      for (int k = 16; k < 20; ++k) ahead(line + k * stride), ahead(line + k * stride + 64);
      for (int w = 0; w < width; w += 4) {
        turn_square(line + 4 * w, stride, to + 4 * i + w * pitch, pitch);
      }
    }
  }
#endif
  for (; i < count; ++i) {
    const char* line = from + i * stride;
    ahead(line + 16 * stride);  // no processor foresees steps of more than a page
    char* entry = to + i * sizeof(T);
    for (int w = 0; w < width; ++w) std::memcpy(entry + w * pitch, line + w * sizeof(T), sizeof(T));
  }
}
inline void turn(int64_t size, const char* from, int64_t stride, int count, int width, char* to,
                 int64_t pitch) {
  switch (size) {
    case 1: return turn<uint8_t>(from, stride, count, width, to, pitch);
    case 2: return turn<uint16_t>(from, stride, count, width, to, pitch);
    case 4: return turn<uint32_t>(from, stride, count, width, to, pitch);
    default: return turn<uint64_t>(from, stride, count, width, to, pitch);
  }
}

// The same backwards.
template <class T>
inline void turn_back(const char* from, int64_t pitch, int count, int width, char* to,
                      int64_t stride) {
  for (int i = 0; i < count; ++i) {
    char* line = to + i * stride;
    const char* entry = from + i * sizeof(T);
    for (int w = 0; w < width; ++w) std::memcpy(line + w * sizeof(T), entry + w * pitch, sizeof(T));
  }
}
inline void turn_back(int64_t size, const char* from, int64_t pitch, int count, int width, char* to,
                      int64_t stride) {
  switch (size) {
    case 2: return turn_back<uint16_t>(from, pitch, count, width, to, stride);
    case 4: return turn_back<uint32_t>(from, pitch, count, width, to, stride);
    default: return turn_back<uint64_t>(from, pitch, count, width, to, stride);
  }
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
