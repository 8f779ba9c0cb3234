"""From a public function's arguments to a driver and back.

`reduce` and `elementwise` are what public functions call: they settle the library, the
device, the dtypes and the shapes, hand blocks to the drivers, and give the result the shape
and type that its library's own functions would have given it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes, lazy
from .axes import Layout, common_shape, reduced_axes, require_equal_sizes, require_mask
from .library import Arguments, gather
from .namespace import Namespace, namespace
from .plan import Reduction, choose, fmap, fold, run

Array = Any


class Prepared:
    """A call's operands as arrays of one library, and the precision to work in."""

    def __init__(self, operands: dict[str, Any], where: Any, dtype: Any) -> None:
        masks = {} if where is None else {"where": where}
        found = gather({**operands, **masks})
        kinds = [
            dtypes.kind_of(name, array.dtype)
            for name, array in found.arrays.items()
            if name != "where"
        ]
        default = dtypes.default_float(found.library, found.raw, found.device)
        name = dtypes.promote(kinds, default)
        self.library, self.raw, self.device = found.library, found.raw, found.device
        self.result = name if dtype is None else dtypes.requested(dtype)
        wide = dtypes.has_float64(found.library, found.device)
        if self.result == "float64" and not wide:
            raise TypeError(
                f"dtype: {found.library} has no float64 on this device or with these settings"
            )
        # Exact where working precision has no digits to spare beyond those of the result.
        exact = not wide or "float64" in (name, self.result)
        self.xp: Namespace = namespace(
            found.library, found.raw, "float64" if wide else "float32", exact
        )
        self.mask = self._mask(found)
        self.arrays = {
            key: found.arrays[key] if key in found.arrays else self._lift(key, found, name)
            for key in operands
        }

    @property
    def result_dtype(self) -> Any:
        return dtypes.dtype_object(self.library, self.raw, self.result)

    def _lift(self, key: str, found: Arguments, name: str) -> Array:
        value = found.loose[key]
        dtypes.kind_of(key, value.dtype)
        made = {"dtype": dtypes.dtype_object(self.library, self.raw, name)}
        if self.library != "dask":
            made["device"] = self.device
        with np.errstate(over="ignore"):  # what a narrow dtype cannot hold becomes infinite
            return self.raw.asarray(value.tolist(), **made)

    def _mask(self, found: Arguments) -> Array | None:
        mask = found.arrays.get("where")
        if mask is None and "where" in found.loose:
            made = {} if self.library == "dask" else {"device": self.device}
            mask = self.raw.asarray(found.loose["where"].tolist(), **made)
        if mask is not None and dtypes.name_of(mask.dtype) != "bool":
            raise TypeError(f"where must be boolean, not {dtypes.name_of(mask.dtype)}")
        return mask

    def layout(self, axis: Any, *, reducing: bool = True, stretch: bool = False) -> Layout:
        shapes = {name: tuple(array.shape) for name, array in self.arrays.items()}
        shape = common_shape(shapes)
        axes = reduced_axes(axis, len(shape)) if reducing else ()
        if not stretch:
            require_equal_sizes(shapes, shape, axes)
        if self.mask is not None:
            require_mask(tuple(self.mask.shape), shape)
        return Layout(shape, axes)

    def like_the_library(self, array: Array) -> Array:
        """A 0-d result as the library's own functions return it."""
        return array[()] if self.library == "numpy" and array.ndim == 0 else array


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
        arrays = tuple(call.arrays.values())
        masks = () if call.mask is None else (call.mask,)
        plan = choose(call.library, arrays)
        static = (measure, layout, call.result_dtype, plan, call.xp)
        outputs = run(_fold_all, call.library, arrays + masks, *static)
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
    arrays = tuple(call.arrays.values())
    plan = choose(call.library, arrays)
    static = (fn, layout, call.result_dtype, plan, call.xp)
    return call.like_the_library(run(_map_all, call.library, arrays, *static))


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
    arrays = tuple(call.arrays.values())
    masks = () if call.mask is None else (call.mask,)
    plan = choose(call.library, arrays)
    static = (measure, fn, layout, call.result_dtype, plan, call.xp)
    return call.like_the_library(run(_normalise_all, call.library, arrays + masks, *static))


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
