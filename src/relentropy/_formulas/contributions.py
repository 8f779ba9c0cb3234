"""What every entry adds to a relative entropy, and how much it surprises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._arrays.array import ZERO, Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair
from .._arrays.protocols import Block, Fold, Reduction, Slopes
from .entries import Rate
from .expectation import beside_top, in_base
from .f_divergence import Source, source_of
from .logsumexp import Peak
from .sides import Side, side

_INF, _NAN = float("inf"), float("nan")


@dataclass(frozen=True)
class _Shares:
    """The numbers that make entries of two operands; nan, all of them, where there are none."""

    source: Source

    @property
    def fills(self) -> tuple[float | None, ...]:
        return self.source.fills

    @property
    def empty(self) -> tuple[float, ...]:
        return (0.0,) * (self.source.count + 1)  # and the scale that entries are on

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return self.source.passes(xp=xp)

    def finish(self, stats: Any, *, xp: Namespace) -> tuple[Array, ...]:
        numbers = self.source.numbers(stats, xp=xp)
        possible = self.source.possible(stats, xp=xp)
        unit = self.source.mean(Pair(xp.ones_like(numbers[0])), stats, xp=xp)
        return *numbers, xp.where(possible, unit, _NAN)


@dataclass(frozen=True)
class KLContributions:
    """``x*log(x/y) - x + y`` of normalised shares."""

    from_logits: tuple[bool, bool]
    normalize: bool
    base: float | None

    @property
    def source(self) -> Source:
        return source_of(self.from_logits, self.normalize)

    @property
    def numbers(self) -> Reduction:
        return _Shares(self.source)

    def entry(self, block: Block, numbers: tuple[Array, ...], *, xp: Namespace) -> Array:
        *shares, unit = numbers
        entry = self.source.entry(block, shares, xp=xp)
        value = entry.kl()
        none = value == 0  # also where the scale of unnormalised masses is inf
        value = xp.where(none, value, value * xp.where(none, 1.0, unit))
        return in_base(xp.where(xp.isnan(unit), unit, value), self.base, xp=xp)

    def slopes(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Slopes | None, ...]:
        """By shares log(x/y) and 1 - x/y; a share moves with all that its row sums over."""
        *shares, unit = numbers
        source, known = self.source, xp.where(xp.isnan(unit), unit, 1.0)
        entry = source.entry(block, shares, xp=xp)
        found: list[Slopes | None] = [None, None]
        if need[0]:
            inner = entry.x_times(entry.log_ratio)
            outer = source.by_p(block, shares, Rate(entry.log_ratio, inner), xp=xp)
            one = Rate(xp.ones_like(inner), entry.x)
            weight = source.by_p(block, shares, one, xp=xp)
            found[0] = self._slopes(outer * known, inner * unit, weight, xp=xp)
        if need[1]:
            outer = source.by_q(block, shares, Rate(-entry.excess, -entry.gap), xp=xp)
            one = Rate(xp.ones_like(outer), entry.y)
            weight = source.by_q(block, shares, one, xp=xp)
            found[1] = self._slopes(outer * known, -entry.gap * unit, weight, xp=xp)
        return tuple(found)

    def _slopes(self, outer: Array, inner: Array, weight: Array, *, xp: Namespace) -> Slopes:
        outer, inner = (in_base(one, self.base, xp=xp) for one in (outer, inner))
        if not self.normalize:
            return Slopes(outer, xp.zeros_like(outer), weight)
        return Slopes(outer, inner, weight)


@dataclass(frozen=True)
class PeakFold:
    """A row's largest entry and what the others add to it; the top is nan for no row at all."""

    side: Side

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Peak:
        (x,) = block
        top = xp.max(x)
        weight = self.side.weight(x, top, xp=xp)
        others = xp.where(top == self.side.absent, 0.0, beside_top(weight, x == top, xp=xp))
        return Peak(xp.where(xp.any(self.side.invalid(x)), _NAN, top), others)

    def merge(self, one: Peak, other: Peak, *, xp: Namespace) -> Peak:
        top = xp.maximum(one.top, other.top)  # nan stays
        first = one.top >= other.top
        others = ZERO
        for part, leads in ((one, first), (other, ~first)):
            lower = self.side.weight(part.top, top, xp=xp) * part.mass
            others = others + xp.where(leads, part.others, lower)
        return Peak(top, others)


@dataclass(frozen=True)
class _Peaks:
    side: Side

    @property
    def fills(self) -> tuple[float | None, ...]:
        return (self.side.absent,)

    empty = (0.0, 0.0)

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return (PeakFold(self.side),)

    def finish(self, stats: Any, *, xp: Namespace) -> tuple[Array, ...]:
        (peak,) = stats
        return xp.where(peak.top == self.side.absent, _NAN, peak.top), peak.others


@dataclass(frozen=True)
class Surprisal:
    """-log(p) of normalised p: the gap from the largest entry and log1p of what others add."""

    from_logits: bool
    base: float | None

    @property
    def side(self) -> Side:
        return side(self.from_logits)

    @property
    def numbers(self) -> Reduction:
        return _Peaks(self.side)

    def entry(self, block: Block, numbers: tuple[Array, ...], *, xp: Namespace) -> Array:
        top, others = numbers
        value = self.side.gap(block[0], top, xp=xp) + xp.log1p(others)
        value = xp.where(block[0] == self.side.absent, _INF, value)
        return in_base(xp.where(xp.isnan(top), _NAN, value), self.base, xp=xp)

    def slopes(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Slopes]:
        """By logits E[t] - t; by weights sum(t)/sum(p) - t/p."""
        (x,), (top, others) = block, numbers
        one = in_base(xp.where(xp.isnan(top), _NAN, -xp.ones_like(x)), self.base, xp=xp)
        outer = one if self.from_logits else one / (x + 0.0)  # -0 is a zero
        share = self.side.weight(x, top, xp=xp)
        weight = self.side.by_entry(x, top, share, 1 + others, xp.ones_like(x), xp=xp)
        return (Slopes(outer, one, weight),)


@dataclass(frozen=True)
class _Validity:
    """0, or nan for a row that no distribution has."""

    side: Side
    empty = (0.0,)

    @property
    def fills(self) -> tuple[float | None, ...]:
        return (self.side.absent,)

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return (PeakFold(self.side),)

    def finish(self, stats: Any, *, xp: Namespace) -> tuple[Array, ...]:
        return (xp.where(xp.isnan(stats[0].top), _NAN, 0.0 * stats[0].others),)


@dataclass(frozen=True)
class PlainSurprisal:
    """-log(p) as it stands."""

    from_logits: bool
    base: float | None

    @property
    def numbers(self) -> Reduction:
        return _Validity(side(self.from_logits))

    def entry(self, block: Block, numbers: tuple[Array, ...], *, xp: Namespace) -> Array:
        (x,), (nothing,) = block, numbers
        value = -x if self.from_logits else -xp.log(x)
        return in_base(xp.where(xp.isnan(nothing), _NAN, value), self.base, xp=xp)

    def slopes(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Slopes]:
        (x,), (nothing,) = block, numbers
        one = in_base(xp.where(xp.isnan(nothing), _NAN, -xp.ones_like(x)), self.base, xp=xp)
        none = xp.zeros_like(x)
        return (Slopes(one if self.from_logits else one / (x + 0.0), none, none),)
