#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace relentropy {

void run_tasks(int threads, int64_t tasks, void (*task)(void*, int64_t), void* context) {
  // Tasks that run at the same time are far apart: two neighbours would write to one page of
  // memory, and both would wait until the system has cleared it.
  const int64_t count = std::min<int64_t>(threads, tasks), each = (tasks + count - 1) / count;
  std::atomic<int64_t> next{0};
  std::exception_ptr first;
  std::mutex guard;
  auto work = [&] {
    try {
      for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count * each;) {
        const int64_t which = i % count * each + i / count;
        if (which < tasks) task(context, which);
      }
    } catch (...) {
      next.store(count * each, std::memory_order_relaxed);  // the others take no more
      std::lock_guard<std::mutex> hold(guard);
      if (!first) first = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  try {
    helpers.reserve(count - 1);
    while (static_cast<int64_t>(helpers.size()) < count - 1) helpers.emplace_back(work);
  } catch (const std::system_error&) {  // the system has no more threads: those that are do it
  } catch (const std::bad_alloc&) {
  }
  work();
  for (auto& helper : helpers) helper.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace relentropy
