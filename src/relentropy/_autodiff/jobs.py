"""A call without its arrays, one class for each kind of function.

Every job can do three things with arrays of its layout's shape (the mask, if there is one,
behind the operands): give its value, pull a cotangent back to the operands, and push tangents
of the operands forward. A job is static: compilers keep it as a constant.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from .._arrays.axes import Layout
from .._arrays.drivers import fmap, fold
from .._arrays.namespace import Namespace
from .._arrays.plan import choose
from .._arrays.protocols import Block, Elementwise, Map, Measure
from .._formulas.times import times
from .reductions import Directional, WeightedSum

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
        """How many arrays the value is; only the first has a derivative."""
        return 1

    @abstractmethod
    def value(self, arrays: Arrays, *, keep: bool = False) -> Arrays:
        """The outputs, rounded; with ``keep`` followed by the numbers that `pull` wants."""

    @abstractmethod
    def pull(self, arrays: Arrays, kept: Arrays, seed: Array, need: tuple[bool, ...]) -> Arrays:
        """The gradients of the operands that need one, each in its operand's dtype.

        ``kept`` is what followed the outputs with ``keep``, ``seed`` the value's cotangent.
        """

    @abstractmethod
    def push(self, arrays: Arrays, tangents: tuple[Array | None, ...]) -> Arrays:
        """The outputs, and the first one's tangent; None stands for a tangent of zero."""

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

    function: Elementwise

    @property
    def operands(self) -> int:
        return len(self.function.slopes)

    def value(self, arrays: Arrays, *, keep: bool = False) -> Arrays:
        def value(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            return (self.function.value(*block, xp=xp),)

        return self._map(value, arrays, (self.dtype,))

    def pull(self, arrays: Arrays, kept: Arrays, seed: Array, need: tuple[bool, ...]) -> Arrays:
        def gradients(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            *entries, unit = block
            return tuple(
                times(unit, slope(*entries, xp=xp), xp=xp)
                for slope, needed in zip(self.function.slopes, need, strict=True)
                if needed
            )

        return self._map(gradients, (*arrays, seed), self._dtypes(arrays, need))

    def push(self, arrays: Arrays, tangents: tuple[Array | None, ...]) -> Arrays:
        def both(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            entries, moving = block[: self.operands], block[self.operands :]
            parts = [
                times(tangent, slope(*entries, xp=xp), xp=xp)
                for slope, tangent in zip(slopes, moving, strict=True)
            ]
            return self.function.value(*entries, xp=xp), sum(parts[1:], parts[0])

        pairs = zip(self.function.slopes, tangents, strict=True)
        slopes = [slope for slope, tangent in pairs if tangent is not None]
        moved = tuple(tangent for tangent in tangents if tangent is not None)
        return self._map(both, arrays + moved, (self.dtype,) * 2)

    def _map(self, fn: Any, arrays: Arrays, dtypes: tuple[Any, ...]) -> Arrays:
        plan = choose(self.xp.library, arrays)
        return fmap(fn, self.layout, arrays, (), None, (), dtypes, plan, xp=self.xp)


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

    def value(self, arrays: Arrays, *, keep: bool = False) -> Arrays:
        measure = self.measure.differentiated

        def kept(stats: Any, *, xp: Any) -> Arrays:
            # The value again: results are the user's, who may change them in place.
            value, *_ = measure.finish(stats, xp=xp)
            return value, *measure.numbers(stats, xp=xp)

        if keep:
            return self._fold(measure, *self._split(arrays), more=kept)
        return self._fold(self.measure, *self._split(arrays))

    def pull(self, arrays: Arrays, kept: Arrays, seed: Array, need: tuple[bool, ...]) -> Arrays:
        measure = self.measure.differentiated

        def gradients(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            seeds, value, *numbers = rows
            unit, known = xp.cast(seeds, xp.dtype), ~xp.isnan(value)
            found = measure.grad(block, tuple(numbers), need, xp=xp)
            return tuple(
                times(unit, xp.where(known, slope, float("nan")), xp=xp)
                for slope in found
                if slope is not None
            )

        operands, mask = self._split(arrays)
        return fmap(
            gradients, self.layout, operands, measure.fills, mask, (seed, *kept),
            self._dtypes(operands, need), choose(self.xp.library, (*arrays, seed)), xp=self.xp,
        )  # fmt: skip

    def push(self, arrays: Arrays, tangents: tuple[Array | None, ...]) -> Arrays:
        operands, mask = self._split(arrays)
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
        return 1

    def value(self, arrays: Arrays, *, keep: bool = False) -> Arrays:
        def entry(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            return (self.map.entry(block[0], rows, xp=xp),)

        numbers = self._fold(self.map.numbers, arrays)
        return self._map(entry, arrays, self.map.numbers.fills, numbers, (self.dtype,))

    def pull(self, arrays: Arrays, kept: Arrays, seed: Array, need: tuple[bool, ...]) -> Arrays:
        def gradient(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            (x, unit), (*numbers, mean) = block, rows
            outer = self.map.outer(x, tuple(numbers), xp=xp)
            weight = self.map.weight(x, tuple(numbers), xp=xp)
            return (times(unit, outer, xp=xp) - times(mean, weight, xp=xp),)

        reduction = WeightedSum(self.map, pulling=True)
        numbers = self._fold(reduction, (*arrays, seed))
        dtypes = (arrays[0].dtype,)
        return self._map(gradient, (*arrays, seed), reduction.fills, numbers, dtypes)

    def push(self, arrays: Arrays, tangents: tuple[Array | None, ...]) -> Arrays:
        def both(block: Block, rows: Arrays, *, xp: Any) -> Arrays:
            (x, tangent), (*numbers, mean) = block, rows
            outer = self.map.outer(x, tuple(numbers), xp=xp)
            value = self.map.entry(x, tuple(numbers), xp=xp)
            return value, times(tangent, outer, xp=xp) - times(mean, outer, xp=xp)

        reduction = WeightedSum(self.map, pulling=False)
        blocks = (*arrays, *tangents)
        numbers = self._fold(reduction, blocks)
        return self._map(both, blocks, reduction.fills, numbers, (self.dtype,) * 2)

    def _fold(self, reduction: Any, arrays: Arrays) -> Arrays:
        plan = choose(self.xp.library, arrays)
        return fold(reduction, self.layout, arrays, None, None, plan, xp=self.xp)

    def _map(self, fn: Any, arrays: Arrays, fills: Any, numbers: Arrays, dtypes: Any) -> Arrays:
        plan = choose(self.xp.library, (*arrays, *numbers))
        return fmap(fn, self.layout, arrays, fills, None, numbers, dtypes, plan, xp=self.xp)
