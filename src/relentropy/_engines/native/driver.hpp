// The two drivers: `fold` ends with numbers per row, `map` with numbers per entry.
//
// The twin of _arrays/drivers.py. A row is cut into blocks of BLOCK entries, whose states merge
// in a tree that depends on the row's length alone, so that results do not depend on threads or
// strides. Rows that lie side by side in memory are read together, as a panel.
#pragma once
#if defined(RELENTROPY_DEVICE)
#include "device.hpp"
#else
#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "conversion.hpp"
#include "parallel.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

constexpr int BLOCK = 1024;
// A long row's part that a thread takes: a whole branch of the tree.
constexpr int64_t SEGMENT = 64 * BLOCK;
// So many rows make a panel: two lines of the cache, which come from memory together.
constexpr int WIDTH = 32;
// Entries that pay for a thread.
constexpr int64_t PER_THREAD = 1 << 17;
constexpr int MOST_OPERANDS = 6;

// A call with as few axes as possible, and where each of its rows begins.
class Layout {
 public:
  explicit Layout(const Call& call) : call_(call) {
    join(0, call.reduced_axes, reduced_, axes_reduced_);
    join(call.reduced_axes, call.batch_axes, batch_, axes_batch_);
    for (int i = 0; i < axes_reduced_; ++i) length *= reduced_[i].size;
    for (int i = 0; i < axes_batch_; ++i) rows *= batch_[i].size;
  }

  int64_t length = 1, rows = 1;

  // Bytes from one entry of a row to the next, where they are one distance apart.
  int64_t stride(int array) const {
    return axes_reduced_ ? reduced_[axes_reduced_ - 1].strides[array] : 0;
  }
  int64_t run() const { return axes_reduced_ ? reduced_[axes_reduced_ - 1].size : 1; }
  // Bytes from one row to the next, and how many are that far apart.
  int64_t row_stride(int array) const {
    return axes_batch_ ? batch_[axes_batch_ - 1].strides[array] : 0;
  }
  int64_t side_by_side() const { return axes_batch_ ? batch_[axes_batch_ - 1].size : 1; }

  int64_t row(int array, int64_t index) const { return at(batch_, axes_batch_, array, index); }
  int64_t entry(int array, int64_t index) const {
    return at(reduced_, axes_reduced_, array, index);
  }

  // Calls f(offset in the block, offset in bytes, count) for every run of entries.
  template <class F>
  void runs(int array, int64_t from, int count, F&& f) const {
    for (int done = 0; done < count;) {
      const int64_t left = run() - (from + done) % run();
      const int some = static_cast<int>(std::min<int64_t>(left, count - done));
      f(done, entry(array, from + done), some);
      done += some;
    }
  }

 private:
  struct Axis {
    int64_t size;
    int64_t strides[2 * MAX_ARRAYS];  // of inputs, then of outputs
  };

  void join(int first, int count, Axis* axes, int& found) {
    const int arrays = call_.inputs + call_.outputs;
    found = 0;
    for (int i = first; i < first + count; ++i) {
      if (call_.shape[i] == 1) continue;
      Axis axis;
      axis.size = call_.shape[i];
      for (int k = 0; k < arrays; ++k) {
        axis.strides[k] = array(k).strides[i];
      }
      bool joins = found > 0;
      for (int k = 0; joins && k < arrays; ++k) {
        joins = axes[found - 1].strides[k] == axis.strides[k] * axis.size;
      }
      if (joins) axis.size *= axes[--found].size;
      axes[found++] = axis;
    }
  }
  const Array& array(int k) const {
    return k < call_.inputs ? call_.in[k] : call_.out[k - call_.inputs];
  }
  static int64_t at(const Axis* axes, int count, int array, int64_t index) {
    int64_t bytes = 0;
    for (int i = count - 1; i >= 0; --i) {
      bytes += axes[i].strides[array] * (index % axes[i].size);
      index /= axes[i].size;
    }
    return bytes;
  }

  const Call& call_;
  Axis reduced_[MAX_AXES], batch_[MAX_AXES];
  int axes_reduced_ = 0, axes_batch_ = 0;
};

// States merged in a balanced tree whose shape depends on their number alone.
template <class State>
class Tree {
 public:
  void add(State state) {
    int level = 0;
    while (count_ && levels_[count_ - 1] == level) state = merge(states_[--count_], state), ++level;
    states_[count_] = state, levels_[count_++] = level;
  }
  State root() {
    State state = states_[--count_];
    while (count_) state = merge(states_[--count_], state);
    return state;
  }

 private:
  State states_[48];
  int levels_[48], count_ = 0;
};

// What a thread needs to read and write blocks of a group of rows.
class Blocks {
 public:
  // `operands` inputs have entries; `mask` is the number of the input that selects, or -1.
  Blocks(const Call& call, const Layout& layout, int operands, int mask, const double* fills,
         int results)
      : call_(call), layout_(layout), operands_(operands), mask_(mask), fills_(fills) {
    const int panels = layout.side_by_side() > 1 ? WIDTH : 1;
    room_.reset(new double[(operands + results + 2) * PITCH + 16]);
    double* start = room_.get();
    for (int k = 0; k < operands; ++k) in[k] = start, start += PITCH;
    for (int k = 0; k < results; ++k) out[k] = start, start += PITCH;
    room = start, flags_ = start + PITCH;
    for (int k = 0; k < call.inputs + call.outputs; ++k) {
      const bool read = k < operands || k == mask;
      if (panels > 1 && (read || (k >= call.inputs && results)) && turned(k)) {
        panel_[k].reset(new char[panels * PITCH * item(k)]);
      }
    }
  }

  double* in[MOST_OPERANDS];
  double* out[MOST_OPERANDS];
  double* room;  // for the kernel, of BLOCK entries
  Next next[MOST_OPERANDS];

  static int padded_to(int count) { return (count + LANES - 1) / LANES * LANES; }

  // How many rows are best read together.
  static int width(const Call& call, const Layout& layout, int operands) {
    if (layout.side_by_side() < 2 || layout.length < 2) return 1;
    for (int k = 0; k < operands; ++k) {
      const int64_t size = item_size(call.in[k].type);
      if (layout.row_stride(k) == size && layout.stride(k) != size) return WIDTH;
    }
    return 1;
  }

  // Reads what the rows from `row` on, `width` of them, have together.
  void open(int64_t row, int width, int64_t from, int count) {
    if (row == opened_row_ && from == opened_from_) return;  // by the pass before
    opened_row_ = row, opened_from_ = from;
    for (int k = 0; k < call_.inputs; ++k) {
      if (!panel_[k]) continue;
      layout_.runs(k, from, count, [&](int offset, int64_t bytes, int some) {
        turn(item(k), data(k) + layout_.row(k, row) + bytes, layout_.stride(k), some, width,
             panel_[k].get() + offset * item(k), PITCH * item(k));
      });
    }
  }

  // One row's entries as doubles; returns their number, with padding.
  int read(int64_t row, int w, int64_t from, int count) {
    const int padded = padded_to(count);
    const unsigned char* chosen = nullptr;
    begin_ = from, size_ = count;
    if (mask_ >= 0) chosen = read_mask(row, w, from, count);
    for (int k = 0; k < operands_; ++k) {
      if (panel_[k]) {
        gather(call_.in[k].type, panel_[k].get() + w * PITCH * item(k), item(k), count, in[k]);
      } else {
        layout_.runs(k, from, count, [&](int offset, int64_t bytes, int some) {
          const char* at = data(k) + layout_.row(k, row + w) + bytes;
          if (layout_.stride(k) == item(k)) next[k] = {at + some * item(k), item(k)};
          gather(call_.in[k].type, at, layout_.stride(k), some, in[k] + offset);
        });
      }
      if (chosen) {
        for (int i = 0; i < count; ++i) in[k][i] = chosen[i] ? in[k][i] : fills_[k];
      }
      for (int i = count; i < padded; ++i) in[k][i] = fills_[k];
    }
    return padded;
  }

  // One row's results, which are 0 where the mask excludes.
  void write(int64_t row, int w, int64_t from, int count) {
    for (int k = call_.inputs; k < call_.inputs + call_.outputs; ++k) {
      double* values = out[k - call_.inputs];
      if (mask_ >= 0) {
        const unsigned char* chosen = reinterpret_cast<unsigned char*>(flags_);
        for (int i = 0; i < count; ++i) values[i] = chosen[i] ? values[i] : 0.0;
      }
      const Type type = call_.out[k - call_.inputs].type;
      if (panel_[k]) {
        scatter(type, values, count, panel_[k].get() + w * PITCH * item(k), item(k));
      } else {
        layout_.runs(k, from, count, [&](int offset, int64_t bytes, int some) {
          scatter(type, values + offset, some, data(k) + layout_.row(k, row + w) + bytes,
                  layout_.stride(k));
        });
      }
    }
  }

  // Writes what the rows have together.
  void close(int64_t row, int width, int64_t from, int count) {
    for (int k = call_.inputs; k < call_.inputs + call_.outputs; ++k) {
      if (!panel_[k]) continue;
      layout_.runs(k, from, count, [&](int offset, int64_t bytes, int some) {
        turn_back(item(k), panel_[k].get() + offset * item(k), PITCH * item(k), some, width,
                  data(k) + layout_.row(k, row) + bytes, layout_.stride(k));
      });
    }
  }

  // Which of the entries that were read last is the row's `token`-th; -1 if none is.
  int place(double token) const {
    const double place = token - static_cast<double>(begin_);
    return place >= 0.0 && place < size_ ? static_cast<int>(place) : -1;
  }

  // Empty trees, for as many rows; they are too large for some threads' stacks.
  template <class State>
  Tree<State>* trees(int count) {
    const size_t size = count * sizeof(Tree<State>);
    if (size > trees_size_) trees_.reset(new char[size]), trees_size_ = size;
    Tree<State>* first = reinterpret_cast<Tree<State>*>(trees_.get());
    for (int w = 0; w < count; ++w) new (first + w) Tree<State>;
    return first;
  }

  // Whether the last block that was read had any entry that the mask selects.
  bool any_chosen = true;

 private:
  // Not a power of two, which would put all rows of a panel in one set of the cache.
  static constexpr int PITCH = BLOCK + 8;

  const unsigned char* read_mask(int64_t row, int w, int64_t from, int count) {
    unsigned char* flags = reinterpret_cast<unsigned char*>(flags_);
    if (panel_[mask_]) {
      std::memcpy(flags, panel_[mask_].get() + w * PITCH, count);
    } else {
      layout_.runs(mask_, from, count, [&](int offset, int64_t bytes, int some) {
        const char* at = data(mask_) + layout_.row(mask_, row + w) + bytes;
        const int64_t stride = layout_.stride(mask_);
        for (int i = 0; i < some; ++i) flags[offset + i] = at[i * stride] != 0;
      });
    }
    any_chosen = std::memchr(flags, 1, count) != nullptr;
    return flags;
  }
  bool turned(int k) const {
    return layout_.row_stride(k) == item(k) && layout_.stride(k) != item(k);
  }
  int64_t item(int k) const { return item_size(array(k).type); }
  char* data(int k) const { return array(k).data; }
  const Array& array(int k) const {
    return k < call_.inputs ? call_.in[k] : call_.out[k - call_.inputs];
  }

  const Call& call_;
  const Layout& layout_;
  int operands_, mask_;
  const double* fills_;
  int64_t begin_ = 0;  // which of the row's entries were read last, without padding
  int size_ = 0;
  int64_t opened_row_ = -1, opened_from_ = -1;
  std::unique_ptr<double[]> room_;
  double* flags_;
  std::unique_ptr<char[]> panel_[2 * MAX_ARRAYS], trees_;
  size_t trees_size_ = 0;
};

inline int threads_for(const Call& call, const Layout& layout) {
  const int64_t entries = layout.length * layout.rows;
  return static_cast<int>(
      std::max<int64_t>(1, std::min<int64_t>(call.threads, entries / PER_THREAD)));
}

// The rows of a call in groups that are read together.
class Groups {
 public:
  Groups(const Call& call, const Layout& layout, int operands)
      : width(Blocks::width(call, layout, operands)), side_(layout.side_by_side()),
        per_line_((side_ + width - 1) / width),
        count((layout.rows + side_ - 1) / side_ * per_line_) {}

  const int width;  // rows in a group

 private:
  const int64_t side_, per_line_;

 public:
  const int64_t count;

  int64_t first(int64_t group) const {
    return group / per_line_ * side_ + group % per_line_ * width;
  }
  int rows(int64_t group) const {
    return static_cast<int>(std::min<int64_t>(width, side_ - group % per_line_ * width));
  }

  // Calls f(from, to) for tasks of `pieces`, each worth its start: those of `entries` entries.
  template <class F>
  static void tasks(int threads, int64_t pieces, int64_t entries, F&& f) {
    const int64_t most = SEGMENT / std::max<int64_t>(1, entries);
    const int64_t each = std::max<int64_t>(1, std::min(pieces, most));
    parallel(threads, (pieces + each - 1) / each,
             [&](int64_t task) { f(task * each, std::min(pieces, (task + 1) * each)); });
  }
};

// What a row's numbers are, which follow the operands.
template <class Kernel>
typename Kernel::Row row_of(const Call& call, const Layout& layout, const Kernel& kernel, int mask,
                            int64_t row) {
  double numbers[MAX_ARRAYS];
  int found = 0;
  for (int k = Kernel::OPERANDS; k < call.inputs; ++k) {
    if (k == mask) continue;
    gather(call.in[k].type, call.in[k].data + layout.row(k, row), 0, 1, numbers + found++);
  }
  return kernel.row(numbers);
}

// A reduction over rows. A kernel has
//   OPERANDS, PASSES, fills; Row, which it starts empty and learns about a row pass by pass;
//   step<PASS>(row, blocks, n) -> State<PASS>, merge of two, learn<PASS>(row, state);
//   finish(row, outputs), which leaves one number for each output.
// Where it has RESULTS, it has entry(row, blocks, n) instead of finish, as kernels of `map` do,
// and every row is mapped as soon as it is known, while it is in the cache. With GIVEN,
// numbers of a row follow the operands, and row(numbers) is what a row starts as.
template <class Kernel, int RESULTS = 0, bool GIVEN = false>
class Fold {
 public:
  Fold(const Call& call, const Kernel& kernel, int mask)
      : call_(call), kernel_(kernel), mask_(mask), layout_(call),
        groups_(call, layout_, Kernel::OPERANDS) {}

  void run() {
    const int threads = threads_for(call_, layout_);
    if (threads > 1 && groups_.count < 4 * threads && layout_.length > 2 * SEGMENT) {
      in_segments(threads);
      return;
    }
    const int64_t entries = layout_.length * groups_.width;
    Groups::tasks(threads, groups_.count, entries, [&](int64_t from, int64_t to) {
      Blocks blocks(call_, layout_, Kernel::OPERANDS, mask_, kernel_.fills, RESULTS);
      for (int64_t group = from; group < to; ++group) whole(blocks, group);
    });
  }

 private:
  using Row = typename Kernel::Row;

  template <int PASS>
  using State = typename Kernel::template State<PASS>;

  template <int PASS>
  void some(Blocks& blocks, int64_t group, int64_t from, int64_t to, Row* rows,
            State<PASS>* states) {
    const int count = groups_.rows(group);
    Tree<State<PASS>>* trees = blocks.trees<State<PASS>>(count);
    for (int64_t at = from; at < to; at += BLOCK) {
      const int n = static_cast<int>(std::min<int64_t>(BLOCK, to - at));
      blocks.open(groups_.first(group), count, at, n);
      for (int w = 0; w < count; ++w) {
        const int padded = blocks.read(groups_.first(group), w, at, n);
        if (mask_ >= 0) rows[w].chosen |= blocks.any_chosen;
        trees[w].add(kernel_.template step<PASS>(rows[w], blocks, padded));
      }
    }
    for (int w = 0; w < count; ++w) states[w] = trees[w].root();
  }

  template <int PASS>
  void passes(Blocks& blocks, int64_t group, Row* rows) {
    if constexpr (PASS < Kernel::PASSES) {
      State<PASS> states[WIDTH];
      some<PASS>(blocks, group, 0, layout_.length, rows, states);
      for (int w = 0; w < groups_.rows(group); ++w)
        kernel_.template learn<PASS>(rows[w], states[w]);
      passes<PASS + 1>(blocks, group, rows);
    }
  }

  void start(int64_t group, Row* rows) const {
    if constexpr (GIVEN) {
      for (int w = 0; w < groups_.rows(group); ++w) {
        rows[w] = row_of(call_, layout_, kernel_, mask_, groups_.first(group) + w);
      }
    }
  }

  void whole(Blocks& blocks, int64_t group) {
    Row rows[WIDTH];
    start(group, rows);
    passes<0>(blocks, group, rows);
    if constexpr (RESULTS > 0) {
      mapped(blocks, group, 0, layout_.length, rows);
    } else {
      for (int w = 0; w < groups_.rows(group); ++w) finish(groups_.first(group) + w, rows[w]);
    }
  }

  void mapped(Blocks& blocks, int64_t group, int64_t from, int64_t to, const Row* rows) {
    const int count = groups_.rows(group);
    const bool read = count > 1 || layout_.length > BLOCK;  // else it still lies there
    for (int64_t at = from; at < to; at += BLOCK) {
      const int n = static_cast<int>(std::min<int64_t>(BLOCK, to - at));
      if (read) blocks.open(groups_.first(group), count, at, n);
      for (int w = 0; w < count; ++w) {
        if (read) blocks.read(groups_.first(group), w, at, n);
        kernel_.entry(rows[w], blocks, Blocks::padded_to(n));
        blocks.write(groups_.first(group), w, at, n);
      }
      blocks.close(groups_.first(group), count, at, n);
    }
  }

  void finish(int64_t row, const Row& known) {
    double values[MAX_ARRAYS];
    kernel_.finish(known, mask_ < 0 || known.chosen, values);
    for (int k = 0; k < call_.outputs; ++k) {
      scatter(call_.out[k].type, values + k, 1,
              call_.out[k].data + layout_.row(call_.inputs + k, row), 0);
    }
  }

  // Few long rows: each pass of each row in parts.
  void in_segments(int threads) {
    std::vector<Row> rows(groups_.count * WIDTH);
    for (int64_t group = 0; group < groups_.count; ++group)
      start(group, rows.data() + group * WIDTH);
    segmented<0>(threads, rows);
    if constexpr (RESULTS > 0) {
      const int64_t parts = (layout_.length + SEGMENT - 1) / SEGMENT;
      parallel(threads, groups_.count * parts, [&](int64_t task) {
        Blocks blocks(call_, layout_, Kernel::OPERANDS, mask_, kernel_.fills, RESULTS);
        const int64_t group = task / parts, from = task % parts * SEGMENT;
        mapped(blocks, group, from, std::min(layout_.length, from + SEGMENT),
               rows.data() + group * WIDTH);
      });
    } else {
      for (int64_t group = 0; group < groups_.count; ++group) {
        const Row* known = rows.data() + group * WIDTH;
        for (int w = 0; w < groups_.rows(group); ++w) finish(groups_.first(group) + w, known[w]);
      }
    }
  }

  template <int PASS>
  void segmented(int threads, std::vector<Row>& rows) {
    if constexpr (PASS < Kernel::PASSES) {
      const int64_t parts = (layout_.length + SEGMENT - 1) / SEGMENT;
      std::vector<State<PASS>> states(groups_.count * parts * WIDTH);
      std::vector<char> chosen(groups_.count * parts * WIDTH);
      parallel(threads, groups_.count * parts, [&](int64_t task) {
        Blocks blocks(call_, layout_, Kernel::OPERANDS, mask_, kernel_.fills, 0);
        const int64_t group = task / parts, from = task % parts * SEGMENT;
        Row own[WIDTH];  // rows are shared with the other parts
        for (int w = 0; w < WIDTH; ++w) own[w] = rows[group * WIDTH + w];
        some<PASS>(blocks, group, from, std::min(layout_.length, from + SEGMENT), own,
                   states.data() + task * WIDTH);
        for (int w = 0; w < WIDTH; ++w) chosen[task * WIDTH + w] = own[w].chosen;
      });
      for (int64_t group = 0; group < groups_.count; ++group) {
        for (int w = 0; w < groups_.rows(group); ++w) {
          Tree<State<PASS>> tree;
          Row& row = rows[group * WIDTH + w];
          for (int64_t part = group * parts; part < (group + 1) * parts; ++part) {
            tree.add(states[part * WIDTH + w]);
            row.chosen |= chosen[part * WIDTH + w] != 0;
          }
          kernel_.template learn<PASS>(row, tree.root());
        }
      }
      segmented<PASS + 1>(threads, rows);
    }
  }

  const Call& call_;
  const Kernel& kernel_;
  int mask_;
  Layout layout_;
  Groups groups_;
};

// A function of every entry and of few numbers of its row, which a reduction finds first.
template <class Kernel>
void fold_map(const Call& call, const Kernel& kernel, int mask) {
  Fold<Kernel, Kernel::RESULTS>(call, kernel, mask).run();
}

// A function of every entry. A kernel has OPERANDS, RESULTS and fills, Row with a constructor of
// the row's numbers, and entry(row, blocks, n). Inputs are the operands, the rows' numbers, and
// the mask.
template <class Kernel>
void map(const Call& call, const Kernel& kernel, int mask) {
  const Layout layout(call);
  const Groups groups(call, layout, Kernel::OPERANDS);
  const int64_t parts = std::max<int64_t>(1, (layout.length + SEGMENT - 1) / SEGMENT);
  const int64_t entries = std::min(layout.length, SEGMENT) * groups.width;
  const int threads = threads_for(call, layout);
  Groups::tasks(threads, groups.count * parts, entries, [&](int64_t from, int64_t to) {
    Blocks blocks(call, layout, Kernel::OPERANDS, mask, kernel.fills, Kernel::RESULTS);
    for (int64_t piece = from; piece < to; ++piece) {
      const int64_t row = groups.first(piece / parts), begin = piece % parts * SEGMENT;
      const int64_t end = std::min(layout.length, begin + SEGMENT);
      const int count = groups.rows(piece / parts);
      typename Kernel::Row rows[WIDTH];
      for (int w = 0; w < count; ++w) rows[w] = row_of(call, layout, kernel, mask, row + w);
      for (int64_t at = begin; at < end; at += BLOCK) {
        const int n = static_cast<int>(std::min<int64_t>(BLOCK, end - at));
        blocks.open(row, count, at, n);
        for (int w = 0; w < count; ++w) {
          const int padded = blocks.read(row, w, at, n);
          kernel.entry(rows[w], blocks, padded);
          blocks.write(row, w, at, n);
        }
        blocks.close(row, count, at, n);
      }
    }
  });
}

}  // namespace RELENTROPY_SET
}  // namespace relentropy
#endif
