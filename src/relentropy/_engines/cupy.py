"""The compiled engine's kernels on CUDA devices, for CuPy's arrays.

The sources are those of the CPU, with drivers of their own (native/device.hpp). CUDA compiles a
kernel when it is first wanted, in a second or so, and CuPy keeps it on disk. What a kernel is
told is what the CPU's is told, in the same structure, which travels to the device with every
call.
"""

from __future__ import annotations

import ctypes
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "native"
OPTIONS = (
    "-std=c++17",
    "--fmad=false",  # error-free transforms do not survive contraction
    "-default-device",
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


_ENTRIES = {
    "kl_div": "KLDiv",
    "rel_entr": "RelEntr",
    "entr": "Entr",
    "xlogy": "XLogY",
    "xlog1py": "XLog1pY",
    "expm1mx": "Expm1mx",
    "log1pmx": "Log1pmx",
    "log1mexp": "Log1mexp",
    "log1pexp": "Log1pexp",
    "logaddexp": "LogAddExp",
    "logsubexp": "LogSubExp",
}
_ROWS = {
    "kl_row": "KL",
    "jeffreys": "Jeffreys",
    "jensen_shannon": "JensenShannon",
    "skew_jensen_shannon": "SkewJensenShannon",
    "skew_kl": "SkewKL",
    "hellinger": "SquaredHellinger",
    "total_variation": "TotalVariation",
    "pearson": "Pearson",
    "triangular": "Triangular",
    "alpha": "Alpha",
    "tsallis": "Tsallis",
}


def source_of(name: str) -> str:
    """The source of one kernel, by the name that native/registry.hpp has for it."""
    return (
        "#define RELENTROPY_DEVICE\n#define RELENTROPY_SET cuda\n"
        '#include "registry.hpp"\n'
        "namespace relentropy {\nnamespace cuda {\n"
        'extern "C" __global__ void launch(const Call* call) {\n'
        f"  {expression_of(name)}(*call);\n}}\n}}\n}}\n"
    )


def expression_of(name: str) -> str:
    """The function of a kernel's name."""
    if name == "total":
        return name
    whole, exact = name.removesuffix("_exact"), name.endswith("_exact")
    stem, slopes = whole.removesuffix("_slopes"), whole.endswith("_slopes")
    flag = "true" if exact else "false"
    if stem in _ENTRIES:
        return f"{'entry_slopes' if slopes else 'entries'}<{_ENTRIES[stem]}, {flag}>"
    row, _, side = stem.rpartition("_")
    if row in _ROWS:
        known = side.capitalize() + ("Exact" if exact else "")
        kept = "KeptWeights" if known == "Weights" else known
        function = "divergence_slopes_by" if slopes else "divergence_by"
        return f"{function}<{_ROWS[row]}, {known}, {kept}>"
    return f"{whole}<{flag}>"


@cache
def _kernel(name: str) -> Any:
    cupy = sys.modules["cupy"]
    return cupy.RawKernel(source_of(name), "launch", options=OPTIONS, backend="nvrtc")


class Module:
    """What the compiled module is to the CPU: kernels by name, and `run`."""

    @staticmethod
    def run(
        name: str, reduced: tuple[int, ...], batch: tuple[int, ...],
        given: tuple[Given, ...], targets: tuple[Given, ...], options: tuple[float, ...],
        threads: int,
    ) -> None:  # fmt: skip
        """Launch a kernel on the current stream. Threads are the host's, and not meant."""
        cupy, np = sys.modules["cupy"], sys.modules["numpy"]
        call = call_of(reduced, batch, given, targets, options)
        # The pool gives memory back in the order of the stream: it outlives the kernel.
        there = cupy.asarray(np.frombuffer(call, dtype=np.uint8))
        rows, entries = math.prod(batch), math.prod(reduced)
        tasks = rows * -(-entries // _ENTRIES_OF_A_BLOCK)
        _kernel(name)((min(tasks, _MOST_BLOCKS),), (_THREADS,), (there,))


MODULE = Module()
