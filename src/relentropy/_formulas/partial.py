"""Relative entropy where only some log-probabilities are known, and the rest is one bucket.

With p and q the known masses, d = log(q/p), and P = 1 - sum(p), Q = 1 - sum(q) the rests,

    KL = sum(p*(exp(d) - 1 - d)) + (P*log(P/Q) - P + Q),  Q - P = -sum(p*(exp(d) - 1)),

a sum of terms none of which is negative. The rests' difference is added up from the entries'
own differences, so that it has digits also where both rests are rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import ZERO, Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, total
from .._arrays.protocols import Block, Measure
from .expectation import difference
from .expm1mx import expm1, expm1mx
from .log1pmx import log1pmx
from .times import times

_INF, _NAN = float("inf"), float("nan")


class Sums(NamedTuple):
    p: Pair
    q: Pair
    excess: Pair
    """sum(p*(exp(d) - 1 - d)), and q where there is no p; -sum(p*d) without a bucket."""
    gain: Any
    """sum(q - p), a pair; None without a bucket, which is made of it."""
    lost: Array
    """Whether p has mass where q has none."""
    valid: Array


class Entry(NamedTuple):
    p: Array
    q: Array
    d: Pair
    """0 where it is infinite."""
    live: Array
    """Where both have mass."""


def _entry(block: Block, *, xp: Namespace) -> Entry:
    log_p, log_q = block
    live = (log_p > -_INF) & (log_q > -_INF)
    return Entry(
        p=xp.exp(log_p), q=xp.exp(log_q), d=difference(log_q, log_p, ~live, xp=xp), live=live
    )


@dataclass(frozen=True)
class PartialFold:
    bucket: bool

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Sums:
        log_p, log_q = block
        p, q, d, live = _entry(block, xp=xp)
        x, low = d.hi, 0.0 if d.lo is None else d.lo
        gain: Pair | None = None
        if self.bucket:
            grown = expm1(x, xp=xp)
            # Far above, where p*(exp(d) - 1) leaves the range, q is all that counts.
            far = x > xp.limits.headroom
            excess = xp.where(far, q, p * (expm1mx(x, xp=xp) + grown * low))
            lifted = xp.where(log_p > -_INF, 0.0, q)
            raised = xp.where(far, q, p * (grown + low * (1 + grown)))
            gain = total(xp.where(live, raised, q - p), xp=xp)
        else:
            excess, lifted = -(p * x + p * low), xp.zeros_like(p)
        return Sums(
            p=total(p, xp=xp, compensated=True),
            q=total(q, xp=xp, compensated=True),
            excess=total(xp.where(live, excess, lifted), xp=xp),
            gain=gain,
            lost=xp.any((log_p > -_INF) & (log_q == -_INF)),
            valid=~xp.any(~((log_p < _INF) & (log_q < _INF))),
        )

    def merge(self, one: Sums, other: Sums, *, xp: Namespace) -> Sums:
        return Sums(
            one.p + other.p,
            one.q + other.q,
            one.excess + other.excess,
            one.gain + other.gain if self.bucket else None,
            one.lost | other.lost,
            one.valid & other.valid,
        )


@dataclass(frozen=True)
class PartialKL(Measure):
    """The divergence with the rest as a bucket or left out, and both known masses."""

    bucket: bool
    noise: float = 0.0
    """The rest of p that is none where q has none: what roundings of its entries may leave."""
    fills = (-_INF, -_INF)
    empty = (0.0, 0.0, 0.0)

    def passes(self, *, xp: Namespace) -> tuple[PartialFold]:
        return (PartialFold(self.bucket),)

    def finish(self, stats: tuple[Sums], *, xp: Namespace) -> tuple[Array, ...]:
        (sums,) = stats
        if self.bucket:
            rest, relative, _ = self._rest(sums, xp=xp)
            bent = xp.where(rest > 0, -rest * log1pmx(relative, xp=xp), 0.0)
            value = sums.excess.value + xp.where(rest > 0, bent, relative)
        else:
            value = sums.excess.value
        value = xp.where(sums.lost, _INF, value)
        return tuple(
            xp.where(sums.valid, one, _NAN) for one in (value, sums.p.value, sums.q.value)
        )

    def numbers(self, stats: tuple[Sums], *, xp: Namespace) -> tuple[Array, ...]:
        (sums,) = stats
        return (self._rest(sums, xp=xp)[2],) if self.bucket else ()

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """By log q, p*(exp(d - D) - 1), by log p, p*(D - d); D is the bucket's d.

        Where the rest is left out -p and p*(1 - d).
        """
        p, q, d, live = _entry(block, xp=xp)
        lost = (block[0] > -_INF) & ~live
        by_p = by_q = None
        if self.bucket:
            (log_ratio,) = numbers
            moved = d - Pair(log_ratio)
            low = xp.where(xp.isfinite(moved.hi) & live, moved.lo, 0.0)
            high = xp.where(live, moved.hi, 0.0)
            if need[0]:
                by_p = xp.where(lost, _INF, times(p, -(high + low), xp=xp))
            if need[1]:
                near = live & (high < 1)
                rate = expm1(xp.where(near, high, 0.0), xp=xp)
                close = p * (rate + low * (1 + rate))
                by_q = xp.where(near, close, times(q, xp.exp(-log_ratio), xp=xp) - p)
        else:
            if need[0]:
                low = ZERO if d.lo is None else d.lo
                by_p = xp.where(lost, _INF, p * ((1 - d.hi) - low))
            by_q = 0 - p if need[1] else None
        return by_p, by_q

    def _rest(self, sums: Sums, *, xp: Namespace) -> tuple[Array, Array, Array]:
        """P, (Q - P)/P, or Q where P is 0, and log(Q/P)."""
        one = xp.ones_like(sums.p.hi)
        rest = (Pair(one) - sums.p).value
        gain = sums.gain.value
        rest = xp.where((rest > 0) & ~((rest <= self.noise) & (gain >= rest)), rest, 0.0)
        some = rest > 0
        relative = xp.maximum(-gain / xp.where(some, rest, 1.0), -1.0)
        other = xp.maximum((Pair(one) - sums.q).value, 0.0)
        log_ratio = xp.log1p(xp.where(some, relative, 0.0))
        log_ratio = xp.where(some, log_ratio, xp.where(other > 0, _INF, 0.0))
        return rest, xp.where(some, relative, other), log_ratio
