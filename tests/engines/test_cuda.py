"""CuPy's kernels compiled for a GPU that need not be there."""

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest

from relentropy._engines import cupy as engine

from . import fake_cupy

# With what CuPy adds to what it is told, versions 13.4 and 14.2 at least.
OPTIONS = (
    *engine.OPTIONS, "-ftz=true", "--gpu-architecture=compute_80",
    "--device-as-default-execution-space",
)  # fmt: skip


def nvrtc():
    """CUDA's compiler, from its wheel."""
    nvidia = pytest.importorskip("nvidia")
    for folder in nvidia.__path__:
        for library in sorted(Path(folder).glob("cuda_nvrtc/lib/libnvrtc.so*")):
            return ctypes.CDLL(str(library))
    pytest.skip("the wheel of CUDA's compiler is not installed")


def to_ptx(source, options):
    library, program = nvrtc(), ctypes.c_void_p()
    made = library.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None
    )
    assert made == 0
    words = (ctypes.c_char_p * len(options))(*(one.encode() for one in options))
    failed = library.nvrtcCompileProgram(program, len(options), words)
    kind, size = ("ProgramLog" if failed else "PTX"), ctypes.c_size_t()
    getattr(library, f"nvrtcGet{kind}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{kind}")(program, text)
    assert not failed, text.value.decode()
    return text.value.decode()


def require_careful(ptx):
    """Products are rounded before they are added, but where the source says otherwise.

    Subnormal numbers of single precision are neither read as zeros nor written as such.
    """
    assert not re.search(r"\b(?:add|mul)\.f64", ptx)
    assert not re.search(r"\b(?:cvt|mul)\S*\.ftz", ptx)


ROWS = [
    "kl_logits", "kl_logits_exact", "kl_logits_slopes", "kl_weights", "jensen_shannon_logits",
    "hellinger_weights", "total_variation_weights", "logsumexp", "entropy_logits",
    "token_log_probs", "kl_logits_state",
]  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_kernels_of_rows_compile(name):
    ptx = to_ptx(engine.source_of(name), OPTIONS)
    assert ".entry launch" in ptx
    require_careful(ptx)


@pytest.mark.full
def test_every_kernel_of_rows_compiles():
    for name in fake_cupy.kernel_names():
        if not engine.is_entrywise(name):
            require_careful(to_ptx(engine.source_of(name), OPTIONS))


ENTRIES = [
    engine.entrywise("kl_div", (2, 2), (2,), masked=True),
    engine.entrywise("rel_entr", (0, 1), (8,), masked=False),
    engine.entrywise("logaddexp_exact", (3, 2), (3,), masked=False),
    engine.entrywise("log1mexp_slopes_exact", (3, 3), (3,), masked=False, need=(True,)),
    engine.entrywise("xlogy_slopes", (0, 0, 0), (0, 0), masked=True, need=(True, True)),
]


def own_loop(kernel):
    """What CuPy makes of a kernel, for arrays that lie as their loop does."""
    parameters, bound = [], []
    for constant, words in (("const ", kernel.in_params), ("", kernel.out_params)):
        for kind, name in fake_cupy.parameters(words):
            parameters.append(f"{constant}{fake_cupy.WIDE[kind]}* all_{name}")
            bound.append(f"{constant}{fake_cupy.WIDE[kind]}& {name} = all_{name}[i];")
    return "\n".join((
        kernel.preamble,
        f'extern "C" __global__ void {kernel.name}({", ".join(parameters)}, long long n) {{',
        "long long i = blockIdx.x * (long long) blockDim.x + threadIdx.x;",
        "for (; i < n; i += (long long) blockDim.x * gridDim.x) {",
        *bound, kernel.operation, "}", "}",
    ))  # fmt: skip


@pytest.mark.parametrize("kernel", ENTRIES, ids=lambda kernel: kernel.name)
def test_kernels_of_entries_compile(kernel):
    ptx = to_ptx(own_loop(kernel), OPTIONS)
    assert f".entry {kernel.name}" in ptx
    assert ".local" not in ptx  # numbers stay in registers
    require_careful(ptx)


@pytest.mark.parametrize("kernel", ENTRIES, ids=lambda kernel: kernel.name)
def test_kernels_of_entries_compile_in_the_loop_of_cupy(kernel):
    """With its headers beside ours, which have names of the standard library's."""
    cupy = pytest.importorskip("cupy")
    parts = pytest.importorskip("cupy._core._kernel")
    from cupy._core._carray import Indexer

    made = cupy.ElementwiseKernel(**kernel._asdict(), options=engine.OPTIONS)
    array, indexer = 1, 2  # kinds of arguments
    arguments = [
        parts._ArgInfo(array, cupy.ndarray, np.dtype(one.dtype), 3, False, True)
        for one in made.params[:-1]
    ]
    arguments.append(parts._ArgInfo(indexer, Indexer, None, 3, True, True))
    code = parts._get_elementwise_kernel_code(
        tuple(arguments), parts._TypeMap(()), made.params, made.operation, made.name,
        made.preamble, "", "",
    )  # fmt: skip
    headers = Path(cupy.__file__).parent / "_core" / "include"
    folders = [headers, *(headers / "cupy" / "_cccl").glob("*")]
    first = "".join(
        f"#include <cupy/{name}.cuh>\n" for name in ("complex", "carray", "atomics")
    )
    options = (*OPTIONS, *(f"-I{one}" for one in folders))
    assert f".entry {kernel.name}" in to_ptx(first + code, options)
