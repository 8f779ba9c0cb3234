"""As much of CuPy as the library sees, where there is no GPU.

Arrays are numpy's under a class of their own, which numpy's do not mix with. A kernel is found
in a library that a C++ compiler has made of the source that CuPy is handed, and notes where it
was launched.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import types
from typing import NamedTuple

import numpy as np
import pytest
from numpy.lib.mixins import NDArrayOperatorsMixin

from relentropy._engines import cupy as engine
from relentropy._engines import manifest

WIDE = {"uint16": "unsigned short", "float32": "float", "float64": "double", "bool": "bool"}


class Launch(NamedTuple):
    kernel: str
    stream: object
    device: int
    blocks: int
    threads: int


# --- devices and streams ---------------------------------------------------------------------


class Device:
    current = 0

    def __init__(self, device=None):
        self.id = Device.current if device is None else int(getattr(device, "id", device))
        self._before = []

    def __enter__(self):
        self._before.append(Device.current)
        Device.current = self.id
        return self

    def __exit__(self, *_):
        Device.current = self._before.pop()

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return hash(self.id)


class Stream:
    current = None
    """None: that which is there without asking for one."""

    def __enter__(self):
        self._before, Stream.current = Stream.current, self
        return self

    def __exit__(self, *_):
        Stream.current = self._before


# --- arrays ----------------------------------------------------------------------------------


class _Memory(NamedTuple):
    ptr: int


class ndarray(NDArrayOperatorsMixin):  # noqa: N801
    """An array on the device that was current when it was made, or beside what it views."""

    def __init__(self, numbers, device=None):
        self._numbers = numbers
        self.device = Device(device)

    def __array_ufunc__(self, ufunc, method, *given, **more):
        return _wrapped(getattr(ufunc, method))(*given, **more)

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a numpy array is not allowed")

    def get(self):
        return self._numbers.copy()

    @property
    def data(self):
        return _Memory(self._numbers.__array_interface__["data"][0])

    @property
    def __cuda_array_interface__(self):
        return self._numbers.__array_interface__

    def __getattr__(self, name):
        found = getattr(self._numbers, name)
        return _wrapped(found, self.device) if callable(found) else _dressed(found, self.device)

    def __getitem__(self, key):
        return _dressed(self._numbers[_bare(key)], self.device)

    def __setitem__(self, key, value):
        self._numbers[_bare(key)] = _bare(value)

    def __len__(self):
        return len(self._numbers)

    def __iter__(self):
        return (_dressed(one, self.device) for one in self._numbers)

    def __bool__(self):
        return bool(self._numbers)

    def __float__(self):
        return float(self._numbers)

    def __int__(self):
        return int(self._numbers)


def _bare(value):
    if isinstance(value, ndarray):
        return value._numbers
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError(f"unsupported type {type(value)}")
    if isinstance(value, list | tuple):
        return type(value)(_bare(one) for one in value)
    return value


def _dressed(value, device=None):
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value), device)
    if type(value) in (list, tuple):
        return type(value)(_dressed(one, device) for one in value)
    return value


def _wrapped(function, device=None):
    def call(*given, **more):
        more = {name: _bare(value) for name, value in more.items()}
        return _dressed(function(*(_bare(one) for one in given), **more), device)

    return call


def asarray(value, dtype=None, **_):
    if isinstance(value, ndarray):
        return value if dtype is None else value.astype(dtype, copy=False)
    return ndarray(np.array(value, dtype=dtype))  # a copy: it is on the device


# --- kernels ---------------------------------------------------------------------------------


def run(*options, **more):
    """What a C++ compiler prints."""
    compiler = next((one for one in ("g++", "clang++", "c++") if shutil.which(one)), None)
    if compiler is None:
        pytest.skip("no C++ compiler")
    done = subprocess.run(
        (compiler, *options), capture_output=True, text=True, check=False, **more
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Compiled:
    """The kernels of rows and of entries, of which there is a list."""

    def __init__(self, rows, entries, folder, options=()):
        self.launches = []
        self.rows = {engine.source_of(name): name for name in rows}
        self._entries = {one: i for i, one in enumerate(entries)}
        target = folder / "device.so"
        if not target.exists():  # by another of pytest's processes
            own = folder / f"{os.getpid()}.cpp"
            loops = map(_loop, entries, range(len(entries)))
            own.write_text("\n".join((_HEAD, *map(_row, rows), *loops)))
            flags = ("-std=c++17", "-O0", "-ffp-contract=off", "-fPIC", "-shared", "-w")
            made = own.with_suffix(".so")
            run(*flags, *options, f"-I{engine.SOURCES}", own, "-o", made)
            made.replace(target)
        self._library = ctypes.CDLL(str(target))
        assert self._library.size_of_call() == ctypes.sizeof(engine.Call)

    def run_rows(self, name, call):
        self._library[f"launch_{name}"](ctypes.c_void_p(call))

    def run_entries(self, kernel, arrays):
        shape = np.broadcast_shapes(*(one.shape for one in arrays))
        outputs = kernel.out_params.count(",") + 1
        assert all(one.shape == shape for one in arrays[-outputs:])
        size, n = int(np.prod(shape)), len(arrays)
        starts, places = (ctypes.c_void_p * n)(), (ctypes.c_void_p * n)()
        kept = []
        for i, array in enumerate(arrays):
            strides = np.broadcast_to(array, shape).strides
            place = np.zeros(shape, np.int64)
            for axis, stride in enumerate(strides):
                along = np.arange(shape[axis]) * stride
                place += along.reshape([-1 if k == axis else 1 for k in range(len(shape))])
            kept.append(place)
            starts[i] = array.__array_interface__["data"][0]
            places[i] = place.ctypes.data
        loop = self._library[f"entries_{self._entries[kernel]}"]
        loop(ctypes.c_longlong(size), starts, places)

    def note(self, name, blocks=1, threads=1):
        assert 0 < blocks < 1 << 31
        assert 0 < threads <= 128  # device.hpp has room for so many
        self.launches.append(Launch(name, Stream.current, Device.current, blocks, threads))


# Threads of a block take turns, and there is one block.
_HEAD = """
#define RELENTROPY_SCALAR
#define __global__
#define RELENTROPY_DEVICE
#define RELENTROPY_SET cuda
#include "registry.hpp"
namespace r = relentropy::cuda;
extern "C" int size_of_call() { return sizeof(relentropy::Call); }
"""


def _row(name):
    """A kernel's source, under a name of its own, without what all of them begin with."""
    lines = engine.source_of(name).splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    return text.replace("launch(", f"launch_{name}(")


def parameters(words):
    """(type, name) of each parameter of a kernel of entries."""
    return [tuple(word.split()) for word in words.split(", ")]


def _loop(kernel, number):
    """A kernel's loop over entries, by where each array starts and the entries' places."""
    bound = [
        f"{constant}{WIDE[kind]}& {name} = *reinterpret_cast<{constant}{WIDE[kind]}*>"
        f"(at[{k}] + places[{k}][i]);"
        for k, (constant, kind, name) in enumerate(
            (constant, *one)
            for constant, words in (("const ", kernel.in_params), ("", kernel.out_params))
            for one in parameters(words)
        )
    ]
    return "\n".join((
        f'extern "C" void entries_{number}(long long n, char** at, long long** places) {{',
        "for (long long i = 0; i < n; ++i) {",
        *bound, kernel.operation, "}", "}",
    ))  # fmt: skip


def kernel_names():
    """Return every kernel of the compiled module."""
    return ["total", *manifest.EXPRESSIONS]


# --- the module ------------------------------------------------------------------------------


def _modules(compiled):
    cupy, linalg, fft, cuda, device = (
        types.ModuleType(f"cupy{name}")
        for name in ("", ".linalg", ".fft", ".cuda", ".cuda.device")
    )
    for module, names in ((cupy, np), (linalg, np.linalg), (fft, np.fft)):
        for name in names.__all__:
            found = getattr(names, name)
            plain = isinstance(found, type) or not callable(found)
            setattr(module, name, found if plain else _wrapped(found))

    class RawModule:
        def __init__(self, code, options, backend):
            assert (options, backend) == (engine.OPTIONS, "nvrtc")
            self.name = compiled.rows[code]

        def get_function(self, name):
            assert name == "launch"

            def launch(blocks, threads, given):
                (call,) = given
                compiled.note(self.name, *blocks, *threads)
                compiled.run_rows(self.name, call.data.ptr)

            return launch

    class ElementwiseKernel:
        def __init__(self, options, **parts):
            assert options == engine.OPTIONS
            self.kernel = engine.Entrywise(**parts)

        def __call__(self, *arrays):
            words = f"{self.kernel.in_params}, {self.kernel.out_params}"
            kinds = [kind for kind, _ in parameters(words)]
            assert [one.dtype.name for one in arrays] == kinds
            compiled.note(self.kernel.name)
            compiled.run_entries(self.kernel, _bare(arrays))

    cuda.Device, cuda.Stream, device.Device = Device, Stream, Device
    vars(cupy).update(
        ndarray=ndarray, asarray=asarray, array=asarray, linalg=linalg, fft=fft, cuda=cuda,
        asnumpy=lambda array: array.get(), RawModule=RawModule,
        ElementwiseKernel=ElementwiseKernel,
    )  # fmt: skip
    return {module.__name__: module for module in (cupy, linalg, fft, cuda, device)}


@contextlib.contextmanager
def installed(compiled):
    """The library takes this for CuPy, and remembers nothing of it afterwards."""
    from relentropy._arrays import namespace

    ours = _modules(compiled)

    def forget():
        for name in list(sys.modules):
            if name in ours or name.startswith("array_api_compat.cupy"):
                del sys.modules[name]
        for key in [key for key in namespace._MADE if key[0] == "cupy"]:
            del namespace._MADE[key]
        for cached in (engine._of_rows, engine._of_entries):
            cached.cache_clear()

    before = {name: sys.modules.get(name) for name in ours}
    forget()
    sys.modules.update(ours)
    try:
        yield ours["cupy"]
    finally:
        forget()
        sys.modules.update({name: one for name, one in before.items() if one is not None})
