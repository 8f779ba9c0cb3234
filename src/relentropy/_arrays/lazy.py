"""The drivers over dask's chunks: a task calls the whole function on its own block.

A formula is hundreds of operations; as operations on dask arrays each would be a task for
every chunk. Instead a chunk is one task, worked on by whatever library its blocks belong to,
and nothing is computed before the user asks. Reduced axes are brought into one chunk.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .axes import Layout
    from .call import Prepared

Array = Any


def reduce(
    block: Callable[..., tuple[Array, ...]],
    measure: Any,
    names: tuple[str, ...],
    call: Prepared,
    layout: Layout,
) -> tuple[Array, ...]:
    """Outputs of a measure, each a lazy array of shape ``layout.batch``."""
    operands = _rows_last(call, layout)
    return tuple(
        _gufunc(
            lambda *blocks, i=i: block(measure, names, call.result, *blocks)[i],
            operands, "->()", call, layout, call.result_dtype,
        )
        for i in range(len(measure.empty))
    )  # fmt: skip


def normalised(
    block: Callable[..., Array],
    measure: Any,
    fn: Any,
    names: tuple[str, ...],
    call: Prepared,
    layout: Layout,
) -> Array:
    """A map that needs its row's numbers, as a lazy array of the full shape."""
    mapped = _gufunc(
        lambda *blocks: block(measure, fn, names, call.result, *blocks),
        _rows_last(call, layout), "->(i)", call, layout, call.result_dtype,
    )  # fmt: skip
    count = len(layout.batch)
    order = tuple(range(count, len(layout.shape))) + tuple(range(count))
    opened = call.raw.reshape(mapped, layout.batch + layout.reduced)
    opened = call.raw.permute_dims(opened, order)
    inverse = tuple(layout.order.index(i) for i in range(len(layout.shape)))
    return call.raw.permute_dims(opened, inverse)


def elementwise(
    block: Callable[..., Array], fn: Any, names: tuple[str, ...], call: Prepared
) -> Array:
    """An elementwise function, chunk by chunk."""
    da = sys.modules["dask.array"]
    return da.map_blocks(
        lambda *blocks: _as_array(block(fn, names, call.result, *blocks)),
        *call.arrays.values(),
        dtype=call.result_dtype,
        meta=_meta(call),
    )


def _rows_last(call: Prepared, layout: Layout) -> list[Array]:
    operands = list(call.arrays.values())
    if call.mask is not None:
        operands.append(call.mask)
    raw = call.raw
    result = []
    for array in operands:
        opened = layout.open(array, raw)
        k = len(layout.axes)
        order = tuple(range(k, opened.ndim)) + tuple(range(k))
        opened = raw.permute_dims(opened, order)
        if k != 1:
            opened = raw.reshape(opened, (*opened.shape[: opened.ndim - k], -1))
        result.append(opened)
    return result


def _gufunc(
    fn: Callable[..., Array], operands: list[Array], output: str, call: Prepared,
    layout: Layout, dtype: Any,
) -> Array:  # fmt: skip
    da = sys.modules["dask.array"]
    return da.apply_gufunc(
        lambda *blocks: _as_array(fn(*blocks)),
        ",".join(["(i)"] * len(operands)) + output,
        *operands,
        meta=_meta(call),
        allow_rechunk=True,
    )


def _meta(call: Prepared) -> Array:
    meta = next(iter(call.arrays.values()))._meta
    return meta.astype(call.result_dtype)


def _as_array(value: Any) -> Array:
    """A block's result as an array: numpy gives a scalar for a 0-d one."""
    if hasattr(value, "shape") and not hasattr(value, "__array_interface__"):
        return value
    import numpy as np

    return np.asarray(value)
