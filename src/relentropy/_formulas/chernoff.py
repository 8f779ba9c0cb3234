"""Chernoff information: the exponent at which two distributions are told apart.

``C(s) = sum(x**s*y**(1 - s))`` has a convex logarithm; its least value is where the log-ratio
``L = log(x/y)`` has the mean 0 under the tilted distribution. Newton's steps find it, kept
between bounds that are halved where a step leaves them. The number of steps is fixed, as lazy
and compiled arrays want it; 24 are enough to find a kink of a width of 1e-5.

Where the two are close the mean of L cancels, and what is summed is the slope of

    s*x + (1 - s)*y - x**s*y**(1 - s) >= 0,   x - y - x**s*y**(1 - s)*L,

near L = 0 as ``y*(h(L) - L*(exp(s*L) - 1))`` with h(L) = exp(L) - 1 - L.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, add_sums, exp, total
from .._arrays.protocols import Block, Fold, Measure
from .entries import Entry, Rate
from .expectation import in_base
from .expm1mx import expm1, expm1mx
from .f_divergence import Source, source_of
from .renyi import (
    OrderFold,
    Powers,
    common_shift,
    powers_of,
    scaled_powers,
    tilted_by_x,
    tilted_by_y,
)

_INF, _NAN = float("inf"), float("nan")
_STEPS = 24


class Tilt(NamedTuple):
    """A part of a row under the tilted distribution of an exponent; each (1, rows)."""

    low: Array
    high: Array
    """Bounds of the best exponent."""
    exponent: Array
    slope: Pair
    """sum(x - y - x**s*y**(1 - s)*L), over all entries."""
    shift: Array
    powers: Array
    """sum(x**s*y**(1 - s)), and with L and L**2 as factors, times exp(-shift)."""
    first: Array
    second: Array


@dataclass(frozen=True)
class SearchFold:
    """The sums at the exponent that the last pass led to."""

    source: Source
    start: float | None
    """The exponent of the first passes, which look at the ends and the middle."""

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Tilt:
        entry = self.source.entry(block, self.source.numbers(stats, xp=xp), xp=xp)
        none = xp.zeros_like(xp.max(entry.x))
        low, high, best = none, none + 1.0, none
        if isinstance(stats[-1], Tilt):
            unit = self.source.mean(Pair(none + 1.0), stats, xp=xp)
            low, high, best = _next(stats[-1], unit, xp=xp)
        if self.start is not None:
            best = xp.where(low < high, self.start, best)
        return _tilt(entry, low, high, best, xp=xp)

    def merge(self, one: Tilt, other: Tilt, *, xp: Namespace) -> Tilt:
        shift, (first, second) = common_shift(one, other, xp=xp)
        return one._replace(
            slope=add_sums(one.slope, other.slope, xp=xp),
            shift=shift,
            powers=one.powers * first + other.powers * second,
            first=one.first * first + other.first * second,
            second=one.second * first + other.second * second,
        )


def _tilt(e: Entry, low: Array, high: Array, s: Array, *, xp: Namespace) -> Tilt:
    shift, powers = scaled_powers(e, s, xp=xp)
    u = e.live_log_ratio
    close = e.live & (u < 2) & (u > -2)
    z = xp.where(close, u, 0.0)
    near = e.y * (expm1mx(z, xp=xp) - z * expm1(s * z, xp=xp))
    whole = powers * exp(Pair(shift), xp=xp)  # where it matters, there is no shift
    slope = xp.where(close, near, e.gap - xp.where(e.live, whole * u, 0.0))
    return Tilt(
        low=low,
        high=high,
        exponent=s,
        slope=total(slope, xp=xp),
        shift=shift,
        powers=total(powers, xp=xp).value,
        first=total(powers * u, xp=xp).value,
        second=total(powers * (u * u), xp=xp).value,
    )


def _next(tilt: Tilt, unit: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Bounds and exponent after one more look; ``unit`` is one over the entries' scale."""
    s, some = tilt.exponent, tilt.powers > 0
    powers = xp.where(some, tilt.powers, 1.0)
    mean = tilt.first / powers
    spread = tilt.second / powers - mean * mean
    close = (tilt.shift == 0) & (tilt.powers * unit > 0.5)
    slope = xp.where(close, -tilt.slope.value, mean)
    curve = xp.where(close, tilt.second, spread)
    low = xp.where(slope < 0, s, tilt.low)
    high = xp.where(slope > 0, s, tilt.high)
    # At the ends: 0 where the sum grows from there on, 1 where it falls up to there.
    high = xp.where((s == 0) & (slope > 0) & some, 0.0, high)
    low = xp.where((s == 1) & (slope < 0) & some, 1.0, low)
    curved = curve > 0
    step = s - slope / xp.where(curved, curve, 1.0)
    middle = 0.5 * (low + high)
    best = xp.where(curved & (step >= low) & (step <= high), step, middle)
    best = xp.where((slope == 0) & (s > low) & (s < high) | ~some, s, best)
    return low, high, best


class FoundFold(OrderFold):
    """The sums at the exponent that was found."""

    def order(self, block: Block, stats: Any) -> Array:
        best: Array = stats[-1].exponent
        return best


@dataclass(frozen=True)
class ChernoffInformation(Measure):
    """max over s of -log(sum(x**s*y**(1 - s))), and the s."""

    from_logits: tuple[bool, bool] = (False, False)
    base: float | None = None
    empty = (0.0, 0.5)

    @property
    def source(self) -> Source:
        return source_of(self.from_logits, True)

    @property
    def fills(self) -> tuple[float | None, ...]:
        return self.source.fills

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        starts = (0.0, 1.0, 0.5, *(None,) * _STEPS)
        search = (SearchFold(self.source, start) for start in starts)
        return (*self.source.passes(xp=xp), *search, FoundFold(self.source))

    def finish(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        powers, best = powers_of(self.source, stats, xp=xp), stats[-1][1]
        value = in_base(-powers.log, self.base, xp=xp)
        # Never below zero, nor -0.
        value = xp.where(value > 0, value, 0.0 * best)
        possible = self.source.possible(stats, xp=xp)
        return xp.where(possible, value, _NAN), xp.where(possible, best, _NAN)

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        shares = self.source.numbers(stats, xp=xp)
        return *shares, *powers_of(self.source, stats, xp=xp), stats[-1][1]

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """That of (1 - s)*Rényi's divergence of order s: moving s changes nothing."""
        *shares, divergence, log, shift, shifted, best = numbers
        powers = Powers(divergence, log, shift, shifted)
        entry = self.source.entry(block, shares, xp=xp)
        by_p = by_q = None
        if need[0]:
            inside = best < 1
            rate = tilted_by_x(entry, xp.where(inside, best, 0.5), powers, xp=xp)
            at_end = xp.where(entry.live, -expm1(-log, xp=xp), 1.0)
            at_ends = Rate(at_end, entry.x_times(at_end))
            rate = Rate(
                *(
                    xp.where(inside, (1 - best) * one, other)
                    for one, other in zip(rate, at_ends, strict=True)
                )
            )
            by_p = in_base(self.source.by_p(block, shares, rate, xp=xp), self.base, xp=xp)
        if need[1]:
            rate = tilted_by_y(entry, best, powers, xp=xp)
            rate = Rate(*((1 - best) * xp.where(best < 1, one, 0.0) for one in rate))
            by_q = in_base(self.source.by_q(block, shares, rate, xp=xp), self.base, xp=xp)
        return by_p, by_q
