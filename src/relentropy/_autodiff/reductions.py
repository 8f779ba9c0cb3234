"""The sums over a row that derivatives need, as reductions like any other.

Each is one pass more than the function itself has, and linear in cotangents and tangents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._arrays.pairs import total
from .._arrays.protocols import Block, Fold, Map, Measure
from .._formulas.times import times

Array = Any
Arrays = tuple[Array, ...]


@dataclass(frozen=True)
class _OfFirst:
    """A fold that sees the first operands of a block only."""

    fold: Fold
    count: int

    def step(self, block: Block, stats: Any, *, xp: Any) -> Any:
        return self.fold.step(block[: self.count], stats, xp=xp)

    def merge(self, one: Any, other: Any, *, xp: Any) -> Any:
        return self.fold.merge(one, other, xp=xp)


class _SumsFold:
    """What plain sums have in common: how they merge."""

    def merge(self, one: Arrays, other: Arrays, *, xp: Any) -> Arrays:
        return tuple(a + b for a, b in zip(one, other, strict=True))


@dataclass(frozen=True)
class Directional:
    """A measure of the first operands, and its derivative along the others."""

    measure: Measure
    need: tuple[bool, ...]
    """Which operands move; the tangents of those follow the operands."""

    @property
    def count(self) -> int:
        return len(self.measure.fills)

    @property
    def fills(self) -> tuple[float | None, ...]:
        return (*self.measure.fills, *(0.0,) * sum(self.need))

    @property
    def empty(self) -> tuple[float, ...]:
        return (*self.measure.empty, *(0.0,) * self.measure.varying)

    def passes(self, *, xp: Any) -> tuple[Fold, ...]:
        own = (_OfFirst(one, self.count) for one in self.measure.passes(xp=xp))
        return (*own, _TangentFold(self.measure, self.need))

    def finish(self, stats: Any, *, xp: Any) -> Arrays:
        return (*self.measure.finish(stats[:-1], xp=xp), *stats[-1])


@dataclass(frozen=True)
class _TangentFold(_SumsFold):
    measure: Measure
    need: tuple[bool, ...]

    def step(self, block: Block, stats: Any, *, xp: Any) -> Arrays:
        count = len(self.need)
        values = self.measure.finish(stats, xp=xp)
        numbers = self.measure.numbers(stats, xp=xp)
        found = self.measure.slopes(block[:count], numbers, self.need, xp=xp)
        return tuple(
            self._moved(value, slopes, block[count:], xp=xp)
            for value, slopes in zip(values, found, strict=False)
        )

    @staticmethod
    def _moved(value: Array, slopes: Any, tangents: Block, *, xp: Any) -> Array:
        moving = (slope for slope in slopes if slope is not None)
        parts = [
            times(tangent, xp.where(xp.isnan(value), float("nan"), slope), xp=xp)
            for slope, tangent in zip(moving, tangents, strict=True)
        ]
        return plain_sum(sum(parts[1:], parts[0]), xp=xp)


@dataclass(frozen=True)
class Pulled:
    """A map's numbers, and for each operand the sum of what a cotangent pulls on its means."""

    map: Map
    need: tuple[bool, ...]

    @property
    def fills(self) -> tuple[float | None, ...]:
        return (*self.map.numbers.fills, 0.0)

    @property
    def empty(self) -> tuple[float, ...]:
        return (*self.map.numbers.empty, *(0.0,) * sum(self.need))

    def passes(self, *, xp: Any) -> tuple[Fold, ...]:
        return (*_own_passes(self.map, xp=xp), _PulledFold(self.map, self.need))

    def finish(self, stats: Any, *, xp: Any) -> Arrays:
        return (*self.map.numbers.finish(stats[:-1], xp=xp), *stats[-1])


@dataclass(frozen=True)
class Pushed:
    """A map's numbers, and for each operand that moves the weighted sum of its tangents."""

    map: Map
    need: tuple[bool, ...]

    @property
    def fills(self) -> tuple[float | None, ...]:
        return (*self.map.numbers.fills, *(0.0,) * sum(self.need))

    @property
    def empty(self) -> tuple[float, ...]:
        return (*self.map.numbers.empty, *(0.0,) * sum(self.need))

    def passes(self, *, xp: Any) -> tuple[Fold, ...]:
        return (*_own_passes(self.map, xp=xp), _PushedFold(self.map, self.need))

    def finish(self, stats: Any, *, xp: Any) -> Arrays:
        return (*self.map.numbers.finish(stats[:-1], xp=xp), *stats[-1])


def _own_passes(of: Map, *, xp: Any) -> tuple[Fold, ...]:
    count = len(of.numbers.fills)
    return tuple(_OfFirst(one, count) for one in of.numbers.passes(xp=xp))


@dataclass(frozen=True)
class _PulledFold(_SumsFold):
    map: Map
    need: tuple[bool, ...]

    def step(self, block: Block, stats: Any, *, xp: Any) -> Arrays:
        *entries, seed = block
        numbers = self.map.numbers.finish(stats, xp=xp)
        found = self.map.slopes(tuple(entries), numbers, self.need, xp=xp)
        return tuple(
            plain_sum(times(seed, one.inner, xp=xp), xp=xp) for one in found if one is not None
        )


@dataclass(frozen=True)
class _PushedFold(_SumsFold):
    map: Map
    need: tuple[bool, ...]

    def step(self, block: Block, stats: Any, *, xp: Any) -> Arrays:
        count = len(self.need)
        numbers = self.map.numbers.finish(stats, xp=xp)
        found = self.map.slopes(block[:count], numbers, self.need, xp=xp)
        moving = (one for one in found if one is not None)
        return tuple(
            plain_sum(times(tangent, one.weight, xp=xp), xp=xp)
            for one, tangent in zip(moving, block[count:], strict=True)
        )


def plain_sum(x: Array, *, xp: Any) -> Array:
    """The sum over a row in a fixed order, by additions alone: a linear function."""
    return total(x, xp=xp, compensated=False).value
