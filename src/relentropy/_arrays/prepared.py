"""A call's operands, sorted and ready for the drivers."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from . import dtypes
from .axes import Layout, common_shape, reduced_axes, require_equal_sizes, require_mask
from .library import Arguments, gather, mask_of, placed
from .namespace import Namespace, namespace

Array = Any


class Prepared:
    """A call's operands as arrays of one library, and the precision to work in.

    Parameters, which are the same for all entries of a row, have the size one along the axes
    that are reduced; they follow the operands and have no say in the result's dtype.
    """

    def __init__(
        self,
        operands: dict[str, Any],
        where: Any,
        dtype: Any,
        parameters: dict[str, Any] | None = None,
        *,
        widen: bool = False,
    ) -> None:
        parameters = parameters or {}
        masks = {} if where is None else {"where": where}
        # Plain numbers stay out of it: compilers would have to trace an array of numpy's.
        arrays = {name: one for name, one in parameters.items() if not isinstance(one, float)}
        found = gather({**operands, **arrays, **masks})
        for name in parameters:
            if name in found.arrays:
                dtypes.kind_of(name, found.arrays[name].dtype)
        kinds = [
            dtypes.kind_of(name, found.arrays[name].dtype)
            for name in operands
            if name in found.arrays
        ]
        default = dtypes.default_float(found.library, found.raw, found.device)
        name = dtypes.promote(kinds, default)
        self.library, self.raw = found.library, found.raw
        self._place = placed(found.library, found.device)
        wanted = dtypes.at_least_float32(name) if widen else name
        self.result = wanted if dtype is None else dtypes.requested(dtype)
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
        self.mask = mask_of(found)
        self.reduced = tuple(operands)
        self.arrays = {
            key: found.arrays[key] if key in found.arrays else self._lift(key, found, name)
            for key in operands
        }
        working = "float64" if wide else "float32"
        for key, one in parameters.items():
            if isinstance(one, float):
                self.arrays[key] = self._full(one, self.xp.dtype)
            elif key in found.arrays:
                self.arrays[key] = found.arrays[key]
            else:
                self.arrays[key] = self._lift(key, found, working)

    @property
    def result_dtype(self) -> Any:
        return dtypes.dtype_object(self.library, self.raw, self.result)

    @property
    def operands(self) -> tuple[Array, ...]:
        """The arrays, and the mask behind them if there is one."""
        masks = () if self.mask is None else (self.mask,)
        return (*self.arrays.values(), *masks)

    def _lift(self, key: str, found: Arguments, name: str) -> Array:
        value = found.loose[key]
        dtypes.kind_of(key, value.dtype)
        dtype = dtypes.dtype_object(self.library, self.raw, name)
        # What a narrow dtype cannot hold becomes infinite. torch never warns, and its compiler
        # does not know numpy's setting.
        torch = self.library == "torch"
        with contextlib.nullcontext() if torch else np.errstate(over="ignore"):
            return self.raw.asarray(value.tolist(), dtype=dtype, **self._place)

    def _full(self, value: float, dtype: Any) -> Array:
        return self.raw.full((), value, dtype=dtype, **self._place)

    def layout(self, axis: Any, *, reducing: bool = True, stretch: bool = False) -> Layout:
        shapes = {name: tuple(array.shape) for name, array in self.arrays.items()}
        shape = common_shape(shapes)
        axes = reduced_axes(axis, len(shape)) if reducing else ()
        if not stretch:
            require_equal_sizes({name: shapes[name] for name in self.reduced}, shape, axes)
        if self.mask is not None:
            require_mask(tuple(self.mask.shape), shape)
        return Layout(shape, axes)

    def add_positions(self, layout: Layout) -> None:
        """An operand more: the place of every entry along the one axis that is reduced."""
        (axis,) = layout.axes
        places = self.raw.arange(layout.shape[axis], dtype=self.raw.int32, **self._place)
        after = len(layout.shape) - axis - 1
        self.arrays["positions"] = self.raw.reshape(places, (-1,) + (1,) * after)

    def like_the_library(self, array: Array) -> Array:
        """A 0-d result as the library's own functions return it."""
        return array[()] if self.library == "numpy" and array.ndim == 0 else array
