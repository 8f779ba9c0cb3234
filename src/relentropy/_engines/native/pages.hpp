// Pages of memory for results.
//
// A result that has just been allocated has no memory yet: every page that is written first is a
// fault, and those of 4 KB cost a gradient as much as its arithmetic. Linux has larger pages for
// who asks, as numpy does for its own arrays, and torch does not.
#pragma once
#include "call.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace relentropy {

#if defined(MADV_HUGEPAGE)

inline void ask_for_large_pages(const Call& call) {
  constexpr int64_t WORTH_IT = 1 << 22;  // as for numpy
  for (int k = 0; k < call.outputs; ++k) {
    const Array& out = call.out[k];
    int64_t bytes = 0;
    for (int i = 0; i < call.reduced_axes + call.batch_axes; ++i) {
      if (call.shape[i] < 1 || out.strides[i] < 0) return;
      bytes += (call.shape[i] - 1) * out.strides[i];
    }
    if (bytes < WORTH_IT) continue;
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t start = reinterpret_cast<uintptr_t>(out.data),
                    from = (start + page - 1) / page * page;
    // A wish: where it is refused, small pages serve.
    (void)madvise(reinterpret_cast<void*>(from), start + bytes - from, MADV_HUGEPAGE);
  }
}

#else

inline void ask_for_large_pages(const Call&) {}

#endif

}  // namespace relentropy
