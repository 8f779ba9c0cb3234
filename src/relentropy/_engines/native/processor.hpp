// What this processor, and the system that it runs, can do.
//
// Asked by the instruction itself and not by the compiler's builtin, whose list of names differs
// between compilers and their versions and which MSVC lacks. The bits are those of Intel's
// Software Developer's Manual, volume 2A, CPUID, and volume 1, section 13.3.
#pragma once
#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#ifdef _MSC_VER
#include <immintrin.h>
#include <intrin.h>
#else
#include <cpuid.h>
#endif

namespace relentropy {

struct Registers {
  uint32_t a, b, c, d;
};

inline Registers cpuid(uint32_t leaf) {
  Registers found{0, 0, 0, 0};
#ifdef _MSC_VER
  int words[4];
  __cpuid(words, leaf & 0x80000000);
  if (static_cast<uint32_t>(words[0]) < leaf) return found;
  __cpuidex(words, leaf, 0);
  found = {static_cast<uint32_t>(words[0]), static_cast<uint32_t>(words[1]),
           static_cast<uint32_t>(words[2]), static_cast<uint32_t>(words[3])};
#else
  __get_cpuid_count(leaf, 0, &found.a, &found.b, &found.c, &found.d);
#endif
  return found;
}

// The registers that the system saves when it changes between threads.
inline uint32_t saved_registers() {
  constexpr uint32_t osxsave = 1u << 27;
  if (!(cpuid(1).c & osxsave)) return 0;
#ifdef _MSC_VER
  return static_cast<uint32_t>(_xgetbv(0));
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
#endif
}

inline bool all(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

// Everything up to x86-64-v3: what -march=x86-64-v4 and /arch:AVX2 allow the compiler to use.
inline bool has_avx2() {
  constexpr uint32_t sse3 = 1u << 0, ssse3 = 1u << 9, fma = 1u << 12, cx16 = 1u << 13;
  constexpr uint32_t sse41 = 1u << 19, sse42 = 1u << 20, movbe = 1u << 22, popcnt = 1u << 23;
  constexpr uint32_t avx = 1u << 28, f16c = 1u << 29;
  constexpr uint32_t bmi1 = 1u << 3, avx2 = 1u << 5, bmi2 = 1u << 8;
  constexpr uint32_t lzcnt = 1u << 5;
  return all(saved_registers(), 0x6) &&
         all(cpuid(1).c, sse3 | ssse3 | fma | cx16 | sse41 | sse42 | movbe | popcnt | avx | f16c) &&
         all(cpuid(7).b, bmi1 | avx2 | bmi2) && all(cpuid(0x80000001).c, lzcnt);
}

// x86-64-v4.
inline bool has_avx512() {
  constexpr uint32_t f = 1u << 16, dq = 1u << 17, cd = 1u << 28, bw = 1u << 30, vl = 1u << 31;
  return has_avx2() && all(saved_registers(), 0xe6) && all(cpuid(7).b, f | dq | cd | bw | vl);
}

}  // namespace relentropy
#endif
