"""Rényi's divergence of every order, from the table's term of that order.

With ``B = sum((x**a*y**(1 - a) - a*x - (1 - a)*y)/(a - 1))``, a sum of terms none of which is
negative, and ``M = (a - 1)*B``, the sum of ``x**a*y**(1 - a)`` is 1 + M and the divergence

    D = log1p(M)/(a - 1) = B*(log1p(M)/M),

which is KL at a = 1 and the logarithm of a covered share at a = 0. It loses digits only where M
is close to -1, two distributions with little in common; there, and where the sum leaves the
range, it is the logarithm of the sum itself, shifted by its largest exponent. So is a = inf,
the largest log-ratio, for which a very large order stands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, add_sums, exp, total
from .._arrays.protocols import Block, Fold, Measure
from .deformed import deformed, log1p_over
from .entries import Entry, Rate
from .expectation import in_base
from .expm1mx import expm1
from .f_divergence import Source, source_of
from .power_gap import alpha_term

_INF, _NAN = float("inf"), float("nan")


class Sums(NamedTuple):
    """Of a part of a row, on the scale its entries are on."""

    terms: Pair
    """sum((x**a*y**(1 - a) - a*x - (1 - a)*y)/(a*(a - 1))) of what both sides have."""
    only_x: Array
    """What only the first has,"""
    only_y: Array
    """and only the second."""
    highest: Array
    """The largest log(x/y)."""
    shift: Array
    """0, or the largest exponent of an x**a*y**(1 - a) that is far from 1."""
    powers: Array
    """sum(x**a*y**(1 - a))*exp(-shift)."""


def finite_order(alpha: Array, *, xp: Namespace) -> Array:
    """The order; a very large one instead of inf."""
    return xp.minimum(alpha, xp.limits.endless)


def scaled_powers(e: Entry, alpha: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """A row's shift, and ``x**a*y**(1 - a)*exp(-shift)`` of what both sides have."""
    factor, exponent = e.powers(alpha)
    largest = xp.max(xp.where(e.live, exponent.hi, -_INF))
    far = (xp.abs(largest) > xp.limits.headroom) & (xp.abs(largest) < _INF)
    shift = xp.where(far, largest, 0.0)
    return shift, _shifted(e, factor, exponent, shift, xp=xp)


def _shifted(e: Entry, factor: Array, exponent: Pair, shift: Array, *, xp: Namespace) -> Array:
    """``factor*exp(exponent - shift)`` where both sides have mass."""
    # Past 1/eps the low words of exponents are larger than 1, and noise.
    wild = xp.abs(shift) > xp.limits.headroom**6
    below = exponent - Pair(shift)
    below = Pair(
        xp.where(e.live, xp.where(wild, exponent.hi - shift, below.hi), 0.0),
        xp.where(e.live & ~wild, below.lo, 0.0),
    )
    return xp.where(e.live, factor * exp(below, xp=xp), 0.0)


def order_sums(e: Entry, alpha: Array, *, xp: Namespace) -> Sums:
    """`Sums` of a block."""
    shift, powers = scaled_powers(e, alpha, xp=xp)
    return Sums(
        terms=total(xp.where(e.live, alpha_term(e, alpha, xp=xp), 0.0), xp=xp),
        only_x=total(xp.where(e.only_x, e.x, 0.0), xp=xp).value,
        only_y=total(xp.where(e.only_y, e.y, 0.0), xp=xp).value,
        highest=xp.max(xp.where(e.live, e.live_log_ratio, -_INF)),
        shift=shift,
        powers=total(powers, xp=xp).value,
    )


def merged_sums(one: Sums, other: Sums, *, xp: Namespace) -> Sums:
    """`Sums` of two parts together."""
    shift, (first, second) = common_shift(one, other, xp=xp)
    return Sums(
        terms=add_sums(one.terms, other.terms, xp=xp),
        only_x=one.only_x + other.only_x,
        only_y=one.only_y + other.only_y,
        highest=xp.maximum(one.highest, other.highest),
        shift=shift,
        powers=one.powers * first + other.powers * second,
    )


def common_shift(one: Any, other: Any, *, xp: Namespace) -> tuple[Array, list[Array]]:
    """The shift of two parts together, and what scales each part's shifted sums to it."""
    # A part without any power has the shift 0, and nothing to be shifted.
    shifts = [xp.where(part.powers > 0, part.shift, -_INF) for part in (one, other)]
    shift = xp.maximum(*shifts)
    shift = xp.where(shift > -_INF, shift, 0.0)
    scales = [
        xp.exp(xp.where(part.powers > 0, part.shift - shift, 0.0)) for part in (one, other)
    ]
    return shift, scales


class Powers(NamedTuple):
    """What a row's sum of powers is; each (1, rows)."""

    divergence: Array
    """log(sum)/(a - 1), in nats."""
    log: Array
    """log(sum), 0 where it is not needed."""
    shift: Array
    shifted: Array
    """sum*exp(-shift); over it, powers are on the scale of the entries."""


def powers_of(source: Source, stats: tuple[Any, ...], *, xp: Namespace) -> Powers:
    """A row's numbers, from passes of which the last is an `OrderFold`."""
    sums, order = stats[-1]
    alpha = finite_order(order, xp=xp)

    def mean(terms: Pair) -> Array:
        return source.mean(terms, stats, xp=xp)

    terms, powers = mean(sums.terms), mean(Pair(sums.powers))
    only_x, only_y = mean(Pair(sums.only_x)), mean(Pair(sums.only_y))
    inside = alpha < 1
    share = alpha / xp.where(inside, 1 - alpha, 1.0)
    lost = xp.where(only_x > 0, xp.where(inside, share * only_x, _INF), 0.0)
    bent = alpha * terms + only_y + lost
    # (a - 1)*share is -a, also at a = 1.
    order = alpha - 1
    excess = xp.where(order == 0, 0.0, order * (alpha * terms + only_y))
    infinite = (alpha > 1) & (only_x > 0)
    excess = xp.where(alpha > 1, xp.where(infinite, _INF, excess), excess - alpha * only_x)
    plain = (excess > -0.5) & (excess < math.exp(xp.limits.headroom))
    plain = plain & (alpha < xp.limits.endless)
    safe = xp.where(plain, excess, 0.0)
    near = xp.where(plain, bent, 0.0) * log1p_over(safe, xp=xp)
    some = powers > 0
    log = xp.where(some, xp.log(xp.where(some, powers, 1.0)), -_INF)
    divisor = xp.where(order == 0, 1.0, order)
    far = xp.where(some, (sums.shift + log) / divisor, _INF)
    # The largest ratio alone is left of powers that overflow, and of an order of inf.
    beyond = sums.shift >= 0.125 * xp.limits.largest
    endless = some & ((alpha >= xp.limits.endless) | beyond)
    far = xp.where(endless, sums.highest, far)
    far = xp.where(infinite | (order == 0), bent, far)
    return Powers(
        divergence=xp.where(plain, near, far),
        log=xp.where(plain, xp.log1p(safe), sums.shift + log),
        shift=sums.shift,
        shifted=xp.where(some, powers, 1.0),
    )


@dataclass(frozen=True)
class OrderFold:
    source: Source

    def order(self, block: Block, stats: Any) -> Array:
        """The order of every row."""
        return block[2][:1, :]

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> tuple[Sums, Array]:
        entry = self.source.entry(block, self.source.numbers(stats, xp=xp), xp=xp)
        order = self.order(block, stats)
        return order_sums(entry, finite_order(order, xp=xp), xp=xp), order

    def merge(self, one: Any, other: Any, *, xp: Namespace) -> tuple[Sums, Array]:
        return merged_sums(one[0], other[0], xp=xp), one[1]


@dataclass(frozen=True)
class RenyiDivergence(Measure):
    """log(sum(x**a*y**(1 - a)))/(a - 1), times a factor."""

    from_logits: tuple[bool, bool] = (False, False)
    base: float | None = None
    factor: float = 1.0
    empty = (0.0,)

    @property
    def source(self) -> Source:
        return source_of(self.from_logits, True)

    @property
    def fills(self) -> tuple[float | None, ...]:
        return (*self.source.fills, None)

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return (*self.source.passes(xp=xp), OrderFold(self.source))

    def finish(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        powers, alpha = powers_of(self.source, stats, xp=xp), stats[-1][1]
        value = self.factor * in_base(powers.divergence, self.base, xp=xp)
        possible = self.source.possible(stats, xp=xp) & (alpha >= 0)
        return (xp.where(possible, value, _NAN),)

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        shares = self.source.numbers(stats, xp=xp)
        return *shares, *powers_of(self.source, stats, xp=xp)

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """By p's shares a/(a - 1)*(x**(a - 1)*y**(1 - a)/C - 1), by q's 1 - x**a*y**-a/C."""
        *shares, divergence, log, shift, shifted = numbers
        powers = Powers(divergence, log, shift, shifted)
        entry = self.source.entry(block, shares, xp=xp)
        alpha = finite_order(block[2], xp=xp)
        by_p = by_q = None
        if need[0]:
            rate = tilted_by_x(entry, alpha, powers, xp=xp)
            by_p = self.source.by_p(block, shares, rate, xp=xp)
            by_p = self.factor * in_base(by_p, self.base, xp=xp)
        if need[1]:
            rate = tilted_by_y(entry, alpha, powers, xp=xp)
            by_q = self.source.by_q(block, shares, rate, xp=xp)
            by_q = self.factor * in_base(by_q, self.base, xp=xp)
        return by_p, by_q, None


@dataclass(frozen=True)
class Coefficient(RenyiDivergence):
    """sum(x**a*y**(1 - a)) for 0 < a < 1, where it is tiny from the powers themselves."""

    def finish(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        value = _sum_of(powers_of(self.source, stats, xp=xp), xp=xp)
        return (xp.where(self.source.possible(stats, xp=xp), value, _NAN),)

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """By p's shares a*(x**(a - 1)*y**(1 - a) - C), by q's (1 - a)*(x**a*y**-a - C)."""
        *shares, divergence, log, shift, shifted = numbers
        powers = Powers(divergence, log, shift, shifted)
        entry = self.source.entry(block, shares, xp=xp)
        alpha = finite_order(block[2], xp=xp)
        factor = (alpha - 1) * _sum_of(powers, xp=xp)
        by_p = by_q = None
        if need[0]:
            rate = tilted_by_x(entry, alpha, powers, xp=xp)
            rate = _rate_of_sum(rate, entry, alpha, powers, factor, xp=xp)
            by_p = self.source.by_p(block, shares, rate, xp=xp)
        if need[1]:
            rate = tilted_by_y(entry, alpha, powers, xp=xp)
            rate = _rate_of_sum(rate, entry.swapped, 1 - alpha, powers, factor, xp=xp)
            by_q = self.source.by_q(block, shares, rate, xp=xp)
        return by_p, by_q, None


def _sum_of(powers: Powers, *, xp: Namespace) -> Array:
    """The sum of powers: exactly 1 of equal rows, 0 of those that have nothing in common."""
    near = powers.log > -0.5
    close = xp.exp(xp.where(near, powers.log, 0.0))
    apart = powers.shifted * xp.exp(xp.where(near, 0.0, powers.shift))
    return xp.where(near, close, xp.where(powers.divergence == _INF, 0.0, apart))


def _rate_of_sum(
    rate: Rate, e: Entry, own: Array, powers: Powers, factor: Array, *, xp: Namespace
) -> Rate:
    """The rate of the sum by x, whose power is ``own``, from that of the divergence.

    ``factor`` is what the sum changes by with the divergence.
    """
    here = (e.live | e.only_x) & (factor < 0)
    plain, weighted = (xp.where(here, factor * xp.where(here, one, 0.0), 0.0) for one in rate)
    # The derivative of a logarithm may leave the range where that of the sum does not.
    steep = here & (xp.abs(plain) > 2.0**60)
    ratio = xp.where(steep, e.live_log_ratio, 0.0)
    plain = xp.where(steep, own * xp.exp((own - 1) * ratio), plain)
    equal = -own * xp.where(
        factor < 0, expm1(xp.where(factor < 0, powers.log, 0.0), xp=xp), -1.0
    )
    plain = xp.where(e.live | e.only_x, plain, xp.where(e.only_y, _INF, equal))
    return Rate(plain, weighted)


def tilted_by_x(e: Entry, alpha: Array, powers: Powers, *, xp: Namespace) -> Rate:
    """``a/(a - 1)*(x**(a - 1)*y**(1 - a)/C - 1)``."""
    order = alpha - 1
    own = e.live_log_ratio - powers.divergence
    z = order * own
    near = (z < 1) & (z > -1) & _known(order * e.live_log_ratio, xp=xp)
    close = alpha * deformed(xp.where(near, own, 0.0), order, xp=xp)
    factor = alpha / xp.where(order == 0, 1.0, order)
    share = _tilted_share(e, alpha, powers, xp=xp)
    known = e.x > 0
    ratio = xp.where(known, share / xp.where(known, e.x, 1.0), xp.exp(z))
    inside = xp.where(near, close, factor * (ratio - 1))
    weighted = xp.where(near, e.x_times(close), factor * (share - e.x))
    ends = xp.where(e.only_y | e.only_x, e.log_ratio, 0.0)
    ends = alpha * xp.where(alpha == 0, 0.0, deformed(ends, order, xp=xp))
    alone = e.only_x | e.only_y
    inside = xp.where(alpha == 0, 0.0, inside)
    return Rate(
        xp.where(alone, ends, inside),
        xp.where(alone, e.x_times(ends), xp.where(alpha == 0, 0.0, weighted)),
    )


def tilted_by_y(e: Entry, alpha: Array, powers: Powers, *, xp: Namespace) -> Rate:
    """``1 - x**a*y**-a/C``."""
    # The log-ratio less log(C)/a, which is that of the mean.
    z = alpha * e.live_log_ratio - powers.log
    near = (z < 1) & (z > -1) & _known(z + powers.log, xp=xp)
    close = -expm1(xp.where(near, z, 0.0), xp=xp)
    share = _tilted_share(e, alpha, powers, xp=xp)
    known = e.y > 0
    ratio = xp.where(known, share / xp.where(known, e.y, 1.0), xp.exp(z))
    inside = xp.where(near, close, 1 - ratio)
    weighted = xp.where(near, e.swapped.x_times(close), e.y - share)
    ends = xp.where(e.only_y, 1.0, xp.where(alpha > 0, -_INF, 0.0 * inside))
    alone = e.only_x | e.only_y
    return Rate(
        xp.where(alone, ends, inside),
        xp.where(alone, e.swapped.x_times(ends), weighted),
    )


def _known(exponent: Array, *, xp: Namespace) -> Array:
    """Whether an exponent is so small that a difference to another one has digits."""
    return xp.abs(exponent) < xp.limits.headroom


def _tilted_share(e: Entry, alpha: Array, powers: Powers, *, xp: Namespace) -> Array:
    """``x**a*y**(1 - a)/C``."""
    factor, exponent = e.powers(alpha)
    return _shifted(e, factor, exponent, powers.shift, xp=xp) / powers.shifted
