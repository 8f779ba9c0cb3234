"""Two distributions given by weights, on one scale without rounding their sums away.

Dividing by rounded sums would move every entry by an ulp, which is all there is to see when
the two sides are close. Instead q is brought to p's mass by one rounded ratio r, products
with it are kept exactly, and what r is off by is found from the residuals it leaves:

    delta_i = q_i*r - p_i,  eps = sum(delta)/sum(p),  p_i - q'_i = p_i*eps - delta_i

up to a factor 1 + eps, so that all errors are of second order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import (
    Pair,
    add_sums,
    divide,
    fast_two_sum,
    scale,
    total,
    two_prod,
    two_sum,
)
from .._arrays.protocols import Block, Fold
from .entries import Rate
from .kl_term import power_of_two_scale
from .linear_entries import LinearEntry
from .sides import Weights

_SIDE = Weights()


class Largest(NamedTuple):
    p: Array
    q: Array


class LargestFold:
    """The largest weights, which the others are scaled by."""

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Largest:
        return Largest(xp.max(block[0]), xp.max(block[1]))

    def merge(self, one: Largest, other: Largest, *, xp: Namespace) -> Largest:
        return Largest(xp.maximum(one.p, other.p), xp.maximum(one.q, other.q))


class Masses(NamedTuple):
    p: Pair
    q: Pair
    valid: Array


class MassesFold:
    """The sums of both sides."""

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Masses:
        p, q = block[:2]
        valid = ~xp.any(_SIDE.invalid(p) | _SIDE.invalid(q))
        if xp.exact:
            largest = stats[0]
            p = p * power_of_two_scale(largest.p, xp=xp)
            q = q * power_of_two_scale(largest.q, xp=xp)
        return Masses(total(p, xp=xp), total(q, xp=xp), valid)

    def merge(self, one: Masses, other: Masses, *, xp: Namespace) -> Masses:
        return Masses(one.p + other.p, one.q + other.q, one.valid & other.valid)


class SumFold:
    """What sums of blocks have in common: how they merge."""

    def merge(self, one: Pair, other: Pair, *, xp: Namespace) -> Pair:
        return add_sums(one, other, xp=xp)


class ResidualFold(SumFold):
    """sum(delta): how far the rounded ratio is from the true one."""

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Pair:
        _, _, delta = _matched(block, _ratio(stats, xp=xp), xp=xp)
        return total(delta.hi, low=delta.lo, xp=xp)


class Ratio(NamedTuple):
    """What brings a row's q to p's mass; each (1, rows)."""

    p_scale: Array
    """A power of two."""
    q_scale: Array
    rounded: Array
    """r, the rounded ratio of the scaled masses."""


class Numbers(NamedTuple):
    """What entries need of their row; each (1, rows)."""

    p_scale: Array
    q_scale: Array
    rounded: Array
    eps: Array
    eps_low: Array
    p_mass: Array
    """Of the scaled weights."""
    q_mass: Array

    @property
    def ratio(self) -> Ratio:
        return Ratio(self.p_scale, self.q_scale, self.rounded)


def _ratio(stats: tuple[Any, ...], *, xp: Namespace) -> Ratio:
    masses = stats[1] if xp.exact else stats[0]
    rounded = masses.p.hi / masses.q.hi
    if xp.exact:
        p_scale, q_scale = (power_of_two_scale(top, xp=xp) for top in stats[0])
        return Ratio(p_scale, q_scale, rounded)
    # Short enough for its product with widened data to be exact.
    c = xp.rounded(xp.limits.shortener * rounded)
    one = xp.ones_like(rounded)
    return Ratio(one, one, c - (c - rounded))


def _matched(block: Block, ratio: Ratio, *, xp: Namespace) -> tuple[Array, Pair, Pair]:
    """p, q*r without error, and delta without error."""
    p, q = block[:2]
    if not xp.exact:
        y = Pair(q * ratio.rounded)
        return p, y, Pair(y.hi - p)
    p, q = p * ratio.p_scale, q * ratio.q_scale
    y = Pair(*two_prod(q, ratio.rounded, xp=xp))
    return p, y, y - Pair(p)


@dataclass(frozen=True)
class WeightShares:
    """Normalised weights; entries are on the scale of p's scaled sum."""

    fills = (0.0, 0.0)
    count = len(Numbers._fields)

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        rest = (MassesFold(), ResidualFold())
        return (LargestFold(), *rest) if xp.exact else rest

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> Numbers:
        _, masses, residual = stats[:3] if xp.exact else (None, *stats[:2])
        eps = divide(residual, masses.p, xp=xp)
        low = xp.zeros_like(eps.hi) if eps.lo is None else eps.lo
        return Numbers(*_ratio(stats, xp=xp), eps.hi, low, masses.p.hi, masses.q.hi)

    def entry(self, block: Block, numbers: Any, *, xp: Namespace) -> LinearEntry:
        """p, q' of p's mass, and their difference p - q' with all its digits."""
        numbers = Numbers(*numbers)
        eps = Pair(numbers.eps, numbers.eps_low)
        p, y, delta = _matched(block, numbers.ratio, xp=xp)
        if xp.exact:
            d = scale(p, eps, xp=xp) - delta
            y = Pair(*fast_two_sum(y.hi, y.lo - y.hi * eps.hi))
            d = Pair(*fast_two_sum(d.hi, d.lo - d.hi * eps.hi))
        else:
            shrink = 1 - eps.hi
            y, d = Pair(y.hi * shrink), Pair((p * eps.hi - delta.hi) * shrink)
        # What rounding eps leaves must not show where the sides are proportional. (A difference
        # of zero stays, for the sake of derivatives.)
        seen = (xp.abs(d.hi) > xp.limits.noise * p) | (d.hi == 0)
        d = d.map(lambda word: xp.where(seen, word, 0.0))
        if not xp.exact:
            return LinearEntry(Pair(p), y, d, xp)
        scales = xp.log(numbers.p_scale) - xp.log(numbers.q_scale) - xp.log(numbers.rounded)
        factors = ((numbers.p_scale,), (numbers.q_scale, numbers.rounded))
        raw = (block[0], block[1], scales, factors)
        return LinearEntry(Pair(p), y, d, xp, _unit(numbers.p_mass, xp=xp), raw)

    def possible(self, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        """Whether both rows are distributions."""
        masses = self._masses(stats, xp=xp)
        return masses.valid & (masses.p.hi > 0) & (masses.q.hi > 0)

    def mean(self, terms: Pair, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        """A sum of entries, over the scale they are on."""
        mass = self._masses(stats, xp=xp).p
        if xp.exact:
            unit = _unit(mass.hi, xp=xp)
            mass = mass.map(lambda word: word * unit)
        value = divide(terms, mass, xp=xp).value
        return xp.where(xp.isfinite(terms.hi), value, terms.hi)

    def by_p(
        self, block: Block, numbers: Sequence[Array], rate: Rate, *, xp: Namespace
    ) -> Array:
        """The derivative by p's weights of what changes by ``rate`` with its shares."""
        residuals = Numbers(*numbers)
        return rate.plain / residuals.p_mass * residuals.p_scale

    def by_q(
        self, block: Block, numbers: Sequence[Array], rate: Rate, *, xp: Namespace
    ) -> Array:
        residuals = Numbers(*numbers)
        return rate.plain / residuals.q_mass * residuals.q_scale

    @staticmethod
    def _masses(stats: tuple[Any, ...], *, xp: Namespace) -> Masses:
        masses: Masses = stats[1] if xp.exact else stats[0]
        return masses


def _unit(mass: Array, *, xp: Namespace) -> Array:
    """The power of two that brings a scaled mass of at least 1 below 2."""
    unit = xp.ones_like(mass)
    step = 512.0 if xp.limits.splitter > 2**20 else 64.0
    while step >= 1:
        above = mass * unit >= 2.0**step
        unit = xp.where(above, unit * 2.0**-step, unit)
        step /= 2
    return unit


class Measured(NamedTuple):
    """Two sides as they are, of weights or of logits."""

    top: Array
    """The largest entry of both, which they are scaled by."""
    valid: Array


class MergedMeasures:
    """What folds of `Measured` have in common: how they merge."""

    def merge(self, one: Measured, other: Measured, *, xp: Namespace) -> Measured:
        return Measured(xp.maximum(one.top, other.top), one.valid & other.valid)


class MeasuredFold(MergedMeasures):
    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Measured:
        p, q = block[:2]
        valid = ~xp.any(_SIDE.invalid(p) | _SIDE.invalid(q))
        return Measured(xp.maximum(xp.max(p), xp.max(q)), valid)


@dataclass(frozen=True)
class WeightMeasures:
    """Weights that are not normalised."""

    fills = (0.0, 0.0)
    count = 1

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return (MeasuredFold(),)

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        top = stats[0].top
        return (power_of_two_scale(top, xp=xp) if xp.exact else xp.ones_like(top),)

    def entry(self, block: Block, numbers: Any, *, xp: Namespace) -> LinearEntry:
        p, q = (one * numbers[0] for one in block[:2])
        gap = Pair(*two_sum(p, -q)) if xp.exact else Pair(p - q)
        return LinearEntry(Pair(p), Pair(q), gap, xp)

    def possible(self, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        measured: Measured = stats[0]
        return measured.valid

    def mean(self, terms: Pair, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        return terms.value / self.numbers(stats, xp=xp)[0]

    def by_p(self, block: Block, numbers: Any, rate: Rate, *, xp: Namespace) -> Array:
        return rate.plain

    by_q = by_p
