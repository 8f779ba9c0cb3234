"""The interface of the engines: kernels for a job where there are any, else None.

The compiled engine serves plain arrays on the host, numpy's and torch's, and CuPy's on their
device; Triton serves torch's on GPUs. Where the answer is None the array formulas compute.
"""

from __future__ import annotations

import contextlib
import sys
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from .._arrays.axes import Layout
from .._arrays.torch_internals import are_plain, forward_mode_is_active, lie_on_host
from . import manifest, triton
from .kernel_call import Arrays, KernelCall, kernel_call, module_for, native, supports

# --- calls of one kind ------------------------------------------------------------------------


class Repeated(NamedTuple):
    """A kernel call that later calls of the same kind reuse."""

    call: KernelCall
    scalar: bool
    """Whether the result is one number, which numpy returns as a scalar."""


_MOST = 256
_repeated: OrderedDict[Any, Repeated] = OrderedDict()


def key_of(measure: Any, operands: Arrays, axis: Any, keepdims: Any) -> tuple[Any, ...] | None:
    """Return what identifies calls that can share a `KernelCall`; None for any other call."""
    if not (axis is None or type(axis) is int) or type(keepdims) is not bool:
        return None
    first = type(operands[0])
    if first is np.ndarray:
        for array in operands:
            if type(array) is not np.ndarray:
                return None
        lies = [(array.dtype, array.shape, array.strides) for array in operands]
    else:
        torch = sys.modules.get("torch")
        if torch is None or first is not torch.Tensor:
            return None
        for array in operands:
            if type(array) is not torch.Tensor:
                return None
        if not (are_plain(operands) and lie_on_host(operands)) or forward_mode_is_active():
            return None
        lies = [(array.dtype, tuple(array.shape), array.stride()) for array in operands]
    return measure, axis, keepdims, tuple(lies)


def cached(key: Any, operands: Arrays) -> Any:
    """Return the result of a call whose kind is in the cache; None if it is not."""
    entry = None if key is None else _repeated.get(key)
    if entry is None or entry.call.module is not module_for(entry.call.library):
        return None
    (result,) = entry.call(operands)
    return result[()] if entry.scalar else result


def first_call(key: Any, job: Any, arrays: Arrays, *, keepdims: bool) -> Any:
    """Return the result of a call whose kind becomes cached; None if no kernel serves it."""
    spec = key and module_for(job.xp.library) and manifest.spec_of(job.measure)
    if not spec or spec.kernel.values != 1 or len(arrays) != spec.kernel.operands:
        return None
    layout = job.layout
    for array in arrays:
        if tuple(array.shape) != layout.shape or native(array) is not array:
            return None
    if not supports(job, arrays, None):
        return None
    shape, options = (
        layout.kept if keepdims else layout.batch,
        _options(job.measure, spec, None),
    )
    call = kernel_call(
        job, spec.kernel.name, layout, arrays, options, (job.dtype,), shape=shape
    )
    _repeated[key] = Repeated(call, call.library == "numpy" and shape == ())
    if len(_repeated) > _MOST:
        with contextlib.suppress(KeyError):  # another thread was faster
            _repeated.popitem(last=False)
    return cached(key, arrays)


def forget() -> None:
    """Empty the cache of repeated calls."""
    _repeated.clear()


# --- jobs -------------------------------------------------------------------------------------


def reduce(job: Any, measure: Any, arrays: Arrays, mask: Any, *, keep: bool) -> Arrays | None:
    """Return a measure's outputs and, with ``keep``, its residuals; see `RowJob.value`."""
    spec = module_for(job.xp.library) and manifest.spec_of(measure)
    if spec:
        entries, row = _apart(spec.kernel, arrays)
        if supports(job, entries, mask, whole=row):
            more = job.varying + len(spec.kernel.residuals) if keep else 0
            dtypes = (job.dtype,) * job.outputs + (job.xp.dtype,) * more
            return _run(
                job, spec.kernel.name, job.layout, (*entries, *row),
                _options(measure, spec, mask), dtypes, mask=mask, shape=job.layout.batch,
            )  # fmt: skip
    return triton.reduce(job, measure, arrays, mask, keep=keep)


def reduce_vjp(
    job: Any, measure: Any, arrays: Arrays, mask: Any, residuals: Arrays, cotangents: Arrays,
    need: tuple[bool, ...],
) -> Arrays | None:  # fmt: skip
    """Return the operands' gradients; see `RowJob.vjp`."""
    spec = module_for(job.xp.library) and manifest.spec_of(measure)
    if spec and spec.vjp:
        entries, row = _apart(spec.kernel, arrays)
        rows = (*cotangents, *residuals)
        if supports(job, entries, mask, rows, row):
            return _gradients(
                job, spec, measure, job.layout, (*entries, *row), entries, mask, need, rows=rows
            )
    return triton.reduce_vjp(job, measure, arrays, mask, residuals, cotangents, need)


def elementwise(job: Any, function: Any, layout: Layout, arrays: Arrays, mask: Any) -> Any:
    """Return the value of a function of entries, or of a map; see `EntryJob` and `MapJob`.

    ``layout`` says which entries a row has: those of a function are best all in one.
    """
    spec = module_for(job.xp.library) and manifest.spec_of(function)
    if not spec or not supports(job, arrays, mask):
        return None
    options = _options(function, spec, mask)
    return _run(job, spec.kernel.name, layout, arrays, options, (job.dtype,), mask=mask)


def elementwise_vjp(
    job: Any, function: Any, layout: Layout, arrays: Arrays, mask: Any, cotangent: Any,
    need: tuple[bool, ...],
) -> Arrays | None:  # fmt: skip
    """Return the operands' gradients; the cotangent is the kernel's last operand."""
    spec = module_for(job.xp.library) and manifest.spec_of(function)
    if not (spec and spec.vjp) or not supports(job, arrays, mask, (cotangent,)):
        return None
    return _gradients(job, spec, function, layout, (*arrays, cotangent), arrays, mask, need)


def state(job: Any, fold: Any, arrays: Arrays, mask: Any) -> Any:
    """Return the state of a part of every row, or None."""
    spec = module_for(job.xp.library) and manifest.state_spec_of(fold)
    if not spec:
        return None
    kernel = spec.kernel
    if kernel.row_operand:  # kernels number a part's own entries, arrays those of the whole row
        logits, token, position = arrays
        arrays = (logits, token - position[(0,) * position.ndim], position)
    entries, row = _apart(kernel, arrays)
    if not supports(job, entries, mask, whole=row):
        return None
    numbers = _run(
        job, f"{kernel.name}_state", job.layout, (*entries, *row),
        (1.0, 0.0, float(mask is not None), *spec.options),
        (job.xp.dtype,) * len(spec.state.components), mask=mask, shape=job.layout.batch,
    )  # fmt: skip
    return spec.state.rebuilt([number.reshape((1, -1)) for number in numbers])


def one_row(layout: Layout) -> Layout:
    """Return the layout that has all entries in one row."""
    return Layout(layout.shape, tuple(range(len(layout.shape))))


# --- what they share --------------------------------------------------------------------------


def _apart(kernel: manifest.Kernel, arrays: Arrays) -> tuple[Arrays, Arrays]:
    """Return the operands with entries, and the one that has a number for each row, if any.

    What follows, such as the positions of entries, is not read.
    """
    count = kernel.operands
    return arrays[:count], arrays[count : count + 1] if kernel.row_operand else ()


def _options(function: Any, spec: manifest.Spec, mask: Any) -> tuple[float, ...]:
    """Return the options that all kernels have, and the kernel's own."""
    return (*manifest.unit_of(function), float(mask is not None), *spec.options)


def _gradients(
    job: Any, spec: manifest.Spec, function: Any, layout: Layout, arrays: Arrays,
    entries: Arrays, mask: Any, need: tuple[bool, ...], rows: Arrays = (),
) -> Arrays:  # fmt: skip
    """Run the kernel of the derivatives by the entries, which says which ones are needed."""
    need = need[: len(entries)]
    dtypes = tuple(x.dtype for x, needed in zip(entries, need, strict=True) if needed)
    options = (*_options(function, spec, mask), *map(float, need))
    name = f"{spec.kernel.name}_slopes"
    return _run(job, name, layout, arrays, options, dtypes, rows=rows, mask=mask)


def _run(
    job: Any, name: str, layout: Layout, arrays: Arrays, options: tuple[float, ...],
    dtypes: tuple[Any, ...], *, rows: Arrays = (), mask: Any = None, shape: Any = None,
) -> Arrays:  # fmt: skip
    """Build a kernel's call and run it."""
    arrays = tuple(map(native, arrays))  # copies live until the kernel has run
    call = kernel_call(
        job, name, layout, arrays, options, dtypes, rows=rows, mask=mask, shape=shape
    )
    return call((*arrays, *rows, *(() if mask is None else (mask,))))
