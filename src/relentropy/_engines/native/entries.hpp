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
    case Type::bfloat16: return 2;
    case Type::float32:
    case Type::int32: return 4;
    default: return 8;
  }
}

// --- one entry ----------------------------------------------------------------------------

struct Half { uint16_t bits; };
struct Brain { uint16_t bits; };

inline double widened(double x) { return x; }
inline double widened(float x) { return x; }
inline double widened(int32_t x) { return x; }
inline double widened(int64_t x) { return static_cast<double>(x); }
inline double widened(Brain x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline double widened(Half x) {
  // The exponent's offset is made up for by a product, which subnormal numbers come through.
  uint32_t bits = static_cast<uint32_t>(x.bits & 0x7fff) << 13;
  bits = bits >= (0x7c00u << 13) ? bits | 0x7f800000u : bits;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  value = bits >= 0x7f800000u ? value : value * 0x1p112f;
  return x.bits & 0x8000 ? -value : value;
}

// A double with its last bits gathered in one, so that rounding it again rounds it once: odd
// where something was lost (Boldo and Melquiond 2008).
inline float to_odd(double x) {
  const float nearest = static_cast<float>(x);
  uint32_t bits;
  std::memcpy(&bits, &nearest, sizeof bits);
  const double error = x - static_cast<double>(nearest);
  const bool exact = !(error != 0) || nearest - nearest != 0;  // also infinite, and nan
  const bool away = (error < 0) == (bits >> 31 != 0);          // the true number is larger
  if (!exact && !(bits & 1)) bits += away ? 1 : -1;
  float odd;
  std::memcpy(&odd, &bits, sizeof odd);
  return odd;
}

inline void narrow(double x, double& to) { to = x; }
inline void narrow(double x, float& to) { to = static_cast<float>(x); }
inline void narrow(double x, Brain& to) {
  const float odd = to_odd(x);
  uint32_t bits;
  std::memcpy(&bits, &odd, sizeof bits);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  to.bits = static_cast<uint16_t>(x != x ? (bits >> 16) | 0x40 : rounded);
}
inline void narrow(double x, Half& to) {
  const float odd = to_odd(x);
  uint32_t bits;
  std::memcpy(&bits, &odd, sizeof bits);
  const uint32_t sign = (bits >> 16) & 0x8000, size = bits & 0x7fffffff;
  uint32_t half;
  if (size > 0x7f800000) half = 0x7e00;                            // nan
  else if (size >= 0x47800000) half = 0x7c00;                      // 65536 and more: infinite
  else if (size < 0x38800000) {                                    // below 2**-14: subnormal
    float value;
    std::memcpy(&value, &size, sizeof value);
    value += 0.5f;                                                 // whose last bit is 2**-24
    std::memcpy(&half, &value, sizeof half);
    half -= 0x3f000000;
  } else half = (size - 0x38000000 + 0xfff + ((size >> 13) & 1)) >> 13;
  to.bits = static_cast<uint16_t>(sign | half);
}

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

inline void gather(Type type, const char* from, int64_t stride, int count, double* to) {
  switch (type) {
    case Type::float16: return gather<Half>(from, stride, count, to);
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

inline void scatter(Type type, const double* from, int count, char* to, int64_t stride) {
  switch (type) {
    case Type::float16: return scatter<Half>(from, count, to, stride);
    case Type::bfloat16: return scatter<Brain>(from, count, to, stride);
    case Type::float32: return scatter<float>(from, count, to, stride);
    default: return scatter<double>(from, count, to, stride);
  }
}

// --- a panel: a few rows that lie side by side ----------------------------------------------

// Entries of `width` rows, of which neighbours are `size` bytes apart, one row after the other.
template <class T>
inline void turn(const char* from, int64_t stride, int count, int width, char* to, int64_t pitch) {
  constexpr int TILE = 16;
  for (int i = 0; i < count; i += TILE) {
    const int rows = count - i < TILE ? count - i : TILE;
    for (int w = 0; w < width; ++w) {
      T* row = reinterpret_cast<T*>(to + w * pitch) + i;
      const char* column = from + i * stride + w * static_cast<int64_t>(sizeof(T));
      for (int k = 0; k < rows; ++k) std::memcpy(row + k, column + k * stride, sizeof(T));
    }
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
  constexpr int TILE = 16;
  for (int i = 0; i < count; i += TILE) {
    const int rows = count - i < TILE ? count - i : TILE;
    for (int k = 0; k < rows; ++k) {
      char* line = to + (i + k) * stride;
      for (int w = 0; w < width; ++w)
        std::memcpy(line + w * sizeof(T), from + w * pitch + (i + k) * sizeof(T), sizeof(T));
    }
  }
}
inline void turn_back(int64_t size, const char* from, int64_t pitch, int count, int width,
                      char* to, int64_t stride) {
  switch (size) {
    case 2: return turn_back<uint16_t>(from, pitch, count, width, to, stride);
    case 4: return turn_back<uint32_t>(from, pitch, count, width, to, stride);
    default: return turn_back<uint64_t>(from, pitch, count, width, to, stride);
  }
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
