"""Static description of a call, one class for each kind of function; hashable.

A job holds the layout, dtype, namespace and function of a call, but no arrays, so that a
compiler can keep it as a constant. Given arrays of its layout's shape (the mask, if there is
one, behind the operands) it returns the value, the vector-Jacobian product of cotangents
(`vjp`) and the Jacobian-vector product of tangents (`jvp`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from .._arrays.axes import Layout
from .._arrays.drivers import fmap, fold
from .._arrays.namespace import Namespace
from .._arrays.plan import choose
from .._arrays.protocols import Block, EntryFunction, Map, Measure
from .._engines import front
from .._formulas.times import times
from .reductions import Directional, Pulled, Pushed

Array = Any
Arrays = tuple[Array, ...]
Self = TypeVar("Self", bound="Job")


@dataclass(frozen=True)
class Job(ABC):
    """What all kinds have in common."""

    layout: Layout
    dtype: Any
    """What the value is rounded to."""
    xp: Namespace

    @property
    @abstractmethod
    def operands(self) -> int:
        """How many arrays there are before the mask."""

    @property
    def outputs(self) -> int:
        """How many arrays the value is."""
        return 1

    @property
    def varying(self) -> int:
        """How many of them, from the first on, have derivatives."""
        return 1

    @property
    def constants(self) -> tuple[bool, ...]:
        """Which operands have no derivative: parameters, such as an order."""
        return (False,) * self.operands

    @abstractmethod
    def value(self, arrays: Arrays, *, keep: bool = False) -> Arrays:
        """Return the outputs, rounded; with ``keep`` followed by the residuals for `vjp`."""

    @abstractmethod
    def vjp(
        self, arrays: Arrays, residuals: Arrays, cotangents: Arrays, need: tuple[bool, ...]
    ) -> Arrays:
        """Return the gradients of the operands that need one, each in its operand's dtype.

        ``residuals`` followed the outputs with ``keep``; ``cotangents`` are those of the
        outputs that vary.
        """

    @abstractmethod
    def jvp(self, arrays: Arrays, tangents: tuple[Array | None, ...]) -> Arrays:
        """Return the outputs, and tangents of those that vary; None is a tangent of zero."""

    def batched(self: Self, size: int) -> Self:
        """The same job with one more axis in front."""
        axes = tuple(axis + 1 for axis in self.layout.axes)
        return replace(self, layout=Layout((size, *self.layout.shape), axes))

    def _split(self, arrays: Arrays) -> tuple[Arrays, Array | None]:
        mask = arrays[self.operands] if len(arrays) > self.operands else None
        return arrays[: self.operands], mask

    def _dtypes(self, arrays: Arrays, need: tuple[bool, ...]) -> tuple[Any, ...]:
        return tuple(x.dtype for x, needed in zip(arrays, need, strict=True) if needed)


@dataclass(frozen=True)
class EntryJob(Job):
    """An elementwise function."""

    function: EntryFunction

    @property
    def operands(self) -> int:
        return len(self.function.slopes)

    def value(self, arrays: Arrays, *, keep: bool = False) -> Arrays:
        def value(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            return (self.function.value(*block, xp=xp),)

        row = front.one_row(self.layout)
        found = front.elementwise(self, self.function, row, *self._split(arrays))
        return found or self._map(value, arrays, (), (self.dtype,))

    def vjp(
        self, arrays: Arrays, residuals: Arrays, cotangents: Arrays, need: tuple[bool, ...]
    ) -> Arrays:
        def gradients(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            *entries, unit = block
            slopes = self._slopes(tuple(entries), need, xp=xp)
            return tuple(times(unit, slope, xp=xp) for slope in slopes)

        operands, mask = self._split(arrays)
        row = front.one_row(self.layout)
        found = front.elementwise_vjp(
            self, self.function, row, operands, mask, cotangents[0], need
        )
        return found or self._map(gradients, arrays, cotangents, self._dtypes(operands, need))

    def jvp(self, arrays: Arrays, tangents: tuple[Array | None, ...]) -> Arrays:
        def both(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            entries, moving = block[: self.operands], block[self.operands :]
            slopes = self._slopes(entries, need, xp=xp)
            parts = [
                times(tangent, slope, xp=xp)
                for slope, tangent in zip(slopes, moving, strict=True)
            ]
            return self.function.value(*entries, xp=xp), sum(parts[1:], parts[0])

        need = tuple(tangent is not None for tangent in tangents)
        moved = tuple(tangent for tangent in tangents if tangent is not None)
        return self._map(both, arrays, moved, (self.dtype,) * 2)

    def _slopes(self, entries: Block, need: tuple[bool, ...], *, xp: Any) -> list[Array]:
        """The slopes that are needed, together where the function has them so."""
        together = getattr(self.function, "together", None)
        if together is not None:
            found = together(*entries, xp=xp)
            return [slope for slope, needed in zip(found, need, strict=True) if needed]
        return [
            slope(*entries, xp=xp)
            for slope, needed in zip(self.function.slopes, need, strict=True)
            if needed
        ]

    def _map(self, fn: Any, arrays: Arrays, more: Arrays, dtypes: tuple[Any, ...]) -> Arrays:
        operands, mask = self._split(arrays)
        plan = choose(self.xp.library, (*arrays, *more))
        fills = (*self.function.fills, *(0.0,) * len(more))
        return fmap(fn, self.layout, operands + more, fills, mask, (), dtypes, plan, xp=self.xp)


@dataclass(frozen=True)
class RowJob(Job):
    """A measure of rows."""

    measure: Measure

    @property
    def operands(self) -> int:
        return len(self.measure.fills)

    @property
    def outputs(self) -> int:
        return len(self.measure.empty)

    @property
    def varying(self) -> int:
        return self.measure.varying

    @property
    def constants(self) -> tuple[bool, ...]:
        return tuple(fill is None for fill in self.measure.fills)

    def value(self, arrays: Arrays, *, keep: bool = False) -> Arrays:
        measure = self.measure.differentiated

        def residuals(stats: Any, *, xp: Any) -> Arrays:
            # The values again: results are the user's, who may change them in place.
            values = measure.finish(stats, xp=xp)[: self.varying]
            return *values, *measure.numbers(stats, xp=xp)

        found = front.reduce(self, self.measure, *self._split(arrays), keep=keep)
        if found:
            return found
        if keep:
            return self._fold(measure, *self._split(arrays), more=residuals)
        return self._fold(self.measure, *self._split(arrays))

    def vjp(
        self, arrays: Arrays, residuals: Arrays, cotangents: Arrays, need: tuple[bool, ...]
    ) -> Arrays:
        measure, count = self.measure.differentiated, self.varying

        def gradients(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            units = tuple(xp.cast(cotangent, xp.dtype) for cotangent in rows[:count])
            values, numbers = rows[count : 2 * count], rows[2 * count :]
            found = measure.slopes(block, numbers, need, xp=xp)
            parts = [
                tuple(
                    times(unit, xp.where(xp.isnan(value), float("nan"), slope), xp=xp)
                    for slope in slopes
                    if slope is not None
                )
                for unit, value, slopes in zip(units, values, found, strict=True)
            ]
            return tuple(sum(one[1:], one[0]) for one in zip(*parts, strict=True))

        operands, mask = self._split(arrays)
        found = front.reduce_vjp(
            self, self.measure, operands, mask, residuals, cotangents, need
        )
        if found:
            return found
        plan = choose(self.xp.library, (*arrays, *cotangents))
        return fmap(
            gradients, self.layout, operands, measure.fills, mask, (*cotangents, *residuals),
            self._dtypes(operands, need), plan, xp=self.xp,
        )  # fmt: skip

    def jvp(self, arrays: Arrays, tangents: tuple[Array | None, ...]) -> Arrays:
        operands, mask = self._split(arrays)
        # torch makes tangents of zeros for parameters too, which are not differentiated by.
        pairs = zip(tangents, self.constants, strict=True)
        tangents = tuple(None if constant else tangent for tangent, constant in pairs)
        need = tuple(tangent is not None for tangent in tangents)
        moved = tuple(tangent for tangent in tangents if tangent is not None)
        return self._fold(
            Directional(self.measure.differentiated, need), operands + moved, mask
        )

    def _fold(
        self, reduction: Any, operands: Arrays, mask: Array | None, more: Any = None
    ) -> Arrays:
        plan = choose(self.xp.library, operands if mask is None else (*operands, mask))
        return fold(
            reduction, self.layout, operands, mask, self.dtype, plan, xp=self.xp, more=more
        )


@dataclass(frozen=True)
class MapJob(Job):
    """A map of entries that depend on their row, such as softmax."""

    map: Map

    @property
    def operands(self) -> int:
        return len(self.map.numbers.fills)

    def value(self, arrays: Arrays, *, keep: bool = False) -> Arrays:
        def entry(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            return (self.map.entry(block, rows, xp=xp),)

        operands, mask = self._split(arrays)
        found = front.elementwise(self, self.map, self.layout, operands, mask)
        return found or self._map(entry, self.map.numbers, operands, mask, (self.dtype,))

    def vjp(
        self, arrays: Arrays, residuals: Arrays, cotangents: Arrays, need: tuple[bool, ...]
    ) -> Arrays:
        def gradients(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            *entries, unit = block
            numbers, means = rows[:-moving], rows[-moving:]
            found = self.map.slopes(tuple(entries), numbers, need, xp=xp)
            slopes = (one for one in found if one is not None)
            return tuple(
                times(unit, one.outer, xp=xp) - times(mean, one.weight, xp=xp)
                for one, mean in zip(slopes, means, strict=True)
            )

        operands, mask = self._split(arrays)
        found = front.elementwise_vjp(
            self, self.map, self.layout, operands, mask, cotangents[0], need
        )
        if found:
            return found
        moving = sum(need)
        dtypes = self._dtypes(operands, need)
        return self._map(gradients, Pulled(self.map, need), operands + cotangents, mask, dtypes)

    def jvp(self, arrays: Arrays, tangents: tuple[Array | None, ...]) -> Arrays:
        def both(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            entries, moved = block[: self.operands], block[self.operands :]
            numbers, means = rows[: -len(moved)], rows[-len(moved) :]
            found = self.map.slopes(entries, numbers, need, xp=xp)
            slopes = (one for one in found if one is not None)
            parts = [
                times(tangent, one.outer, xp=xp) - times(mean, one.inner, xp=xp)
                for one, tangent, mean in zip(slopes, moved, means, strict=True)
            ]
            return self.map.entry(entries, numbers, xp=xp), sum(parts[1:], parts[0])

        operands, mask = self._split(arrays)
        need = tuple(tangent is not None for tangent in tangents)
        moving = tuple(tangent for tangent in tangents if tangent is not None)
        reduction = Pushed(self.map, need)
        return self._map(both, reduction, operands + moving, mask, (self.dtype,) * 2)

    def _map(
        self, fn: Any, reduction: Any, arrays: Arrays, mask: Array | None, dtypes: Any
    ) -> Arrays:
        """The numbers of every row by a reduction, and then every entry."""
        masks = () if mask is None else (mask,)
        plan = choose(self.xp.library, (*arrays, *masks))
        numbers = fold(reduction, self.layout, arrays, mask, None, plan, xp=self.xp)
        plan = choose(self.xp.library, (*arrays, *masks, *numbers))
        return fmap(
            fn, self.layout, arrays, reduction.fills, mask, numbers, dtypes, plan, xp=self.xp
        )
