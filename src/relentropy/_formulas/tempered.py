"""A measure of logits that are divided by a temperature on their way in.

The division happens in blocks and in working precision: no array of divided logits exists, and
narrower ones lose nothing. Logits that are as wide as the working precision keep the division's
remainder in a second word where the measure is a difference of logits: two that are close would
otherwise be rounded by more than they differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, divide
from .._arrays.protocols import Block, Fold, Measure


@dataclass(frozen=True)
class _TemperedFold:
    fold: Fold
    of: Tempered

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Any:
        return self.fold.step(self.of.divided(block, xp=xp), stats, xp=xp)

    def merge(self, one: Any, other: Any, *, xp: Namespace) -> Any:
        return self.fold.merge(one, other, xp=xp)


@dataclass(frozen=True)
class Tempered(Measure):
    """``measure`` of logits over ``temperature``; its parameters are left as they are."""

    measure: Measure
    temperature: float

    @property
    def fills(self) -> tuple[float | None, ...]:
        return self.measure.fills

    @property
    def empty(self) -> tuple[float, ...]:
        return self.measure.empty

    @property
    def varying(self) -> int:
        return self.measure.varying

    @property
    def differentiated(self) -> Tempered:
        return Tempered(self.measure.differentiated, self.temperature)

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return tuple(_TemperedFold(fold, self) for fold in self.measure.passes(xp=xp))

    def finish(self, stats: Any, *, xp: Namespace) -> tuple[Array, ...]:
        return self.measure.finish(stats, xp=xp)

    def numbers(self, stats: Any, *, xp: Namespace) -> tuple[Array, ...]:
        return self.measure.numbers(stats, xp=xp)

    def slopes(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[tuple[Array | None, ...], ...]:
        found = self.measure.slopes(self.divided(block, xp=xp), numbers, need, xp=xp)
        return tuple(
            tuple(None if one is None else one / self.temperature for one in slopes)
            for slopes in found
        )

    def divided(self, block: Block, *, xp: Namespace) -> Block:
        return tuple(
            one if fill is None else self._over_temperature(one, xp=xp)
            for one, fill in zip(block, self.fills, strict=True)
        )

    def _over_temperature(self, logits: Array, *, xp: Namespace) -> Array | Any:
        if not (xp.exact and self.measure.takes_pairs):
            return logits / self.temperature
        temperature = Pair(self.temperature * xp.ones_like(logits))
        found = divide(Pair(logits), temperature, xp=xp)
        # Past 1/eps remainders are larger than 1, and exponents know nothing any more.
        return Pair(found.hi, xp.where(xp.abs(found.lo) < 2.0**-10, found.lo, 0.0))


def tempered(measure: Measure, temperature: float) -> Measure:
    """The measure at a temperature, which is 1 unless somebody says otherwise."""
    return measure if temperature == 1 else Tempered(measure, temperature)
