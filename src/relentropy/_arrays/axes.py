"""Axes, masks and shapes: how a call's data are laid out as (n, rows)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

Array = Any
Box = tuple[slice, ...]


@dataclass(frozen=True)
class Layout:
    """The common shape of a call's operands and the axes that are reduced."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    """Ascending and non-negative; empty for an elementwise function."""

    @property
    def order(self) -> tuple[int, ...]:
        """The reduced axes first, then the others."""
        return self.axes + tuple(i for i in range(len(self.shape)) if i not in self.axes)

    @property
    def reduced(self) -> tuple[int, ...]:
        return tuple(self.shape[i] for i in self.axes)

    @property
    def batch(self) -> tuple[int, ...]:
        return tuple(n for i, n in enumerate(self.shape) if i not in self.axes)

    @property
    def kept(self) -> tuple[int, ...]:
        """The shape of a result with ``keepdims=True``."""
        return tuple(1 if i in self.axes else n for i, n in enumerate(self.shape))

    def open(self, array: Array, raw: Any) -> Array:
        """A view of the operand, broadcast and with the reduced axes first."""
        if tuple(array.shape) != self.shape:
            array = raw.broadcast_to(array, self.shape)
        if self.order != tuple(range(len(self.shape))):
            array = raw.permute_dims(array, self.order)
        return array

    def close(self, array: Array, raw: Any) -> Array:
        """Undo `open` for an array of the full shape."""
        array = raw.reshape(array, self.reduced + self.batch)
        if self.order != tuple(range(len(self.shape))):
            inverse = tuple(self.order.index(i) for i in range(len(self.shape)))
            array = raw.permute_dims(array, inverse)
        return array


def boxes(shape: tuple[int, ...], size: int | None) -> Iterator[tuple[Box, int]]:
    """Cut a shape into boxes of at most ``size`` entries, in C order, with their sizes.

    How it is cut depends on the shape alone, so that results do not depend on strides.
    """
    if size is None or math.prod(shape) <= size:
        yield (slice(None),) * len(shape), math.prod(shape)
        return
    axis, inner = len(shape) - 1, 1
    while inner * shape[axis] <= size:
        inner *= shape[axis]
        axis -= 1
    step = max(1, size // inner)
    rest = (slice(None),) * (len(shape) - axis - 1)
    for outer in product(*(range(n) for n in shape[:axis])):
        head = tuple(slice(i, i + 1) for i in outer)
        for start in range(0, shape[axis], step):
            stop = min(start + step, shape[axis])
            yield (*head, slice(start, stop), *rest), (stop - start) * inner


def reduced_axes(axis: Any, ndim: int, name: str = "axis") -> tuple[int, ...]:
    """The axes to reduce, non-negative and ascending; None means all."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    axes = []
    for one in given:
        if isinstance(one, bool) or not hasattr(one, "__index__"):
            raise TypeError(
                f"{name} must be an integer, a tuple of integers or None, not {axis!r}"
            )
        index = one.__index__()
        if not -ndim <= index < ndim:
            hint = f"; for a single number pass {name}=None" if ndim == 0 else ""
            raise ValueError(f"{name} {index} is out of bounds for {ndim} dimensions{hint}")
        axes.append(index % ndim)
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name} {axis!r} names an axis twice")
    return tuple(sorted(axes))


def common_shape(shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that the named operands broadcast to.

    A lazy array's unknown size is nan, and is taken to fit.
    """
    ndim = 0
    for shape in shapes.values():
        ndim = max(ndim, len(shape))
    result = [1] * ndim
    for shape in shapes.values():
        for i, size in enumerate(shape, start=ndim - len(shape)):
            if size == 1:
                continue
            if result[i] not in (1, size) and _known(size) and _known(result[i]):
                raise ValueError(f"shapes do not broadcast: {_listed(shapes)}")
            result[i] = size if _known(size) or result[i] == 1 else result[i]
    return tuple(result)


def _known(size: int) -> bool:
    return size == size


def _same(one: int, other: int) -> bool:
    """Whether two sizes agree, as far as they are known."""
    return one == other or not (_known(one) and _known(other))


def agree(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two shapes do."""
    return len(one) == len(other) and all(map(_same, one, other))


def broadcasts(one: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether the first shape broadcasts to the second."""
    return len(one) <= len(shape) and all(
        m == 1 or _same(m, n) for m, n in zip(one[::-1], shape[::-1], strict=False)
    )


def require_equal_sizes(
    shapes: dict[str, tuple[int, ...]], shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    """No broadcasting along a reduced axis: a distribution of one entry is a mistake."""
    for one in shapes.values():
        for axis in axes:
            own = axis - (len(shape) - len(one))
            if own < 0 or not _same(one[own], shape[axis]):
                raise ValueError(
                    f"sizes along the reduced axis {axis} must be equal: {_listed(shapes)}"
                )


def require_mask(mask: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """A mask must broadcast to the operands' shape."""
    if not broadcasts(mask, shape):
        hint = ""
        if mask == shape[: len(mask)]:
            hint = "; a mask without the reduced axis is where=mask[..., None]"
        raise ValueError(f"where of shape {mask} does not broadcast to {shape}{hint}")


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} has shape {shape}" for name, shape in shapes.items())
