// The drivers of a GPU, in place of driver.hpp: a block of threads has a row, each thread some of
// its entries, and their states meet only in `merge`.
//
// Kernels are the same text as on the host. Without CUDA the file is plain C++, in which the
// threads of a block take turns: what a GPU would run can be run, and tested, where there is none.
#pragma once
#include "conversion.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// Entries that a thread reads at a time.
constexpr int BLOCK = 32;
constexpr int MOST_OPERANDS = 6, MOST_THREADS = 128;

#if defined(__CUDACC__)
#define RELENTROPY_SHARED __shared__
constexpr int SLOTS = 1;  // threads whose own variables are kept here
RELENTROPY_FN int thread_count() { return blockDim.x; }
RELENTROPY_FN int64_t first_task() { return blockIdx.x; }
RELENTROPY_FN int64_t task_step() { return gridDim.x; }
// What every thread does, before any does what follows.
template <class F>
RELENTROPY_FN void each_thread(F&& f) {
  f(threadIdx.x, 0);
  __syncthreads();
}
#else
#define RELENTROPY_SHARED static
constexpr int SLOTS = 5;  // no power of two, and more than one
inline int thread_count() { return SLOTS; }
inline int64_t first_task() { return 0; }
inline int64_t task_step() { return 1; }
template <class F>
inline void each_thread(F&& f) {
  for (int thread = 0; thread < SLOTS; ++thread) f(thread, thread);
}
#endif

// Where rows and their entries are. The first of several axes needs no remainder.
class Layout {
 public:
  explicit Layout(const Call& call) : call_(call) {
    for (int i = 0; i < call.reduced_axes; ++i) length *= call.shape[i];
    for (int i = call.reduced_axes; i < call.reduced_axes + call.batch_axes; ++i) {
      rows *= call.shape[i];
    }
  }

  int64_t length = 1, rows = 1;

  int64_t row(const Array& array, int64_t index) const {
    return at(array, call_.reduced_axes, call_.reduced_axes + call_.batch_axes, index);
  }
  int64_t entry(const Array& array, int64_t index) const {
    return at(array, 0, call_.reduced_axes, index);
  }

 private:
  int64_t at(const Array& array, int first, int last, int64_t index) const {
    int64_t bytes = 0;
    for (int i = last - 1; i > first; --i) {
      bytes += array.strides[i] * (index % call_.shape[i]);
      index /= call_.shape[i];
    }
    return last > first ? bytes + array.strides[first] * index : bytes;
  }

  const Call& call_;
};

// A thread's entries of a row: every so many-th, so that neighbours are read together.
class Blocks {
 public:
  double* in[MOST_OPERANDS];
  double* out[MOST_OPERANDS];
  double* room;
  Next next[MOST_OPERANDS];
  bool any_chosen;

  // `numbers` are as many blocks as there are operands and results, and one more.
  Blocks(double* numbers, int operands, int results) {
    for (int k = 0; k < operands; ++k) in[k] = numbers, numbers += BLOCK;
    for (int k = 0; k < results; ++k) out[k] = numbers, numbers += BLOCK;
    room = numbers;
  }

  void read(const Call& call, const Layout& layout, int operands, int mask, const double* fills,
            int64_t row, int64_t from, int step, int count) {
    from_ = from, step_ = step, count_ = count, any_chosen = mask < 0;
    for (int i = 0; i < count; ++i) chosen_[i] = true;
    if (mask >= 0) {
      const char* start = call.in[mask].data + layout.row(call.in[mask], row);
      for (int i = 0; i < count; ++i) {
        chosen_[i] = start[layout.entry(call.in[mask], from + int64_t(i) * step)] != 0;
        any_chosen |= chosen_[i];
      }
    }
    for (int k = 0; k < operands; ++k) {
      const Array& array = call.in[k];
      const char* start = array.data + layout.row(array, row);
      for (int i = 0; i < count; ++i) {
        const char* at = start + layout.entry(array, from + int64_t(i) * step);
        gather(array.type, at, 0, 1, in[k] + i);
        if (!chosen_[i]) in[k][i] = fills[k];
      }
    }
  }
  void write(const Call& call, const Layout& layout, int64_t row) const {
    for (int k = 0; k < call.outputs; ++k) {
      const Array& array = call.out[k];
      char* start = array.data + layout.row(array, row);
      for (int i = 0; i < count_; ++i) {
        const double value = chosen_[i] ? out[k][i] : 0.0;
        scatter(array.type, &value, 1, start + layout.entry(array, from_ + int64_t(i) * step_), 0);
      }
    }
  }

  // Which of the entries that were read last is the row's `token`-th; -1 if none is.
  int place(double token) const {
    const double place = (token - double(from_)) / step_;
    const bool here = place >= 0.0 && place < count_ && place == double(int(place));
    return here ? int(place) : -1;
  }

 private:
  bool chosen_[BLOCK];
  int64_t from_ = 0;
  int step_ = 1, count_ = 0;
};

// How many of a row's entries one thread reads next: `from`, `from + step`, ...
RELENTROPY_FN int entries_from(int64_t from, int64_t end, int step) {
  const int64_t left = (end - from + step - 1) / step;
  return left < 0 ? 0 : left < BLOCK ? int(left) : BLOCK;
}

// The state of what a thread has seen, if it has seen anything.
template <class State>
struct Seen {
  State state;
  bool there, chosen;
};

// What a kernel knows of a row from the numbers that follow the operands.
template <class Kernel>
RELENTROPY_FN typename Kernel::Row row_of(const Call& call, const Layout& layout,
                                          const Kernel& kernel, int mask, int64_t row) {
  double numbers[MAX_ARRAYS];
  for (int k = Kernel::OPERANDS; k < call.inputs; ++k) {
    if (k == mask) continue;
    gather(call.in[k].type, call.in[k].data + layout.row(call.in[k], row), 0, 1,
           numbers + k - Kernel::OPERANDS);
  }
  return kernel.row(numbers);
}

// See driver.hpp, whose interface this is.
template <class Kernel, int RESULTS = 0, bool GIVEN = false>
class Fold {
 public:
  Fold(const Call& call, const Kernel& kernel, int mask)
      : call_(call), kernel_(kernel), mask_(mask), layout_(call) {}

  void run() {
    for (int64_t row = first_task(); row < layout_.rows; row += task_step()) whole(row);
  }

 private:
  using Row = typename Kernel::Row;
  template <int PASS>
  using State = typename Kernel::template State<PASS>;

  void whole(int64_t row) {
    Row known[SLOTS];
    if constexpr (GIVEN) {
      for (Row& one : known) one = row_of(call_, layout_, kernel_, mask_, row);
    }
    passes<0>(row, known);
    each_thread([&](int thread, int slot) {
      if constexpr (RESULTS > 0) mapped(row, known[slot], thread);
      else if (thread == 0) finish(row, known[slot]);
    });
  }

  template <int PASS>
  void passes(int64_t row, Row* known) {
    if constexpr (PASS < Kernel::PASSES) {
      // As bytes: shared variables have no constructors.
      alignas(16) RELENTROPY_SHARED char room[MOST_THREADS * sizeof(Seen<State<PASS>>)];
      Seen<State<PASS>>* seen = reinterpret_cast<Seen<State<PASS>>*>(room);
      each_thread(
          [&](int thread, int slot) { seen[thread] = own<PASS>(row, known[slot], thread); });
      int gap = 1;
      while (2 * gap < thread_count()) gap *= 2;
      for (; gap > 0; gap /= 2) {
        each_thread([&](int thread, int) {
          if (thread < gap && thread + gap < thread_count()) {
            add<PASS>(seen[thread], seen[thread + gap]);
          }
        });
      }
      each_thread([&](int, int slot) {
        known[slot].chosen |= seen[0].chosen;
        kernel_.template learn<PASS>(known[slot], seen[0].state);
      });
      passes<PASS + 1>(row, known);
    }
  }

  template <int PASS>
  Seen<State<PASS>> own(int64_t row, const Row& known, int thread) {
    Seen<State<PASS>> sum;
    sum.there = sum.chosen = false;
    double numbers[(Kernel::OPERANDS + 1) * BLOCK];
    Blocks blocks(numbers, Kernel::OPERANDS, 0);
    const int step = thread_count();
    for (int64_t from = thread; from < layout_.length; from += int64_t(step) * BLOCK) {
      const int count = entries_from(from, layout_.length, step);
      blocks.read(call_, layout_, Kernel::OPERANDS, mask_, kernel_.fills, row, from, step, count);
      const Seen<State<PASS>> next{kernel_.template step<PASS>(known, blocks, count), true,
                                   blocks.any_chosen};
      add<PASS>(sum, next);
    }
    return sum;
  }

  template <int PASS>
  static void add(Seen<State<PASS>>& sum, const Seen<State<PASS>>& next) {
    if (!next.there) return;
    if (!sum.there) {
      sum = next;
      return;
    }
    sum.state = merge(sum.state, next.state);
    sum.chosen |= next.chosen;
  }

  void mapped(int64_t row, const Row& known, int thread) {
    double numbers[(Kernel::OPERANDS + RESULTS + 1) * BLOCK];
    Blocks blocks(numbers, Kernel::OPERANDS, RESULTS);
    const int step = thread_count();
    for (int64_t from = thread; from < layout_.length; from += int64_t(step) * BLOCK) {
      const int count = entries_from(from, layout_.length, step);
      blocks.read(call_, layout_, Kernel::OPERANDS, mask_, kernel_.fills, row, from, step, count);
      kernel_.entry(known, blocks, count);
      blocks.write(call_, layout_, row);
    }
  }

  void finish(int64_t row, const Row& known) {
    double values[MAX_ARRAYS];
    kernel_.finish(known, mask_ < 0 || known.chosen, values);
    for (int k = 0; k < call_.outputs; ++k) {
      const Array& array = call_.out[k];
      scatter(array.type, values + k, 1, array.data + layout_.row(array, row), 0);
    }
  }

  const Call& call_;
  const Kernel& kernel_;
  int mask_;
  Layout layout_;
};

template <class Kernel>
void fold_map(const Call& call, const Kernel& kernel, int mask) {
  Fold<Kernel, Kernel::RESULTS>(call, kernel, mask).run();
}

// A function of every entry; a block of threads has a part of a row.
template <class Kernel>
void map(const Call& call, const Kernel& kernel, int mask) {
  const Layout layout(call);
  const int step = thread_count();
  const int64_t size = int64_t(step) * BLOCK, parts = (layout.length + size - 1) / size;
  for (int64_t task = first_task(); task < layout.rows * parts; task += task_step()) {
    const int64_t row = task / parts, begin = task % parts * size;
    const int64_t end = begin + size < layout.length ? begin + size : layout.length;
    const typename Kernel::Row known = row_of(call, layout, kernel, mask, row);
    each_thread([&](int thread, int) {
      double numbers[(Kernel::OPERANDS + Kernel::RESULTS + 1) * BLOCK];
      Blocks blocks(numbers, Kernel::OPERANDS, Kernel::RESULTS);
      const int count = entries_from(begin + thread, end, step);
      if (count == 0) return;
      blocks.read(call, layout, Kernel::OPERANDS, mask, kernel.fills, row, begin + thread, step,
                  count);
      kernel.entry(known, blocks, count);
      blocks.write(call, layout, row);
    });
  }
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
