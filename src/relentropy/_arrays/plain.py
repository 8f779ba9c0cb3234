"""Arrays for formulas that are plain array operations, and the few they are made of.

Measures of rows have drivers and derivatives of their own. What comes after them, averages of
losses, advantages, shares, is small and smooth: the library's own operations, which its own
differentiation sees, on arrays of one library, of one floating dtype of at least 32 bits.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from . import dtypes
from .axes import common_shape, require_mask
from .library import gather, mask_of, placed, quiet

Array = Any


class Plain:
    """Named operands as arrays of one library and dtype, a mask, and operations on them.

    16-bit operands become float32, as they do under autocast. Operands that are None stay so.
    Parameters, such as a count, take the operands' dtype and have no say in it.
    """

    def __init__(
        self,
        operands: dict[str, Any],
        where: Any = None,
        parameters: dict[str, Any] | None = None,
    ) -> None:
        leading, operands = tuple(operands), {**operands, **(parameters or {})}
        # Plain numbers stay out of it: compilers would have to trace an array of numpy's.
        numbers = {
            name: float(one)
            for name, one in (parameters or {}).items()
            if isinstance(one, int | float)
        }
        given = {
            name: one
            for name, one in operands.items()
            if one is not None and name not in numbers
        }
        masks = {} if where is None else {"where": where}
        found = gather({**given, **masks})
        self.library, self.raw, self.device = found.library, found.raw, found.device
        self.place = placed(found.library, found.device)
        """Keywords for a new array beside the operands."""
        kinds = {
            name: dtypes.kind_of(name, found.arrays[name].dtype)
            for name in given
            if name in found.arrays
        }
        default = dtypes.default_float(found.library, found.raw, found.device)
        name = dtypes.promote([kinds[one] for one in leading if one in kinds], default)
        self.name = dtypes.at_least_float32(name)
        self.dtype = dtypes.dtype_object(self.library, self.raw, self.name)
        for loose in (one for one in given if one in found.loose):
            dtypes.kind_of(loose, found.loose[loose].dtype)
        self.arrays: dict[str, Array] = {
            name: self._operand(name, found) if name in given else None for name in operands
        }
        for name, number in numbers.items():
            self.arrays[name] = self.raw.full((), number, dtype=self.dtype, **self.place)
        self.mask = mask_of(found)

    def _operand(self, name: str, found: Any) -> Array:
        if name in found.arrays:
            return self.raw.astype(found.arrays[name], self.dtype, copy=False)
        return self.raw.asarray(found.loose[name].tolist(), dtype=self.dtype, **self.place)

    def shape(self, *names: str) -> tuple[int, ...]:
        """What the named operands broadcast to, the mask included."""
        shapes = {
            name: tuple(self.arrays[name].shape)
            for name in names
            if self.arrays[name] is not None
        }
        shape = common_shape(shapes)
        if self.mask is not None:
            require_mask(tuple(self.mask.shape), shape)
        return shape

    def full(self, value: float, like: Array) -> Array:
        """A constant beside an array."""
        return self.raw.full_like(like, value)

    def kept(self, x: Array, fill: float = 0.0) -> Array:
        """The array with ``fill`` wherever the mask excludes, before any arithmetic."""
        if self.mask is None:
            return x
        mask = self.raw.broadcast_to(self.mask, x.shape)
        return self.raw.where(mask, x, self.full(fill, x))

    def counted(self, shape: tuple[int, ...]) -> Array:
        """1 for every entry that the mask selects, 0 for the others."""
        return self.kept(self.raw.ones(shape, dtype=self.dtype, **self.place))

    def constant(self, x: Array) -> Array:
        """The same numbers, with a derivative of zero."""
        if self.library == "torch":
            return x.detach()
        if self.library == "jax":
            return sys.modules["jax"].lax.stop_gradient(x)
        return x

    def before(self, x: Array) -> Array:
        """The sum of all earlier entries of the last axis, for each of them."""
        if self.library == "strict":  # the oldest standards have no cumulative sum
            size = x.shape[-1]
            earlier = self.raw.triu(
                self.raw.ones((size, size), dtype=x.dtype, device=x.device), k=1
            )
            return self.raw.matmul(x, earlier)
        return self.raw.cumulative_sum(x, axis=-1) - x

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        """Where numpy is not to warn of infinities that a later choice leaves out."""
        return quiet(self.library)

    def like_the_library(self, array: Array) -> Array:
        """A 0-d result as the library's own functions return it."""
        return array[()] if self.library == "numpy" and array.ndim == 0 else array
