"""The compiled engine's kernels on CUDA devices, for CuPy's arrays.

The sources are those of the CPU. Rows have drivers of their own (native/device.hpp), and are
told what the CPU's are told, in the same structure, which travels to the device with each call.
Of functions of entries CuPy writes the loop: it knows how entries of arrays that broadcast, or
have any strides, are found and read best.

CUDA compiles a kernel when it is first wanted, in a second or so, and CuPy keeps it on disk.
"""

from __future__ import annotations

import ctypes
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from . import manifest

SOURCES = Path(__file__).parent / "native"
# CuPy adds that functions are the device's where nothing says so, and that subnormal numbers of
# single precision are zeros, which native/conversion.hpp has to know.
OPTIONS = (
    "-std=c++17",
    "--fmad=false",  # error-free transforms do not survive contraction
    f"-I{SOURCES / 'device'}",
    f"-I{SOURCES}",
)
_THREADS = 128
_MOST_BLOCKS = 1 << 20
_ENTRIES_OF_A_BLOCK = 32 * _THREADS

_MAX_AXES, _MAX_ARRAYS, _MAX_OPTIONS = 64, 16, 8


class _Array(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("type", ctypes.c_int),
        ("strides", ctypes.c_int64 * _MAX_AXES),
    )


class Call(ctypes.Structure):
    """The structure of native/call.hpp."""

    _fields_ = (
        ("reduced_axes", ctypes.c_int),
        ("batch_axes", ctypes.c_int),
        ("shape", ctypes.c_int64 * _MAX_AXES),
        ("inputs", ctypes.c_int),
        ("outputs", ctypes.c_int),
        ("inputs_", _Array * _MAX_ARRAYS),
        ("outputs_", _Array * _MAX_ARRAYS),
        ("option_count", ctypes.c_int),
        ("options", ctypes.c_double * _MAX_OPTIONS),
        ("threads", ctypes.c_int),
    )


Given = tuple[int, int, tuple[int, ...]]


def call_of(
    reduced: tuple[int, ...], batch: tuple[int, ...], given: tuple[Given, ...],
    targets: tuple[Given, ...], options: tuple[float, ...],
) -> Call:  # fmt: skip
    """What a kernel is told, as the compiled module's `run` has it."""
    call = Call(
        reduced_axes=len(reduced), batch_axes=len(batch), inputs=len(given),
        outputs=len(targets), option_count=len(options), threads=1,
    )  # fmt: skip
    call.shape[: len(reduced) + len(batch)] = [*reduced, *batch]
    call.options[: len(options)] = list(options)
    for to, arrays in ((call.inputs_, given), (call.outputs_, targets)):
        for one, (address, kind, strides) in zip(to, arrays, strict=False):
            one.data, one.type = address, kind
            one.strides[: len(strides)] = list(strides)
    return call


_INCLUDED = '#define RELENTROPY_DEVICE\n#define RELENTROPY_SET cuda\n#include "{}"\n'


# --- rows -------------------------------------------------------------------------------------


def source_of(name: str) -> str:
    """Return the source of one kernel of rows, by its name in the manifest."""
    expression = manifest.EXPRESSIONS.get(name, name)
    return (
        _INCLUDED.format("registry.hpp") + "namespace relentropy {\nnamespace cuda {\n"
        'extern "C" __global__ void launch(const Call* call) {\n'
        f"  {expression}(*call);\n}}\n}}\n}}\n"
    )


@cache
def _of_rows(name: str) -> Any:
    cupy = sys.modules["cupy"]
    module = cupy.RawModule(code=source_of(name), options=OPTIONS, backend="nvrtc")
    return module.get_function("launch")


# --- entries ----------------------------------------------------------------------------------


class Entrywise(NamedTuple):
    """What CuPy makes a kernel of entries of: the arguments of its `ElementwiseKernel`."""

    in_params: str
    out_params: str
    operation: str
    name: str
    preamble: str


# By the numbers of native/call.hpp: CuPy's type and the header's. 16-bit numbers are handed on
# as their bits: the header rounds them, and CuPy has bfloat16 from version 14 on only.
_NUMBERS = {
    0: ("uint16", "Half"),
    1: ("uint16", "Brain"),
    2: ("float32", "float"),
    3: ("float64", "double"),
    7: ("uint16", "HalfViaSingle"),
    8: ("uint16", "BrainViaSingle"),
}
_AS_BITS = {kind for kind, (type_, _) in _NUMBERS.items() if type_ == "uint16"}


def is_entrywise(name: str) -> bool:
    """Return whether the kernel of that name is one of entries, whose loop is CuPy's."""
    return name.removesuffix("_exact").removesuffix("_slopes") in manifest.ELEMENTWISE


@cache
def entrywise(
    name: str, given: tuple[int, ...], targets: tuple[int, ...], masked: bool,
    need: tuple[bool, ...] = (),
) -> Entrywise:  # fmt: skip
    """Return the kernel of a function of entries, or of the gradients that are needed.

    ``given`` and ``targets`` are the numbers of types. Operands are followed by the cotangent,
    if gradients are wanted, and by the mask.
    """
    whole = name.removesuffix("_exact")
    stem = whole.removesuffix("_slopes")
    of = f"{manifest.ELEMENTWISE[stem]}, {str(whole != name).lower()}"
    functions = [f"block_of<r::{of}>"]
    if stem != whole:
        functions = [f"slopes_of<r::{of}, {i}>" for i, needed in enumerate(need) if needed]
    in_params = [f"{_NUMBERS[kind][0]} x{i}" for i, kind in enumerate(given)]
    out_params = [f"{_NUMBERS[kind][0]} z{i}" for i, kind in enumerate(targets)]
    numbers = ", ".join(
        f"r::widened(r::{_NUMBERS[kind][1]}{{x{i}}})"
        if kind in _AS_BITS
        else f"r::widened(x{i})"
        for i, kind in enumerate(given)
    )
    lines = []
    for i, (function, kind) in enumerate(zip(functions, targets, strict=True)):
        number = f"r::entry_of<r::{function}>({numbers})"
        number = f"chosen ? {number} : 0.0" if masked else number
        if kind in _AS_BITS:
            rounded = f"r::{_NUMBERS[kind][1]} rounded{i}"
            lines.append(f"{rounded}; r::narrow({number}, rounded{i}); z{i} = rounded{i}.bits;")
        else:
            lines.append(f"r::narrow({number}, z{i});")
    return Entrywise(
        ", ".join((*in_params, *["bool chosen"] * masked)),
        ", ".join(out_params),
        "\n".join(lines),
        f"relentropy_{name}",
        _INCLUDED.format("elementwise.hpp") + "namespace r = relentropy::cuda;\n",
    )


@cache
def _of_entries(kernel: Entrywise) -> Any:
    cupy = sys.modules["cupy"]
    return cupy.ElementwiseKernel(**kernel._asdict(), options=OPTIONS)


# --- launches ---------------------------------------------------------------------------------


class Module:
    """Kernels of CUDA devices by name, launched on the current stream of the current device."""

    @staticmethod
    def run(
        name: str, reduced: tuple[int, ...], batch: tuple[int, ...], inputs: tuple[Given, ...],
        outputs: tuple[Given, ...], options: tuple[float, ...],
    ) -> None:  # fmt: skip
        """Launch a kernel of rows."""
        cupy, np = sys.modules["cupy"], sys.modules["numpy"]
        call = call_of(reduced, batch, inputs, outputs, options)
        # The pool gives memory back in the order of the stream: it outlives the kernel.
        there = cupy.asarray(np.frombuffer(call, dtype=np.uint8))
        rows, entries = math.prod(batch), math.prod(reduced)
        tasks = rows * -(-entries // _ENTRIES_OF_A_BLOCK)
        _of_rows(name)((min(tasks, _MOST_BLOCKS),), (_THREADS,), (there,))

    @staticmethod
    def run_entries(
        name: str, arrays: tuple[Any, ...], outputs: tuple[Any, ...], kinds: tuple[int, ...],
        targets: tuple[int, ...], options: tuple[float, ...],
    ) -> None:  # fmt: skip
        """Launch a kernel of entries. The last of the arrays is a mask if options say so."""
        masked, need = options[2] != 0, tuple(option != 0 for option in options[3:])
        given = kinds[:-1] if masked else kinds
        kernel = entrywise(name, given, targets, masked, need)
        bits = tuple(
            array.view("uint16") if kind in _AS_BITS else array
            for array, kind in zip((*arrays, *outputs), (*kinds, *targets), strict=True)
        )
        _of_entries(kernel)(*bits)


MODULE = Module()


def launch(call: Any, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return new arrays with the results of a `KernelCall`, on the arrays' device."""
    cupy = sys.modules["cupy"]
    with arrays[0].device:
        results = tuple(cupy.empty(call.shape, dtype=dtype) for dtype in call.dtypes)
        if is_entrywise(call.kernel):
            kinds, targets = (
                tuple(lie[0] for lie in lies) for lies in (call.inputs, call.outputs)
            )
            MODULE.run_entries(call.kernel, arrays, results, kinds, targets, call.options)
        else:
            inputs, outputs = (
                tuple((x.data.ptr, *lie) for x, lie in zip(some, lies, strict=True))
                for some, lies in ((arrays, call.inputs), (results, call.outputs))
            )
            MODULE.run(call.kernel, call.reduced, call.batch, inputs, outputs, call.options)
    return results
