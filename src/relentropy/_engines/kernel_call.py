"""Prepared calls of the compiled kernels: of the CPU and, for CuPy's arrays, of a CUDA device.

A `KernelCall` holds everything but addresses, so that the call that builds it and every later
one of the same kind run through the same lines. `supports` is the one predicate of what the
kernels read; whatever it refuses goes to the array formulas.
"""

from __future__ import annotations

import sys
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import numpy as np

from .._arrays.array import Array
from .._arrays.axes import Layout
from .._arrays.dtypes import name_of
from .._arrays.namespace import Namespace
from .._arrays.plan import TILED, choose
from .._arrays.torch_internals import lie_on_host
from . import config, cupy
from .config import threads_for

Arrays = tuple[Any, ...]
Lie = tuple[int, tuple[int, ...]]
"""Number of the dtype, and strides in bytes, as the kernels take them."""

_FLOATS = {"float16": 0, "bfloat16": 1, "float32": 2, "float64": 3}
_WHOLE = {"int64": 5, "int32": 6}
_NUMBERS = {**_FLOATS, "bool": 4, **_WHOLE}
# Libraries whose own conversion from float64, which the formulas end in, rounds to float32
# first: bits are to be those of the formulas. (numpy's bfloat16 is ml_dtypes', which did until
# version 0.7.)
_VIA_FLOAT32 = {("torch", 0): 7, ("torch", 1): 8, ("numpy", 1): 8, ("cupy", 1): 8}


class Job(Protocol):
    """Static description of a call, as `_autodiff.jobs` has it."""

    @property
    def layout(self) -> Layout: ...

    @property
    def xp(self) -> Namespace: ...


class KernelCall(NamedTuple):
    """A kernel with its shapes, strides and options; only addresses are missing."""

    library: str
    module: Any
    kernel: Any
    """The kernel's number in the compiled module; its name for CuPy."""
    reduced: tuple[int, ...]
    batch: tuple[int, ...]
    inputs: tuple[Lie, ...]
    outputs: tuple[Lie, ...]
    options: tuple[float, ...]
    shape: tuple[int, ...]
    """Shape of each result."""
    dtypes: tuple[Any, ...]
    """Dtypes of the results."""

    def __call__(self, arrays: Arrays) -> Arrays:
        """Return new arrays with the results for arrays that lie as the call was built for."""
        first = arrays[0]
        if self.library == "numpy":
            results = [np.empty(self.shape, dtype=dtype) for dtype in self.dtypes]
            at = self.module.address
        elif self.library == "torch":  # whose default device may be another one
            torch = sys.modules["torch"]
            empty, at = torch.empty, torch.Tensor.data_ptr
            results = [
                empty(self.shape, dtype=dtype, device=first.device) for dtype in self.dtypes
            ]
        else:
            return cupy.launch(self, arrays)
        inputs = [(at(x), *lie) for x, lie in zip(arrays, self.inputs, strict=True)]
        outputs = [(at(x), *lie) for x, lie in zip(results, self.outputs, strict=True)]
        self.module.run(
            self.kernel, self.reduced, self.batch, tuple(inputs), tuple(outputs), self.options,
            threads_for(self.library),
        )  # fmt: skip
        return tuple(results)


def supports(
    job: Job, arrays: Arrays, mask: Any, rows: Arrays = (), whole: Arrays = ()
) -> bool:
    """Return whether kernels can read these arrays, and have something to compute.

    ``rows`` hold one number a row, and ``whole`` may hold whole numbers.
    """
    masks = () if mask is None else (mask,)
    every = (*arrays, *rows, *masks, *whole)
    library = job.xp.library
    if 0 in job.layout.shape or not (library == "cupy" or choose(library, every) is TILED):
        return False
    if library == "torch" and not lie_on_host(every):
        return False
    for array in (*arrays, *rows):
        if name_of(array.dtype) not in _FLOATS:
            return False
    return all(name_of(array.dtype) in _NUMBERS for array in whole)


def module_for(library: str) -> Any:
    """Return the module that has the kernels for a library's arrays, or None."""
    if library == "cupy":
        return cupy.MODULE if config.devices_served() else None
    return config.engine()


def kernel_call(
    job: Job, name: str, layout: Layout, arrays: Arrays, options: tuple[float, ...],
    dtypes: tuple[Any, ...], *, rows: Arrays = (), mask: Any = None, shape: Any = None,
) -> KernelCall:  # fmt: skip
    """Build the call of a kernel; its inputs are the arrays, the rows' numbers and the mask.

    Results have an entry for each of the layout's, or, with a ``shape`` (that of the layout's
    batch, with or without reduced axes of size one), a number for each row.
    """
    library, module = job.xp.library, module_for(job.xp.library)
    name = f"{name}_exact" if job.xp.exact else name
    inputs = [_lie_of_entries(array, layout) for array in arrays]
    inputs += [_lie_of_rows(array, layout) for array in rows]
    if mask is not None:
        inputs.append(_lie_of_entries(mask, layout))
    outputs = []
    for dtype in dtypes:
        kind, size = _kind_and_size(dtype)
        kind = _written(library, kind)
        if shape is not None:
            strides = (0,) * len(layout.axes) + _contiguous(layout.batch, size)
        else:
            strides = _in_order(_contiguous(layout.shape, size), layout)
        outputs.append((kind, strides))
    return KernelCall(
        library, module, _number(module, name), layout.reduced, layout.batch, tuple(inputs),
        tuple(outputs), options, layout.shape if shape is None else shape, dtypes,
    )  # fmt: skip


def native(array: Any) -> Any:
    """Return the array, or a copy in the machine's byte order."""
    dtype = array.dtype
    if getattr(dtype, "isnative", True):
        return array
    return array.astype(dtype.newbyteorder("="))


_IDS: dict[Any, dict[str, int]] = {}


def _number(module: Any, name: str) -> Any:
    """Return a kernel's number, which is one for all instruction sets; CuPy has names."""
    if module is cupy.MODULE:
        return name
    if module not in _IDS:
        _IDS[module] = module.kernels()
    return _IDS[module][name]


@cache
def _written(library: str, kind: int) -> int:
    """Return the dtype that rounds results as the library's own conversion does."""
    if (library, kind) == ("numpy", 1):
        above_a_tie = np.asarray(1 + 2.0**-8 + 2.0**-40)
        if float(above_a_tie.astype(sys.modules["ml_dtypes"].bfloat16)) > 1:
            return kind
    return _VIA_FLOAT32.get((library, kind), kind)


_SIZES: dict[Any, tuple[int, int]] = {}


def _kind_and_size(dtype: Any) -> tuple[int, int]:
    """Return a dtype's number, and the bytes of an entry."""
    pair = _SIZES.get(dtype)
    if pair is None:
        plain = np.dtype(dtype) if isinstance(dtype, type) else dtype
        pair = _SIZES[dtype] = _NUMBERS[name_of(plain)], plain.itemsize
    return pair


def _contiguous(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return the strides of a new array in C order."""
    return tuple(accumulate(shape[:0:-1], int.__mul__, initial=size))[::-1] if shape else ()


def _lie_of_entries(array: Array, layout: Layout) -> Lie:
    """Return how an array lies that broadcasts to the layout's shape."""
    kind, strides = _lie(array)
    shape, ndim = tuple(array.shape), len(layout.shape)
    if shape != layout.shape:
        strides = tuple([0 if n == 1 else s for n, s in zip(shape, strides, strict=True)])
        strides = (0,) * (ndim - len(shape)) + strides
    return kind, _in_order(strides, layout)


def _lie_of_rows(array: Array, layout: Layout) -> Lie:
    """Return how an array of the layout's batch shape lies, with a number for each row."""
    kind, strides = _lie(array)
    return kind, (0,) * len(layout.axes) + strides


def _in_order(strides: tuple[int, ...], layout: Layout) -> tuple[int, ...]:
    """Return strides with those of the reduced axes first."""
    if layout.axes == tuple(range(len(layout.axes))):
        return strides
    return tuple([strides[axis] for axis in layout.order])


def _lie(array: Any) -> Lie:
    kind, size = _kind_and_size(array.dtype)
    if hasattr(array, "data_ptr"):
        return kind, tuple([size * stride for stride in array.stride()])
    return kind, array.strides
