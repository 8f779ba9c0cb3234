"""Every row of the table of generators as a measure of weights or of logits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, add_sums, total
from .._arrays.protocols import Block, Fold, Measure
from .entries import Entry, Rate
from .expectation import in_base
from .generators import Row
from .logit_shares import LogitMeasures, LogitShares
from .weight_shares import WeightMeasures, WeightShares

Source = WeightShares | WeightMeasures | LogitShares
_NAN = float("nan")


def source_of(from_logits: tuple[bool, bool], normalize: bool) -> Source:
    """What makes entries of two operands."""
    if any(from_logits):
        return LogitShares(from_logits) if normalize else LogitMeasures(from_logits)
    return WeightShares() if normalize else WeightMeasures()


class Sums(NamedTuple):
    """Of a part of a row."""

    value: Pair
    by_p: Array
    """sum(x*df/dx), the mean that normalised shares take from their derivatives; 0 where
    nobody asks for derivatives."""
    by_q: Array


@dataclass(frozen=True)
class TermsFold:
    row: Row
    source: Source
    means: bool

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Sums:
        entry = self.source.entry(block, self.source.numbers(stats, xp=xp), xp=xp)
        parameters = block[2:]
        value = total(self.row.term(entry, *parameters, xp=xp), xp=xp)
        none = xp.zeros_like(value.hi)
        if not self.means:
            return Sums(value, none, none)
        by_p = total(self.row.x_by_x(entry, *parameters, xp=xp), xp=xp).value
        by_q = total(self.row.y_by_y(entry, *parameters, xp=xp), xp=xp).value
        return Sums(value, by_p, by_q)

    def merge(self, one: Sums, other: Sums, *, xp: Namespace) -> Sums:
        value = add_sums(one.value, other.value, xp=xp)
        return Sums(value, one.by_p + other.by_p, one.by_q + other.by_q)


@dataclass(frozen=True)
class FDivergence(Measure):
    """A multiple of the sum of a generator's terms, or its root, over the entries' scale."""

    row: Row
    from_logits: tuple[bool, bool] = (False, False)
    normalize: bool = True
    base: float | None = None
    root: bool = False
    means: bool = False
    factor: float = 1.0
    empty = (0.0,)

    @property
    def source(self) -> Source:
        return source_of(self.from_logits, self.normalize)

    @property
    def takes_pairs(self) -> bool:
        return all(self.from_logits)

    @property
    def fills(self) -> tuple[float | None, ...]:
        return (*self.source.fills, *(None,) * self.row.parameters)

    @property
    def differentiated(self) -> FDivergence:
        return replace(self, means=self.normalize)

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return (*self.source.passes(xp=xp), TermsFold(self.row, self.source, self.means))

    def finish(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        value = self._in_units(self._value(stats, xp=xp), xp=xp)
        value = xp.sqrt(value) if self.root else value
        return (xp.where(self.source.possible(stats, xp=xp), value, _NAN),)

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        sums = stats[-1]
        unit = xp.ones_like(sums.by_p)
        if self.root:  # of f**(1/2) by f; 0 where the sides agree, and f is flat
            root = xp.sqrt(self._in_units(self._value(stats, xp=xp), xp=xp))
            unit = xp.where(root > 0, 0.5 / xp.where(root > 0, root, 1.0), 0.0)
        means = (self.source.mean(Pair(one), stats, xp=xp) for one in (sums.by_p, sums.by_q))
        return *self.source.numbers(stats, xp=xp), *means, self._in_units(unit, xp=xp)

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """A share's slope less the mean of all, over what the row sums to."""
        *shares, p_mean, q_mean, unit = numbers
        entry, more = self.source.entry(block, shares, xp=xp), block[2:]
        by_p = by_q = None
        if need[0]:
            plain = self.row.by_x(entry, *more, xp=xp)
            weighted = self.row.x_by_x(entry, *more, xp=xp)
            rate = self._about(plain, weighted, entry, p_mean, unit, xp=xp)
            by_p = self.source.by_p(block, shares, rate, xp=xp)
        if need[1]:
            plain = self.row.by_y(entry, *more, xp=xp)
            weighted = self.row.y_by_y(entry, *more, xp=xp)
            rate = self._about(plain, weighted, entry.swapped, q_mean, unit, xp=xp)
            by_q = self.source.by_q(block, shares, rate, xp=xp)
        return (by_p, by_q, *(None,) * self.row.parameters)

    def _about(
        self,
        plain: Array,
        weighted: Array,
        e: Entry,
        mean: Array,
        unit: Array,
        *,
        xp: Namespace,
    ) -> Rate:
        """A slope less the mean of all; as it is where it is infinite."""
        if not self.means:
            return Rate(plain * unit, weighted * unit)
        steep = xp.abs(plain) == float("inf")
        plain = xp.where(steep, plain, xp.where(steep, 0.0, plain) - mean)
        steep = xp.abs(weighted) == float("inf")
        weighted = xp.where(steep, weighted, xp.where(steep, 0.0, weighted) - e.x_times(mean))
        return Rate(plain * unit, weighted * unit)

    def _value(self, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        return self.source.mean(stats[-1].value, stats, xp=xp)

    def _in_units(self, value: Array, *, xp: Namespace) -> Array:
        """Nats, or what a derivative by them is, in the result's units."""
        value = in_base(value, self.base, xp=xp)
        return value if self.factor == 1 else self.factor * value
