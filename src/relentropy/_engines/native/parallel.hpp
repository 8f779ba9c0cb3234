// Threads for the length of one call.
//
// There is no pool: nothing is left behind that a fork could break or that would compete with
// another library's threads, and starting one costs some ten microseconds, which only calls of
// a millisecond pay.
#pragma once
#include <cstdint>
#include <type_traits>

namespace relentropy {

// Calls task(context, i) for every i below `tasks`, on up to `threads` threads, of which the
// caller is one. The first exception is thrown to the caller after all threads have ended. It is
// compiled once, for every processor's sake: see the end of CMakeLists.txt.
void run_tasks(int threads, int64_t tasks, void (*task)(void*, int64_t), void* context);

#ifdef RELENTROPY_SET
namespace RELENTROPY_SET {

// f(0), …, f(tasks - 1), in any order.
template <class F>
void parallel(int threads, int64_t tasks, F&& f) {
  if (threads <= 1 || tasks <= 1) {
    for (int64_t i = 0; i < tasks; ++i) f(i);
    return;
  }
  using Task = std::remove_reference_t<F>;
  run_tasks(
      threads, tasks, [](void* task, int64_t i) { (*static_cast<Task*>(task))(i); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace RELENTROPY_SET
#endif

}  // namespace relentropy
