"""Relative entropy of weights: probabilities or counts, normalised exactly.

Dividing by rounded sums would move every entry by an ulp, which is all there is to see when
the two sides are close. Instead q is brought to p's mass by one rounded ratio r, products
with it are kept exactly, and what r is off by is found from the residuals it leaves:

    delta_i = q_i*r - p_i,  eps = sum(delta)/sum(p),  p_i - q'_i = p_i*eps - delta_i

up to a factor 1 + eps, so that all errors are of second order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.pairs import Pair, add_sums, divide, scale, total, two_prod
from .._arrays.protocols import Block
from .elementwise import KL_DIV
from .expectation import in_base
from .kl_term import kl_div, kl_term, power_of_two_scale
from .logarithms import signed_log_ratio
from .sides import Weights

Array = Any
_SIDE = Weights()
_INF = float("inf")


class Largest(NamedTuple):
    p: Array
    q: Array


class LargestFold:
    """The largest weights, which the others are scaled by."""

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Any) -> Largest:
        return Largest(xp.max(block[0]), xp.max(block[1]))

    def merge(self, one: Largest, other: Largest, *, xp: Any) -> Largest:
        return Largest(xp.maximum(one.p, other.p), xp.maximum(one.q, other.q))


class Masses(NamedTuple):
    p: Pair
    q: Pair
    valid: Array


class MassesFold:
    """The sums of both sides."""

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Any) -> Masses:
        p, q = block
        valid = ~xp.any(_SIDE.invalid(p) | _SIDE.invalid(q))
        p, q = _scaled(block, stats, xp=xp)
        return Masses(total(p, xp=xp), total(q, xp=xp), valid)

    def merge(self, one: Masses, other: Masses, *, xp: Any) -> Masses:
        return Masses(one.p + other.p, one.q + other.q, one.valid & other.valid)


class SumFold:
    """What sums of blocks have in common: how they merge."""

    def merge(self, one: Pair, other: Pair, *, xp: Any) -> Pair:
        return add_sums(one, other, xp=xp)


class ResidualFold(SumFold):
    """sum(delta): how far the rounded ratio is from the true one."""

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Any) -> Pair:
        _, _, delta = _matched(block, _ratio(stats, xp=xp), xp=xp)
        return total(delta.hi, low=delta.lo, xp=xp)


class TermsFold(SumFold):
    """sum of the divergence's terms, p and q on p's scale."""

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Any) -> Pair:
        masses, residual = stats[-2:]
        eps = divide(residual, masses.p, xp=xp)
        p, y, d = log_ratio_ingredients(block, _ratio(stats, xp=xp), eps, xp=xp)
        return total(kl_term(p, y, d, xp=xp), xp=xp)


def _scaled(block: tuple[Array, ...], stats: Any, *, xp: Any) -> tuple[Array, Array]:
    p, q = block
    if not xp.exact:
        return p, q
    largest = stats[0]
    return (
        p * power_of_two_scale(largest.p, xp=xp),
        q * power_of_two_scale(largest.q, xp=xp),
    )


class Ratio(NamedTuple):
    """What brings a row's q to p's mass; each (1, rows)."""

    p_scale: Array
    """A power of two."""
    q_scale: Array
    rounded: Array
    """r, the rounded ratio of the scaled masses."""


def _ratio(stats: tuple[Any, ...], *, xp: Any) -> Ratio:
    masses = stats[1] if xp.exact else stats[0]
    rounded = masses.p.hi / masses.q.hi
    if xp.exact:
        p_scale, q_scale = (power_of_two_scale(top, xp=xp) for top in stats[0])
        return Ratio(p_scale, q_scale, rounded)
    # Short enough for its product with widened data to be exact.
    c = xp.rounded(xp.limits.shortener * rounded)
    one = xp.ones_like(rounded)
    return Ratio(one, one, c - (c - rounded))


def _matched(block: Block, ratio: Ratio, *, xp: Any) -> tuple[Array, Pair, Pair]:
    """p, q*r without error, and delta without error."""
    p, q = block
    if not xp.exact:
        y = Pair(q * ratio.rounded)
        return p, y, Pair(y.hi - p)
    p, q = p * ratio.p_scale, q * ratio.q_scale
    y = Pair(*two_prod(q, ratio.rounded, xp=xp))
    return p, y, y - Pair(p)


def log_ratio_ingredients(
    block: Block, ratio: Ratio, eps: Pair, *, xp: Any
) -> tuple[Array, Pair, Pair]:
    """p, q' of p's mass, and their difference p - q' with all its digits."""
    p, y, delta = _matched(block, ratio, xp=xp)
    if xp.exact:
        d = scale(p, eps, xp=xp) - delta
        y, d = Pair(y.hi, y.lo - y.hi * eps.hi), Pair(d.hi, d.lo - d.hi * eps.hi)
    else:
        shrink = 1 - eps.hi
        y, d = Pair(y.hi * shrink), Pair((p * eps.hi - delta.hi) * shrink)
    # What rounding eps leaves must not show where the sides are proportional. (A difference of
    # zero stays, for the sake of derivatives.)
    seen = (xp.abs(d.hi) > xp.limits.noise * p) | (d.hi == 0)
    return p, y, d.map(lambda word: xp.where(seen, word, 0.0))


def _mean(terms: Pair, masses: Masses, *, xp: Any) -> Array:
    """The divergence in nats."""
    value = divide(terms, masses.p, xp=xp).value
    return xp.where(xp.isfinite(terms.hi), value, terms.hi)


@dataclass(frozen=True)
class KLFromWeights:
    """Relative entropy of normalised weights."""

    base: float | None
    fills = (0.0, 0.0)
    empty = (0.0,)

    def passes(self, *, xp: Any) -> tuple[Any, ...]:
        rest = (MassesFold(), ResidualFold(), TermsFold())
        return (LargestFold(), *rest) if xp.exact else rest

    def finish(self, stats: tuple[Any, ...], *, xp: Any) -> tuple[Array, ...]:
        masses, _, terms = stats[-3:]
        value = _mean(terms, masses, xp=xp)
        possible = masses.valid & (masses.p.hi > 0) & (masses.q.hi > 0)
        return (in_base(xp.where(possible, value, float("nan")), self.base, xp=xp),)

    def numbers(self, stats: tuple[Any, ...], *, xp: Any) -> tuple[Array, ...]:
        masses, residual, terms = stats[-3:]
        eps = divide(residual, masses.p, xp=xp)
        low = xp.zeros_like(eps.hi) if eps.lo is None else eps.lo
        value = _mean(terms, masses, xp=xp)
        return *_ratio(stats, xp=xp), eps.hi, low, value, masses.p.hi, masses.q.hi

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Any
    ) -> tuple[Array | None, ...]:
        """(log(p/q') - KL)/sum(p) and (1 - p/q')/sum(q), from the exact difference."""
        *three, eps, low, value, p_mass, q_mass = numbers
        ratio = Ratio(*three)
        p, y, d = log_ratio_ingredients(block, ratio, Pair(eps, low), xp=xp)
        by_p = by_q = None
        if need[0]:
            rate = signed_log_ratio(p, y.hi, d.hi, xp=xp)
            lost = (p > 0) & (y.hi == 0)
            by_p = xp.where(lost, _INF, rate - value) / p_mass * ratio.p_scale
            by_p = in_base(by_p, self.base, xp=xp)
        if need[1]:
            absent = (p == 0) & (y.hi == 0)
            rate = xp.where(absent, 1.0, -d.hi / xp.where(absent, 1.0, y.hi))
            by_q = in_base(rate / q_mass * ratio.q_scale, self.base, xp=xp)
        return by_p, by_q


class GeneralisedFold(SumFold):
    """sum(kl_div(p, q)), and nan where a weight is none."""

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Any) -> Pair:
        p, q = block
        terms = kl_div(p, q, xp=xp)
        invalid = _SIDE.invalid(p) | _SIDE.invalid(q)
        return total(xp.where(invalid, float("nan"), terms), xp=xp)


@dataclass(frozen=True)
class GeneralisedKL:
    """sum(p*log(p/q) - p + q) of weights that are not normalised."""

    base: float | None
    fills = (0.0, 0.0)
    empty = (0.0,)

    def passes(self, *, xp: Any) -> tuple[Any, ...]:
        return (GeneralisedFold(),)

    def finish(self, stats: tuple[Pair], *, xp: Any) -> tuple[Array, ...]:
        return (in_base(stats[0].value, self.base, xp=xp),)

    def numbers(self, stats: tuple[Pair], *, xp: Any) -> tuple[Array, ...]:
        return ()

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Any
    ) -> tuple[Array | None, ...]:
        """log(p/q) and 1 - p/q, the terms' own."""
        return tuple(
            in_base(slope(*block, xp=xp), self.base, xp=xp) if needed else None
            for slope, needed in zip(KL_DIV.slopes, need, strict=True)
        )
