// Numbers side by side: what the arithmetic is written for.
//
// Every function of the arithmetic is a template of T, which is `double` (one number: on a GPU,
// for a row's few numbers, and wherever a compiler has no vectors) or `Lanes` (as many as a
// register of the instruction set holds). Choices are `choose(mask, one, other)`, of which both
// sides are computed; nothing else differs between the two.
//
// The file is compiled once for each instruction set, in a namespace of its own: otherwise the
// linker would take any one of the copies for all.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)  // which has the functions, and no builtins
#define RELENTROPY_MATH(NAME) ::NAME
#else
#define RELENTROPY_MATH(NAME) __builtin_##NAME
#endif

#if defined(__CUDACC__)
#define RELENTROPY_FN static __device__ __forceinline__
#define RELENTROPY_METHOD __device__ __forceinline__
#elif defined(__GNUC__)
#define RELENTROPY_FN [[maybe_unused]] static inline __attribute__((always_inline))
#define RELENTROPY_METHOD inline __attribute__((always_inline))
#else
#define RELENTROPY_FN [[maybe_unused]] static __forceinline
#define RELENTROPY_METHOD __forceinline
#endif

// What is called once a block or a row, and need not be inlined.
#if defined(__CUDACC__)
#define RELENTROPY_BLOCK static __device__
#else
#define RELENTROPY_BLOCK [[maybe_unused]] static
#endif

// What is large and has many callers: one copy serves all. RARE is what is rarely called, CALLED is
// a method.
#if defined(__CUDACC__)
#define RELENTROPY_APART RELENTROPY_BLOCK
#define RELENTROPY_RARE RELENTROPY_BLOCK
#define RELENTROPY_CALLED __device__
#elif defined(__GNUC__)
#define RELENTROPY_APART [[maybe_unused]] static __attribute__((noinline))
#define RELENTROPY_RARE [[maybe_unused]] static __attribute__((noinline, cold))
#define RELENTROPY_CALLED __attribute__((noinline))
#else
#define RELENTROPY_APART [[maybe_unused]] static __declspec(noinline)
#define RELENTROPY_RARE RELENTROPY_APART
#define RELENTROPY_CALLED __declspec(noinline)
#endif

// Lanes are vectors of GCC's and clang's, as wide as a register.
#if defined(__GNUC__) && !defined(__CUDACC__) && !defined(RELENTROPY_SCALAR)
#if defined(__AVX512F__)
#include <immintrin.h>  // gcc and clang have other names for these builtins
#define RELENTROPY_LANES 8
#elif defined(__AVX2__)
#define RELENTROPY_LANES 4
#else
#define RELENTROPY_LANES 2
#endif
#else
#define RELENTROPY_LANES 1
#endif

namespace relentropy {
namespace RELENTROPY_SET {

#if defined(__CUDACC_RTC__)
constexpr double INF = __builtin_bit_cast(double, 0x7ff0000000000000ull);
constexpr double NOT_A_NUMBER = __builtin_bit_cast(double, 0x7ff8000000000000ull);
#else
constexpr double INF = __builtin_huge_val();
constexpr double NOT_A_NUMBER = __builtin_nan("");
#endif
constexpr int LANES = RELENTROPY_LANES;

// --- one number -----------------------------------------------------------------------------

using Bits = uint64_t;

RELENTROPY_FN Bits bits_of(double x) {
  Bits bits;
  memcpy(&bits, &x, sizeof x);
  return bits;
}
RELENTROPY_FN double of_bits(Bits bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
RELENTROPY_FN double choose(bool mask, double one, double other) { return mask ? one : other; }
RELENTROPY_FN bool any(bool mask) { return mask; }
RELENTROPY_FN bool every(bool mask) { return mask; }
RELENTROPY_FN bool no(bool mask) { return !mask; }
RELENTROPY_FN double magnitude(double x) { return RELENTROPY_MATH(fabs)(x); }
// The larger of two, and the second where one is nan.
RELENTROPY_FN double larger(double x, double y) { return x > y ? x : y; }
RELENTROPY_FN double smaller(double x, double y) { return x < y ? x : y; }
RELENTROPY_FN double root(double x) { return RELENTROPY_MATH(sqrt)(x); }
RELENTROPY_FN double sum_of(double x) { return x; }
RELENTROPY_FN double max_of(double x) { return x; }
RELENTROPY_FN double min_of(double x) { return x; }

#if defined(__FMA__) || defined(__CUDACC__) || defined(__aarch64__)
#define RELENTROPY_HAS_FMA 1
RELENTROPY_FN double fma(double a, double b, double c) { return RELENTROPY_MATH(fma)(a, b, c); }
#else
#define RELENTROPY_HAS_FMA 0
RELENTROPY_FN double fma(double a, double b, double c) { return a * b + c; }
#endif

#if RELENTROPY_LANES > 1

typedef double Lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t Mask __attribute__((vector_size(8 * LANES)));
typedef uint64_t LaneBits __attribute__((vector_size(8 * LANES)));

RELENTROPY_FN LaneBits bits_of(Lanes x) { return (LaneBits)x; }
RELENTROPY_FN Lanes of_bits(LaneBits bits) { return (Lanes)bits; }
RELENTROPY_FN Lanes splat(double x) { return x - Lanes{}; }
RELENTROPY_FN Lanes choose(Mask mask, Lanes one, Lanes other) { return mask ? one : other; }
RELENTROPY_FN Lanes choose(Mask mask, double one, Lanes other) { return mask ? splat(one) : other; }
RELENTROPY_FN Lanes choose(Mask mask, Lanes one, double other) { return mask ? one : splat(other); }
RELENTROPY_FN Lanes choose(Mask mask, double one, double other) {
  return mask ? splat(one) : splat(other);
}
RELENTROPY_FN Mask no(Mask mask) { return ~mask; }
RELENTROPY_FN Lanes magnitude(Lanes x) { return of_bits(bits_of(x) & (UINT64_MAX >> 1)); }

#if defined(__AVX512F__)
RELENTROPY_FN Lanes larger(Lanes x, Lanes y) {
  return (Lanes)_mm512_max_pd((__m512d)x, (__m512d)y);
}
RELENTROPY_FN Lanes smaller(Lanes x, Lanes y) {
  return (Lanes)_mm512_min_pd((__m512d)x, (__m512d)y);
}
#elif defined(__AVX2__)
RELENTROPY_FN Lanes larger(Lanes x, Lanes y) { return __builtin_ia32_maxpd256(x, y); }
RELENTROPY_FN Lanes smaller(Lanes x, Lanes y) { return __builtin_ia32_minpd256(x, y); }
#elif defined(__SSE2__)
RELENTROPY_FN Lanes larger(Lanes x, Lanes y) { return __builtin_ia32_maxpd(x, y); }
RELENTROPY_FN Lanes smaller(Lanes x, Lanes y) { return __builtin_ia32_minpd(x, y); }
#else
RELENTROPY_FN Lanes larger(Lanes x, Lanes y) { return x > y ? x : y; }
RELENTROPY_FN Lanes smaller(Lanes x, Lanes y) { return x < y ? x : y; }
#endif

RELENTROPY_FN bool any(Mask mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi64_mask((__m512i)mask) != 0;
#elif defined(__AVX2__)
  return __builtin_ia32_movmskpd256((Lanes)mask) != 0;
#elif defined(__SSE2__)
  return __builtin_ia32_movmskpd((Lanes)mask) != 0;
#else
  int64_t found = 0;
  for (int i = 0; i < LANES; i++) found |= mask[i];
  return found != 0;
#endif
}
RELENTROPY_FN bool every(Mask mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi64_mask((__m512i)mask) == 255;
#elif defined(__AVX2__)
  return __builtin_ia32_movmskpd256((Lanes)mask) == 15;
#elif defined(__SSE2__)
  return __builtin_ia32_movmskpd((Lanes)mask) == 3;
#else
  int64_t found = -1;
  for (int i = 0; i < LANES; i++) found &= mask[i];
  return found != 0;
#endif
}
RELENTROPY_FN Lanes root(Lanes x) {
#if defined(__AVX512F__)
  return (Lanes)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
  return __builtin_ia32_sqrtpd256(x);
#elif defined(__SSE2__)
  return __builtin_ia32_sqrtpd(x);
#else
  Lanes r;
  for (int i = 0; i < LANES; i++) r[i] = __builtin_sqrt(x[i]);
  return r;
#endif
}
RELENTROPY_FN double sum_of(Lanes x) {
  double sum = x[0];
  for (int i = 1; i < LANES; i++) sum += x[i];
  return sum;
}
RELENTROPY_FN double max_of(Lanes x) {
  double top = x[0];
  for (int i = 1; i < LANES; i++) top = larger(top, x[i]);
  return top;
}
RELENTROPY_FN double min_of(Lanes x) {
  double bottom = x[0];
  for (int i = 1; i < LANES; i++) bottom = smaller(bottom, x[i]);
  return bottom;
}

#if RELENTROPY_HAS_FMA
RELENTROPY_FN Lanes fma(Lanes a, Lanes b, Lanes c) {
  // Contraction is off elsewhere; here the compiler is told what to fuse.
#if defined(__AVX512F__)
  return (Lanes)__builtin_ia32_vfmaddpd512_mask((Lanes)a, (Lanes)b, (Lanes)c, -1, 4);
#elif defined(__AVX2__)
  return (Lanes)__builtin_ia32_vfmaddpd256(a, b, c);
#else
  Lanes r;
  for (int i = 0; i < LANES; i++) r[i] = __builtin_fma(a[i], b[i], c[i]);
  return r;
#endif
}
#else
RELENTROPY_FN Lanes fma(Lanes a, Lanes b, Lanes c) { return a * b + c; }
#endif
RELENTROPY_FN Lanes fma(Lanes a, double b, Lanes c) { return fma(a, splat(b), c); }
RELENTROPY_FN Lanes fma(Lanes a, Lanes b, double c) { return fma(a, b, splat(c)); }
RELENTROPY_FN Lanes fma(Lanes a, double b, double c) { return fma(a, splat(b), splat(c)); }

#else

using Lanes = double;
using Mask = bool;
RELENTROPY_FN double splat(double x) { return x; }

#endif

// Asks for memory that will be read; wrong addresses do no harm.
RELENTROPY_FN void ahead(const void* address) {
#if defined(__GNUC__) && !defined(__CUDACC__)
  __builtin_prefetch(address);
#else
  (void)address;
#endif
}

// Where the next block of an operand will be read from. Loops ask for it bit by bit: all at once,
// the processor would wait for memory before it computes anything.
struct Next {
#if !defined(__CUDACC__)
  const char* at = nullptr;
  int64_t item = 0;
  RELENTROPY_METHOD void ask(int i) const { ahead(at + i * item); }
#else
  RELENTROPY_METHOD void ask(int) const {}
#endif
};

RELENTROPY_FN Lanes load(const double* from) {
  Lanes x;
  memcpy(&x, from, sizeof x);
  return x;
}
RELENTROPY_FN void store(double* to, Lanes x) { memcpy(to, &x, sizeof x); }

// The same number in every lane.
template <class T>
RELENTROPY_FN T all(double x) {
  return x - T{};
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
