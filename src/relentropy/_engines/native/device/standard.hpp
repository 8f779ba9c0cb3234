// What the headers take from the standard library, for CUDA's compiler at run time, which has none.
// The files beside this one have its names, and include it.
#pragma once

using int32_t = int;
using int64_t = long long;
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned;
using uint64_t = unsigned long long;

namespace std {

using ::memcpy;

template <bool FIRST, class One, class Other>
struct conditional {
  using type = One;
};
template <class One, class Other>
struct conditional<false, One, Other> {
  using type = Other;
};
template <bool FIRST, class One, class Other>
using conditional_t = typename conditional<FIRST, One, Other>::type;

template <class T>
__device__ void swap(T& one, T& other) {
  T kept = one;
  one = other, other = kept;
}

}  // namespace std
