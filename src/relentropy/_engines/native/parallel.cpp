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
  std::atomic<int64_t> next{0};
  std::exception_ptr first;
  std::mutex guard;
  auto work = [&] {
    try {
      for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) {
        task(context, i);
      }
    } catch (...) {
      next.store(tasks, std::memory_order_relaxed);  // the others take no more
      std::lock_guard<std::mutex> hold(guard);
      if (!first) first = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  try {
    const auto count = static_cast<size_t>(std::min<int64_t>(threads, tasks) - 1);
    helpers.reserve(count);
    while (helpers.size() < count) helpers.emplace_back(work);
  } catch (const std::system_error&) {  // the system has no more threads: those that are do it
  } catch (const std::bad_alloc&) {
  }
  work();
  for (auto& helper : helpers) helper.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace relentropy
