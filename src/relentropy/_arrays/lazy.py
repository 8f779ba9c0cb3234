"""The drivers over dask's chunks: a task calls the whole function on its own block.

A formula is hundreds of operations; as operations on dask arrays each would be a task for
every chunk. Instead a chunk is one task, worked on by whatever library its blocks belong to,
and nothing is computed before the user asks. Where a row lies in several chunks, each becomes
a state, and the states merge in a tree: no row is ever in one place. A map, which ends in
arrays as large as its operands, has its reduced axes brought into one chunk.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from .axes import Layout
    from .parts import Part
    from .prepared import Prepared

Array = Any


class Chunks(Protocol):
    """What is done with the chunks of a measure's operands."""

    @property
    def outputs(self) -> int: ...

    @property
    def passes(self) -> int: ...

    def whole(self, output: int, *blocks: Array) -> Array:
        """One of the outputs for chunks that hold their rows as a whole."""

    def part(self, before: int, *blocks: Any) -> Part:
        """One pass over chunks that hold a part of their rows.

        First come as many parts as there were passes before, merged.
        """

    def merge(self, number: int, parts: list[Part]) -> Part:
        """One for all parts of the pass of that number."""

    def finish(self, output: int, *parts: Part) -> Array:
        """One of the outputs from the merged parts of all passes."""


def reduce(of: Chunks, call: Prepared, layout: Layout) -> tuple[Array, ...]:
    """Outputs of a measure, each a lazy array of shape ``layout.batch``."""
    operands = [_with_all_axes(array, layout) for array in call.operands]
    if all(array.numblocks[i] == 1 for array in operands for i in layout.axes):
        rows = _rows_last(call, layout)
        return tuple(
            _blockwise(partial(of.whole, i), rows, "(i)->()", call) for i in range(of.outputs)
        )
    stats = merged(of, operands, layout)
    da = sys.modules["dask.array"]
    labels = _batch(layout)
    return tuple(
        da.blockwise(
            partial(of.finish, i), labels, *(each for one in stats for each in (one, labels)),
            dtype=call.result_dtype, meta=_meta(call), align_arrays=False,
        )
        for i in range(of.outputs)
    )  # fmt: skip


def merged(of: Chunks, operands: list[Array], layout: Layout) -> list[Array]:
    """For every pass a lazy array of the rows' shape, whose blocks are `Part`s."""
    da = sys.modules["dask.array"]
    for axis in layout.axes:
        if layout.shape[axis] != layout.shape[axis]:
            raise ValueError(
                f"the size along the reduced axis {axis} is not known: call "
                "compute_chunk_sizes() of the dask arrays first"
            )
    labels, batch = tuple(range(len(layout.shape))), _batch(layout)
    known = all(n == n for array in operands for n in array.shape)
    placed = [each for array in operands for each in (array, labels)]
    stats: list[Array] = []
    for number in range(of.passes):
        earlier = [each for one in stats for each in (one, batch)]
        parts = da.blockwise(
            partial(of.part, number), labels, *earlier, *placed,
            dtype=object, meta=_objects(len(labels)), align_arrays=known,
            adjust_chunks=dict.fromkeys(layout.axes, 1),
        )  # fmt: skip
        merge = partial(_merge, of, number)
        stats.append(
            da.reduction(
                parts, _as_it_is, merge, combine=merge, axis=layout.axes, keepdims=False,
                concatenate=False, dtype=object, meta=_objects(len(batch)),
            )
        )  # fmt: skip
    return stats


def one_part(of: Chunks, call: Prepared, layout: Layout) -> Any:
    """One pass over all rows, as a delayed `Part`."""
    operands = [_with_all_axes(array, layout) for array in call.operands]
    (stats,) = merged(of, operands, layout)
    grid = stats.to_delayed()
    return sys.modules["dask"].delayed(_assembled, pure=True)(grid.ravel().tolist(), grid.shape)


def _assembled(parts: list[Part], grid: tuple[int, ...]) -> Part:
    """Parts of different rows as one; they are chunks of a grid, in C order."""
    first, raw = parts[0], parts[0].xp.raw

    def beside(arrays: list[Array], shape: tuple[int, ...], axis: int) -> Array:
        if not shape:
            return arrays[0]
        step = len(arrays) // shape[0]
        rows = (arrays[i : i + step] for i in range(0, len(arrays), step))
        return raw.concat([beside(one, shape[1:], axis + 1) for one in rows], axis=axis)

    columns = zip(*(one.numbers() for one in parts), strict=True)
    batches = [one.batch for one in parts]
    whole = [
        beside([raw.reshape(*both) for both in zip(column, batches, strict=True)], grid, 0)
        for column in columns
    ]
    return first.with_numbers((raw.reshape(one, (1, -1)) for one in whole), whole[0].shape)


def _with_all_axes(array: Array, layout: Layout) -> Array:
    return array[(None,) * (len(layout.shape) - array.ndim) + (...,)]


def _batch(layout: Layout) -> tuple[int, ...]:
    return tuple(i for i in range(len(layout.shape)) if i not in layout.axes)


def _as_it_is(block: Any, axis: Any, keepdims: Any) -> Any:
    return block


def _merge(of: Chunks, number: int, blocks: Any, axis: Any, keepdims: Any) -> Any:
    return of.merge(number, list(_leaves(blocks)))


def _leaves(blocks: Any) -> Iterator[Any]:
    """The blocks that dask hands over, as deep in lists as there are axes."""
    if isinstance(blocks, list | tuple):
        for one in blocks:
            yield from _leaves(one)
    else:
        yield blocks


def _objects(ndim: int) -> Array:
    """What dask takes the blocks for."""
    return np.empty((0,) * ndim, dtype=object)


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
    array = _with_all_axes(array, layout)
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
    return np.asarray(value)
