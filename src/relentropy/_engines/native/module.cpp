// The extension module relentropy._engines._cpu.
//
// A call is parsed into a `Call` on the stack, in some hundred nanoseconds, and handed to a
// kernel of the best instruction set that the processor has, without the interpreter's lock.
#define PY_SSIZE_T_CLEAN
#include <Python.h>  // with the limited API: CMake defines Py_LIMITED_API

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <new>
#include <stdexcept>

#include "call.hpp"
#include "pages.hpp"
#include "processor.hpp"

// The instruction sets that were compiled, each a table of the same kernels in the same order.
#define DECLARE(set)         \
  namespace relentropy::set { \
  const Kernel* table();     \
  }
#ifdef RELENTROPY_WITH_avx512
DECLARE(avx512)
#endif
#ifdef RELENTROPY_WITH_avx2
DECLARE(avx2)
#endif
#ifdef RELENTROPY_WITH_sse2
DECLARE(sse2)
#endif
#ifdef RELENTROPY_WITH_neon
DECLARE(neon)
#endif
#ifdef RELENTROPY_WITH_baseline
DECLARE(baseline)
#endif

namespace relentropy {
namespace {

struct Set {
  const char* name;
  const Kernel* (*table)();
  bool (*supported)();
};

bool always() { return true; }

const Set SETS[] = {
#ifdef RELENTROPY_WITH_avx512
    {"avx512", avx512::table, has_avx512},
#endif
#ifdef RELENTROPY_WITH_avx2
    {"avx2", avx2::table, has_avx2},
#endif
#ifdef RELENTROPY_WITH_sse2
    {"sse2", sse2::table, always},
#endif
#ifdef RELENTROPY_WITH_neon
    {"neon", neon::table, always},
#endif
#ifdef RELENTROPY_WITH_baseline
    {"baseline", baseline::table, always},
#endif
};

const Set& best() {
  for (const Set& set : SETS) {
    if (set.supported()) return set;
  }
  return SETS[sizeof SETS / sizeof *SETS - 1];  // the last is always supported
}

std::atomic<const Set*> in_use{nullptr};
int kernel_count = 0;

// Each returns false with an exception set.

bool is_tuple(PyObject* value, const char* what) {
  if (PyTuple_Check(value)) return true;
  PyErr_Format(PyExc_TypeError, "%s must be a tuple, not %R", what, value);
  return false;
}

bool parse(PyObject* value, int64_t& number) {
  number = PyLong_AsLongLong(value);
  return number != -1 || !PyErr_Occurred();
}

bool parse_address(PyObject* value, char*& address) {
  address = static_cast<char*>(PyLong_AsVoidPtr(value));
  return address != nullptr || !PyErr_Occurred();
}

bool parse_shape(PyObject* sizes, const char* what, int first, int64_t* shape, int& axes) {
  if (!is_tuple(sizes, what)) return false;
  const Py_ssize_t count = PyTuple_Size(sizes);
  if (count > MAX_AXES - first) {
    PyErr_Format(PyExc_ValueError, "more than %d axes", MAX_AXES);
    return false;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!parse(PyTuple_GetItem(sizes, i), shape[first + i])) return false;
    if (shape[first + i] < 0) {
      PyErr_Format(PyExc_ValueError, "%s holds a negative size: %R", what, sizes);
      return false;
    }
  }
  axes = static_cast<int>(count);
  return true;
}

bool parse_array(PyObject* one, const char* what, int axes, Array& array) {
  if (!is_tuple(one, what)) return false;
  if (PyTuple_Size(one) != 3) {
    PyErr_Format(PyExc_ValueError, "%s must hold (address, dtype, strides), not %R", what, one);
    return false;
  }
  int64_t type;
  if (!parse_address(PyTuple_GetItem(one, 0), array.data)) return false;
  if (!parse(PyTuple_GetItem(one, 1), type)) return false;
  if (type < 0 || type >= TYPES) {
    PyErr_Format(PyExc_ValueError, "%s: there is no dtype %lld", what, (long long)type);
    return false;
  }
  array.type = static_cast<Type>(type);
  PyObject* strides = PyTuple_GetItem(one, 2);
  if (!is_tuple(strides, "strides")) return false;
  if (PyTuple_Size(strides) != axes) {
    PyErr_Format(PyExc_ValueError, "%s: %d axes, but strides %R", what, axes, strides);
    return false;
  }
  for (int axis = 0; axis < axes; ++axis) {
    if (!parse(PyTuple_GetItem(strides, axis), array.strides[axis])) return false;
  }
  return true;
}

bool parse_arrays(PyObject* all, const char* what, int axes, Array* arrays, int& count) {
  if (!is_tuple(all, what)) return false;
  if (PyTuple_Size(all) > MAX_ARRAYS) {
    PyErr_Format(PyExc_ValueError, "%s: more than %d arrays", what, MAX_ARRAYS);
    return false;
  }
  count = static_cast<int>(PyTuple_Size(all));
  for (int i = 0; i < count; ++i) {
    if (!parse_array(PyTuple_GetItem(all, i), what, axes, arrays[i])) return false;
  }
  return true;
}

bool parse_options(PyObject* options, Call& call) {
  if (!is_tuple(options, "options")) return false;
  if (PyTuple_Size(options) > MAX_OPTIONS) {
    PyErr_Format(PyExc_ValueError, "more than %d options", MAX_OPTIONS);
    return false;
  }
  call.option_count = static_cast<int>(PyTuple_Size(options));
  for (int i = 0; i < call.option_count; ++i) {
    call.options[i] = PyFloat_AsDouble(PyTuple_GetItem(options, i));
    if (call.options[i] == -1 && PyErr_Occurred()) return false;
  }
  return true;
}

// Why a kernel cannot read these arrays, or nullptr. Python sees to it, but memory is at stake.
const char* refusal(const Kernel& kernel, const Call& call) {
  if (call.option_count < kernel.options) return "too few options";
  const bool masked = call.options[2] != 0;
  const int plain = kernel.operands + kernel.row_operand + kernel.row_numbers;
  int outputs = kernel.outputs;  // or, of slopes, as many as are asked for
  for (int i = kernel.options - kernel.most_outputs; !kernel.outputs && i < kernel.options; ++i) {
    outputs += call.options[i] != 0;
  }
  const bool residuals = kernel.outputs && call.outputs == kernel.most_outputs;
  if (call.inputs != plain + masked || !(call.outputs == outputs || residuals)) {
    return "another number of arrays than the kernel has";
  }
  for (int i = 0; i < call.reduced_axes + call.batch_axes; ++i) {
    if (call.shape[i] == 0) return "nothing to compute";
  }
  for (int i = 0; i < call.inputs + call.outputs; ++i) {
    const Type type = i < call.inputs ? call.in[i].type : call.out[i - call.inputs].type;
    const bool whole = type == Type::int64 || type == Type::int32;
    const bool may_be_whole = kernel.row_operand && i == kernel.operands;
    if (i == plain && masked ? type != Type::boolean
                             : type == Type::boolean || (whole && !may_be_whole)) {
      return "kernels read floating-point numbers, and a mask of bools";
    }
  }
  return nullptr;
}

// What a kernel threw, kept while the lock is not held.
struct Failure {
  enum { none, memory, value, other } kind = none;
  char message[256];

  void keep(decltype(none) what, const char* words) {
    kind = what;
    std::snprintf(message, sizeof message, "%s", words);
  }
};

void run_kernel(const Kernel& kernel, const Call& call, Failure& failure) {
  try {
    kernel.run(call);
  } catch (const std::bad_alloc&) {
    failure.keep(Failure::memory, "");
  } catch (const std::invalid_argument& error) {
    failure.keep(Failure::value, error.what());
  } catch (const std::exception& error) {
    failure.keep(Failure::other, error.what());
  } catch (...) {
    failure.keep(Failure::other, "unknown exception");
  }
}

PyObject* run(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 7) {
    return PyErr_Format(PyExc_TypeError, "run takes 7 arguments, not %zd", count);
  }
  Call call;  // 17 KB, of which only what is used is written
  int64_t kernel, threads;
  if (!parse(arguments[0], kernel)) return nullptr;
  if (kernel < 0 || kernel >= kernel_count) {
    PyErr_SetObject(PyExc_KeyError, arguments[0]);
    return nullptr;
  }
  if (!parse_shape(arguments[1], "reduced", 0, call.shape, call.reduced_axes)) return nullptr;
  if (!parse_shape(arguments[2], "batch", call.reduced_axes, call.shape, call.batch_axes)) {
    return nullptr;
  }
  const int axes = call.reduced_axes + call.batch_axes;
  if (!parse_arrays(arguments[3], "inputs", axes, call.in, call.inputs)) return nullptr;
  if (!parse_arrays(arguments[4], "outputs", axes, call.out, call.outputs)) return nullptr;
  if (!parse_options(arguments[5], call)) return nullptr;
  if (!parse(arguments[6], threads)) return nullptr;
  if (threads < 1) {
    return PyErr_Format(PyExc_ValueError, "threads must be at least 1, not %R", arguments[6]);
  }
  call.threads = threads > 1024 ? 1024 : static_cast<int>(threads);

  Failure failure;
  const Set* set = in_use.load(std::memory_order_relaxed);
  if (const char* why = refusal(set->table()[kernel], call)) {
    PyErr_SetString(PyExc_ValueError, why);
    return nullptr;
  }
  Py_BEGIN_ALLOW_THREADS
  ask_for_large_pages(call);
  run_kernel(set->table()[kernel], call, failure);
  Py_END_ALLOW_THREADS
  switch (failure.kind) {
    case Failure::none: Py_RETURN_NONE;
    case Failure::memory: return PyErr_NoMemory();
    case Failure::value: PyErr_SetString(PyExc_ValueError, failure.message); return nullptr;
    default: PyErr_SetString(PyExc_RuntimeError, failure.message); return nullptr;
  }
}

PyObject* kernels(PyObject*, PyObject*) {
  PyObject* ids = PyDict_New();
  if (!ids) return nullptr;
  const Kernel* table = in_use.load(std::memory_order_relaxed)->table();
  for (int i = 0; table[i].name; ++i) {
    PyObject* id = PyLong_FromLong(i);
    const int failed = id ? PyDict_SetItemString(ids, table[i].name, id) : -1;
    Py_XDECREF(id);
    if (failed) {
      Py_DECREF(ids);
      return nullptr;
    }
  }
  return ids;
}

PyObject* instruction_sets(PyObject*, PyObject*) {
  PyObject* names = PyList_New(0);
  if (!names) return nullptr;
  for (const Set& set : SETS) {
    if (!set.supported()) continue;
    PyObject* name = PyUnicode_FromString(set.name);
    const int failed = name ? PyList_Append(names, name) : -1;
    Py_XDECREF(name);
    if (failed) {
      Py_DECREF(names);
      return nullptr;
    }
  }
  PyObject* frozen = PyList_AsTuple(names);
  Py_DECREF(names);
  return frozen;
}

PyObject* use(PyObject*, PyObject* name) {
  if (!PyUnicode_Check(name)) {
    return PyErr_Format(PyExc_TypeError, "name must be a string, not %R", name);
  }
  for (const Set& set : SETS) {
    if (PyUnicode_CompareWithASCIIString(name, set.name) == 0 && set.supported()) {
      in_use.store(&set, std::memory_order_relaxed);
      Py_RETURN_NONE;
    }
  }
  return PyErr_Format(PyExc_ValueError, "there is no instruction set %R here", name);
}

PyObject* current(PyObject*, PyObject*) {
  return PyUnicode_FromString(in_use.load(std::memory_order_relaxed)->name);
}

PyObject* address(PyObject*, PyObject* array) {
  Py_buffer view;
  if (PyObject_GetBuffer(array, &view, PyBUF_STRIDES)) return nullptr;
  PyObject* found = PyLong_FromVoidPtr(view.buf);
  PyBuffer_Release(&view);
  return found;
}

// Types, defaults and meaning stand in _cpu.pyi.
PyMethodDef METHODS[] = {
    {"run", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(run)), METH_FASTCALL,
     "Run one kernel over arrays given by address."},
    {"address", address, METH_O, "Where the first entry of a numpy array is."},
    {"kernels", kernels, METH_NOARGS, "Names of the kernels, and the numbers that run takes."},
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "Those compiled in that this processor has, best first."},
    {"use", use, METH_O, "Change to another instruction set, for the whole process."},
    {"current", current, METH_NOARGS, "The instruction set in use."},
    {nullptr, nullptr, 0, nullptr},
};

int prepare(PyObject*) {
  const Set& set = best();
  const Kernel* table = set.table();
  kernel_count = 0;
  while (table[kernel_count].name) ++kernel_count;
  const Set* nothing = nullptr;
  in_use.compare_exchange_strong(nothing, &set);
  return 0;
}

PyModuleDef_Slot SLOTS[] = {
    {Py_mod_exec, reinterpret_cast<void*>(prepare)},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr},
};

PyModuleDef DEFINITION = {
    PyModuleDef_HEAD_INIT,
    "_cpu",
    "Compiled kernels of the CPU engine.",
    0,
    METHODS,
    SLOTS,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace
}  // namespace relentropy

PyMODINIT_FUNC PyInit__cpu() { return PyModuleDef_Init(&relentropy::DEFINITION); }
