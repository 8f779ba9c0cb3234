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
    from .prepared import Prepared

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
        _blockwise(
            lambda *blocks, i=i: block(measure, names, call.result, *blocks)[i],
            operands,
            "(i)->()",
            call,
        )
        for i in range(len(measure.empty))
    )


def normalised(
    block: Callable[..., Array],
    of: Any,
    names: tuple[str, ...],
    call: Prepared,
    layout: Layout,
) -> Array:
    """A map that needs its row's numbers, as a lazy array of the full shape."""
    mapped = _blockwise(
        lambda *blocks: block(of, names, call.result, *blocks),
        _rows_last(call, layout),
        "(i)->(i)",
        call,
    )
    count = len(layout.batch)
    if len(layout.axes) != 1:
        mapped = call.raw.reshape(mapped, layout.batch + layout.reduced)
    order = tuple(range(count, len(layout.shape))) + tuple(range(count))
    opened = call.raw.permute_dims(mapped, order)
    inverse = tuple(layout.order.index(i) for i in range(len(layout.shape)))
    return call.raw.permute_dims(opened, inverse)


def elementwise(
    block: Callable[..., Array], fn: Any, names: tuple[str, ...], call: Prepared
) -> Array:
    """An elementwise function, chunk by chunk."""
    return _blockwise(
        lambda *blocks: block(fn, names, call.result, *blocks),
        list(call.operands),
        "()->()",
        call,
    )


def _rows_last(call: Prepared, layout: Layout) -> list[Array]:
    return [_row_last(array, layout, call.raw) for array in call.operands]


def _row_last(array: Array, layout: Layout, raw: Any) -> Array:
    """The reduced axes as one, the last; the others broadcast later, chunk by chunk."""
    array = array[(None,) * (len(layout.shape) - array.ndim) + (...,)]
    if any(array.shape[i] != layout.shape[i] for i in layout.axes):  # a mask, or weights of one
        sizes = (
            n if i in layout.axes else own
            for i, (n, own) in enumerate(zip(layout.shape, array.shape, strict=True))
        )
        array = raw.broadcast_to(array, tuple(sizes))
    k = len(layout.axes)
    order = layout.order[k:] + layout.axes
    array = raw.permute_dims(array, order)
    if k != 1:
        array = raw.reshape(array, (*array.shape[: array.ndim - k], -1))
    return array


def _blockwise(
    fn: Callable[..., Array], operands: list[Array], signature: str, call: Prepared
) -> Array:
    """Apply ``fn`` to chunks; ``signature`` is numpy's for functions of whole rows.

    Sizes that are not known are taken to agree, chunk by chunk.
    """
    da = sys.modules["dask.array"]
    rows, result = signature.split("->")
    if rows == "(i)":
        operands = [array.rechunk({array.ndim - 1: -1}) for array in operands]
    ndim = max(array.ndim for array in operands)
    labels = tuple(range(ndim))
    placed: list[Any] = []
    for array in operands:
        placed += [array, labels[ndim - array.ndim :]]
    known = all(n == n for array in operands for n in array.shape)
    return da.blockwise(
        lambda *blocks: _as_array(fn(*blocks)),
        labels[:-1] if rows != result else labels,
        *placed,
        dtype=call.result_dtype,
        meta=_meta(call),
        concatenate=True,
        align_arrays=known,
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
