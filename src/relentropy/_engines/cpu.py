"""From a job to the compiled kernels: addresses, strides, and arrays for the results.

Kernels serve plain arrays on the host, numpy's and torch's, of the four floating dtypes and in
any layout, and CuPy's on their device. Whatever else there is goes to the formulas: None says
so.
"""

from __future__ import annotations

import contextlib
import sys
from functools import cache
from typing import Any

import numpy as np

from .._arrays.axes import Layout
from .._arrays.dtypes import name_of
from .._arrays.plan import TILED, choose
from . import config, cupy
from .config import threads_for
from .repeated import Known, address
from .twins import StateTwin, Twin, base_of, state_twin_of, twin_of

Array = Any
Arrays = tuple[Array, ...]
Given = tuple[int, int, tuple[int, ...]]
"""Address, dtype and strides in bytes, as the kernels take them."""

_TYPES = {"float16": 0, "bfloat16": 1, "float32": 2, "float64": 3, "bool": 4}
# Libraries whose own conversion from float64, which the formulas end in, rounds to float32
# first: bits are to be the same. (numpy's bfloat16 is ml_dtypes', which did until 0.7.)
_TWICE = {("torch", 0): 7, ("torch", 1): 8, ("numpy", 1): 8, ("cupy", 1): 8}
_WHOLE = {"int64": 5, "int32": 6}
_HERE = contextlib.nullcontext()


def rows(
    job: Any, measure: Any, arrays: Arrays, mask: Array | None, *, keep: bool
) -> Arrays | None:
    """A measure's outputs, and with ``keep`` what its derivatives need; see `RowJob.value`."""
    twin = _module(job) and twin_of(measure)
    if not twin:
        return None
    arrays, given = _apart(twin, arrays)
    if not _readable(job, arrays, mask, given=given):
        return None
    more = job.varying + twin.numbers if keep else 0
    dtypes = (job.dtype,) * job.outputs + (job.xp.dtype,) * more
    outputs = tuple(_room(job, job.layout.batch, dtype, arrays) for dtype in dtypes)
    options = _options(twin, measure, mask)
    _run(
        job, twin.kernel, job.layout, (*arrays, *given), (), mask, outputs, options,
        reduced=True,
    )  # fmt: skip
    return outputs


def known(job: Any, measure: Any, arrays: Arrays, kept: tuple[int, ...]) -> Known | None:
    """What the next call like this one needs not find out; see `repeated`."""
    twin = _module(job) and twin_of(measure)
    if not twin or job.outputs != 1 or not _readable(job, arrays, None):
        return None
    layout = job.layout
    if any(tuple(one.shape) != layout.shape or _native(one) is not one for one in arrays):
        return None
    result = _room(job, layout.batch, job.dtype, arrays)
    _, kind, strides = _of_rows(result, layout)
    module = _module(job)
    return Known(
        module=module,
        number=_number(module, job, twin.kernel),
        reduced=layout.reduced,
        batch=layout.batch,
        inputs=tuple(_of_entries(one, layout)[1:] for one in arrays),
        dtype=job.dtype,
        output=(_type_written(job.xp.library, kind), strides),
        options=_options(twin, measure, None),
        kept=kept,
    )


def slopes(
    job: Any, measure: Any, arrays: Arrays, mask: Array | None,
    kept: Arrays, seeds: Arrays, need: tuple[bool, ...],
) -> Arrays | None:  # fmt: skip
    """The operands' gradients; see `RowJob.pull`."""
    twin = _module(job) and twin_of(measure)
    numbers = (*seeds, *kept)
    if not (twin and twin.slopes):
        return None
    arrays, given = _apart(twin, arrays)
    if not _readable(job, arrays, mask, numbers, given):
        return None
    outputs = _like(job, arrays, need[: len(arrays)])
    options = _options(twin, measure, mask, need)
    _run(job, twin.slopes, job.layout, (*arrays, *given), numbers, mask, outputs, options)
    return outputs


def entries(
    job: Any, function: Any, layout: Layout, arrays: Arrays, mask: Array | None
) -> Arrays | None:
    """The value of a function of entries, or of a map; see `EntryJob` and `MapJob`.

    ``layout`` says which entries a row has: those of a function are best all in one.
    """
    twin = _module(job) and twin_of(function)
    if not twin or not _readable(job, arrays, mask):
        return None
    outputs = (_room(job, layout.shape, job.dtype, arrays),)
    _run(job, twin.kernel, layout, arrays, (), mask, outputs, _options(twin, function, mask))
    return outputs


def entry_slopes(
    job: Any, function: Any, layout: Layout, arrays: Arrays, mask: Array | None, seed: Array,
    need: tuple[bool, ...],
) -> Arrays | None:  # fmt: skip
    """Its operands' gradients. The seed is the last operand."""
    twin = _module(job) and twin_of(function)
    if not (twin and twin.slopes) or not _readable(job, arrays, mask, (seed,)):
        return None
    outputs = _like(job, arrays, need)
    options = _options(twin, function, mask, need)
    _run(job, twin.slopes, layout, (*arrays, seed), (), mask, outputs, options)
    return outputs


def state(job: Any, fold: Any, arrays: Arrays, mask: Array | None) -> Any:
    """The state of a part of every row; ``job`` has its layout and its namespace."""
    twin = _module(job) and state_twin_of(fold)
    if not twin:
        return None
    if twin.entries == 1:  # kernels number a part's own entries, arrays those of the whole row
        logits, token, position = arrays
        arrays = (logits, token - position[(0,) * position.ndim], position)
    arrays, given = _apart(twin, arrays)
    if not _readable(job, arrays, mask, given=given):
        return None
    words = _room(job, (twin.words, *job.layout.batch), job.xp.dtype, arrays)
    options = (1.0, 0.0, float(mask is not None), *twin.options)
    _run(
        job, twin.kernel, job.layout, (*arrays, *given), (), mask,
        tuple(words[i, ...] for i in range(twin.words)), options, reduced=True,
    )  # fmt: skip
    return twin.made(*words.reshape((twin.words, 1, -1)))


def one_row(layout: Layout) -> Layout:
    """All entries as those of one row."""
    return Layout(layout.shape, tuple(range(len(layout.shape))))


def _options(
    twin: Twin, function: Any, mask: Array | None, need: tuple[bool, ...] = ()
) -> tuple[float, ...]:
    """What all kernels are told, what this one is, and which gradients are wanted."""
    wanted = (float(needed) for needed in need)
    return (*base_of(function), float(mask is not None), *twin.options, *wanted)


def _apart(twin: Twin | StateTwin, arrays: Arrays) -> tuple[Arrays, Arrays]:
    """The operands with entries, and the number of each row if there is one."""
    n = twin.entries
    return (arrays, ()) if n is None else (arrays[:n], arrays[n : n + 1])


def _room(job: Any, shape: tuple[int, ...], dtype: Any, arrays: Arrays) -> Array:
    """An array to be filled, where the others are: a library's default may be another place."""
    with _beside(job, arrays[0]):
        return job.xp.raw.empty(shape, dtype=dtype, device=getattr(arrays[0], "device", None))


def _like(job: Any, arrays: Arrays, need: tuple[bool, ...]) -> Arrays:
    """Arrays for the gradients that are needed."""
    return tuple(
        _room(job, job.layout.shape, one.dtype, arrays)
        for one, needed in zip(arrays, need, strict=True)
        if needed
    )


def _run(
    job: Any, kernel: str, layout: Layout, arrays: Arrays, numbers: Arrays,
    mask: Array | None, outputs: Arrays, options: tuple[float, ...], *, reduced: bool = False,
) -> None:  # fmt: skip
    """Inputs are the operands, the rows' numbers and the mask, in that order.

    ``reduced`` says that outputs have a number for each row.
    """
    module = _module(job)
    masks = () if mask is None else (mask,)
    arrays = tuple(map(_native, arrays))  # copies live until the kernel has run
    given = (
        *(_of_entries(one, layout) for one in arrays),
        *(_of_rows(one, layout) for one in numbers),
        *(_of_entries(one, layout) for one in masks),
    )
    to = _of_rows if reduced else _of_entries
    library = job.xp.library
    targets = tuple(
        (address, _type_written(library, kind), strides)
        for address, kind, strides in (to(one, layout) for one in outputs)
    )
    number = _number(module, job, kernel)
    with _beside(job, outputs[0]):
        if module is cupy.MODULE and cupy.is_entrywise(kernel):
            kinds, results = (tuple(kind for _, kind, _ in some) for some in (given, targets))
            module.run_entries(number, (*arrays, *masks), outputs, kinds, results, options)
            return
        threads = threads_for(library)
        module.run(number, layout.reduced, layout.batch, given, targets, options, threads)


def _beside(job: Any, array: Array) -> contextlib.AbstractContextManager[Any]:
    """Where CuPy allocates and launches as the array's own device would."""
    return array.device if job.xp.library == "cupy" else _HERE


@cache
def _type_written(library: str, kind: int) -> int:
    """Return the type by which results are rounded as the library rounds them."""
    if (library, kind) == ("numpy", 1):
        above_a_tie = np.asarray(1 + 2.0**-8 + 2.0**-40)
        if float(above_a_tie.astype(sys.modules["ml_dtypes"].bfloat16)) > 1:
            return kind
    return _TWICE.get((library, kind), kind)


_NUMBERS: dict[Any, dict[str, int]] = {}


def _module(job: Any) -> Any:
    """What has the kernels for a library's arrays, if there is anything."""
    if job.xp.library == "cupy":
        return cupy.MODULE if config.devices_served() else None
    return config.engine()


def _number(module: Any, job: Any, kernel: str) -> Any:
    """A kernel's number, which is the same for all instruction sets; a device's has a name."""
    name = kernel + "_exact" if job.xp.exact else kernel
    if module is cupy.MODULE:
        return name
    if module not in _NUMBERS:
        _NUMBERS[module] = module.kernels()
    return _NUMBERS[module][name]


def _readable(
    job: Any, arrays: Arrays, mask: Array | None, more: Arrays = (), given: Arrays = ()
) -> bool:
    """Whether kernels can read, and have something to do."""
    masks = () if mask is None else (mask,)
    floats = (*arrays, *more, *masks)
    every = (*floats, *given)
    on_cuda = job.xp.library == "cupy"
    if 0 in job.layout.shape or not (on_cuda or choose(job.xp.library, every) is TILED):
        return False
    if job.xp.library == "torch" and any(one.is_neg() for one in every):
        return False  # a view whose numbers are to be negated
    return all(name_of(one.dtype) in _TYPES for one in floats) and all(
        name_of(one.dtype) in {*_TYPES, *_WHOLE} for one in given
    )


def _native(array: Array) -> Array:
    """The array, or a copy in the machine's order of bytes."""
    dtype = array.dtype
    if getattr(dtype, "isnative", True):
        return array
    return array.astype(dtype.newbyteorder("="))


def _of_entries(array: Array, layout: Layout) -> Given:
    """An array that broadcasts to the layout's shape."""
    address, kind, strides = _seen(array)
    shape, ndim = tuple(array.shape), len(layout.shape)
    if shape != layout.shape:
        strides = tuple(0 if n == 1 else s for n, s in zip(shape, strides, strict=True))
        strides = (0,) * (ndim - len(shape)) + strides
    if layout.axes != tuple(range(len(layout.axes))):
        strides = tuple(strides[i] for i in layout.order)
    return address, kind, strides


def _of_rows(array: Array, layout: Layout) -> Given:
    """An array of the layout's batch shape, with a number for each row."""
    address, kind, strides = _seen(array)
    return address, kind, (0,) * len(layout.axes) + strides


def _seen(array: Array) -> Given:
    name = name_of(array.dtype)
    kind = _TYPES[name] if name in _TYPES else _WHOLE[name]
    if hasattr(array, "data_ptr"):
        size = array.element_size()
        strides = tuple(size * stride for stride in array.stride())
    else:
        strides = array.strides
    return address(array), kind, strides
