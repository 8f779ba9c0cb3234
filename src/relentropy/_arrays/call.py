"""From a public function's arguments to a driver and back.

`reduce` and `elementwise` are what public functions call: they settle the library, the
device, the dtypes and the shapes, hand blocks to the drivers, and give the result the shape
and type that its library's own functions would have given it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import lazy
from .axes import Layout
from .plan import Reduction, choose, fmap, fold, run
from .prepared import Prepared

Array = Any


def reduce(
    measure: Reduction,
    operands: dict[str, Any],
    *,
    axis: Any = -1,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
    stretch: bool = False,
) -> tuple[Array, ...]:
    """All outputs of a measure over the operands, reduced along ``axis``.

    Operands must have one size along it, unless ``stretch`` lets them broadcast there too.
    """
    call = Prepared(operands, where, dtype)
    layout = call.layout(axis, stretch=stretch)
    names = tuple(call.arrays)

    def finished(array: Array) -> Array:
        array = call.raw.reshape(array, layout.kept) if keepdims else array
        return call.like_the_library(array)

    if call.library == "dask" and 0 in layout.shape:
        outputs = tuple(
            call.raw.full(layout.batch, empty, dtype=call.result_dtype)
            for empty in measure.empty
        )
    elif call.library == "dask":
        outputs = lazy.reduce(_reduce_block, measure, names, call, layout)
    else:
        plan = choose(call.library, call.operands)
        static = (measure, layout, call.result_dtype, plan, call.xp)
        outputs = run(_fold_all, call.library, call.operands, *static)
    return tuple(finished(output) for output in outputs)


def _fold_all(
    measure: Reduction, layout: Layout, dtype: Any, plan: Any, xp: Any, *arrays: Array
) -> tuple[Array, ...]:
    arrays, mask = _without_mask(arrays, len(measure.fills))
    return fold(measure, layout, arrays, mask, dtype, plan, xp=xp)


def _without_mask(arrays: tuple[Array, ...], count: int) -> tuple[tuple[Array, ...], Any]:
    return arrays[:count], arrays[count] if len(arrays) > count else None


def _reduce_block(
    measure: Reduction, names: tuple[str, ...], dtype: str, *blocks: Array
) -> tuple[Array, ...]:
    """One chunk of a lazy array, whose rows are along the last axis."""
    arrays, mask = _without_mask(blocks, len(names))
    operands = dict(zip(names, arrays, strict=True))
    return reduce(measure, operands, axis=-1, where=mask, dtype=dtype)


def elementwise(
    fn: Callable[..., Array], operands: dict[str, Any], *, dtype: Any = None
) -> Array:
    """``fn(*operands, xp=xp)`` on every entry of the broadcast operands."""
    call = Prepared(operands, None, dtype)
    layout = call.layout(None, reducing=False)
    names = tuple(call.arrays)
    if call.library == "dask":
        return lazy.elementwise(_elementwise_block, fn, names, call)
    plan = choose(call.library, call.operands)
    static = (fn, layout, call.result_dtype, plan, call.xp)
    return call.like_the_library(run(_map_all, call.library, call.operands, *static))


def _map_all(
    fn: Callable[..., Array], layout: Layout, dtype: Any, plan: Any, xp: Any, *arrays: Array
) -> Array:
    return fmap(fn, layout, arrays, (), None, (), dtype, plan, xp=xp)


def _elementwise_block(
    fn: Callable[..., Array], names: tuple[str, ...], dtype: str, *blocks: Array
) -> Array:
    return elementwise(fn, dict(zip(names, blocks, strict=True)), dtype=dtype)


def normalised(
    measure: Reduction,
    fn: Callable[..., Array],
    operands: dict[str, Any],
    *,
    axis: Any = None,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    """``fn(*operands, *outputs of the measure, xp=xp)``: a map that needs its row's numbers."""
    call = Prepared(operands, where, dtype)
    layout = call.layout(axis)
    names = tuple(call.arrays)
    if call.library == "dask" and 0 not in layout.shape:
        return lazy.normalised(_normalised_block, measure, fn, names, call, layout)
    plan = choose(call.library, call.operands)
    static = (measure, fn, layout, call.result_dtype, plan, call.xp)
    return call.like_the_library(run(_normalise_all, call.library, call.operands, *static))


def _normalise_all(
    measure: Reduction,
    fn: Callable[..., Array],
    layout: Layout,
    dtype: Any,
    plan: Any,
    xp: Any,
    *arrays: Array,
) -> Array:
    arrays, mask = _without_mask(arrays, len(measure.fills))
    stats = fold(measure, layout, arrays, mask, None, plan, xp=xp)
    return fmap(fn, layout, arrays, measure.fills, mask, stats, dtype, plan, xp=xp)


def _normalised_block(
    measure: Reduction,
    fn: Callable[..., Array],
    names: tuple[str, ...],
    dtype: str,
    *blocks: Array,
) -> Array:
    arrays, mask = _without_mask(blocks, len(names))
    operands = dict(zip(names, arrays, strict=True))
    return normalised(measure, fn, operands, axis=-1, where=mask, dtype=dtype)
