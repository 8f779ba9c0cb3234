"""Two distributions of which at least one is given by logits, as entries.

With each side measured from its own largest logit no exponential overflows, and the log-ratio
is ``(a - b) - (top_a - top_b) - log(mass_a/mass_b)``, pairs but for the last logarithm. What
that is off by moves every entry alike, and shows in the masses: a pass more sums up what is
too much on one side, entries that are close by ``expm1`` of their log-ratio, and takes it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import ZERO, Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, calm, exp, minus, total, two_sum
from .._arrays.protocols import Block, Fold
from .entries import Rate
from .expectation import exp_difference, finite_or_zero
from .log_entries import LogEntry
from .log_pair import Logarithm, log_pair
from .weight_shares import Measured, MergedMeasures

_INF = float("inf")


def logarithms(
    block: Block, from_logits: tuple[bool, bool], *, xp: Namespace
) -> list[Logarithm]:
    """Both sides as logits."""
    return [
        _logits(one) if is_log else log_pair(one, xp=xp)
        for one, is_log in zip(block[:2], from_logits, strict=True)
    ]


def _logits(given: Array | Pair) -> Logarithm:
    return Logarithm(given if isinstance(given, Pair) else Pair(given))


class Masses(NamedTuple):
    """The largest logit of each side, and the sum of exponentials relative to it."""

    p_top: Array
    p_mass: Array
    q_top: Array
    q_mass: Array
    valid: Array


@dataclass(frozen=True)
class MassesFold:
    from_logits: tuple[bool, bool]

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Masses:
        found: list[tuple[Array, Array]] = []
        invalid: Array | Any = False
        for log, _ in logarithms(block, self.from_logits, xp=xp):
            top = xp.max(log.hi)
            below = _below(log, log.hi == -_INF, finite_or_zero(top, xp=xp), xp=xp)
            weight = xp.where(log.hi == -_INF, 0.0, exp(below, xp=xp))
            found.append((top, total(weight, xp=xp).value))
            invalid = xp.any(~(log.hi < _INF)) | invalid
        return Masses(*found[0], *found[1], ~invalid)

    def merge(self, one: Masses, other: Masses, *, xp: Namespace) -> Masses:
        p_top, q_top = xp.maximum(one.p_top, other.p_top), xp.maximum(one.q_top, other.q_top)
        p_mass = q_mass = ZERO
        for part in (one, other):
            p_mass = p_mass + part.p_mass * exp_difference(part.p_top, p_top, xp=xp)
            q_mass = q_mass + part.q_mass * exp_difference(part.q_top, q_top, xp=xp)
        return Masses(p_top, p_mass, q_top, q_mass, one.valid & other.valid)


def _below(log: Pair, absent: Array, anchor: Array, *, xp: Namespace) -> Pair:
    """A logit less an anchor; what is masked enters no arithmetic."""
    return minus(log.map(lambda word: xp.where(absent, 0.0, word)), anchor, xp=xp).map(
        lambda word: xp.where(absent, 0.0, word)
    )


class Numbers(NamedTuple):
    """What entries need of their row; each (1, rows)."""

    p_top: Array
    q_top: Array
    p_mass: Array
    ratio: Array
    """p's mass over q's, each relative to its largest."""
    offset: Array
    """The logarithm of that,"""
    rest: Array
    """and what the rounded logarithm is off by."""


class Residual(NamedTuple):
    too_much: Pair
    """sum(y - x)."""
    close: Array
    """What of that moves with the offset: the smaller masses of the entries that are close."""
    apart: Array
    """sum(abs(y - x))."""


@dataclass(frozen=True)
class ResidualFold:
    shares: LogitShares

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Residual:
        entry = self.shares.entry(block, self.shares.first_numbers(stats[0], xp=xp), xp=xp)
        u = entry.live_log_ratio
        close = entry.live & (u < 1) & (u > -1)
        moving = xp.where(close, xp.where(u > 0, entry.y, entry.x), 0.0)
        gap = entry.gap
        return Residual(
            total(-gap, xp=xp), total(moving, xp=xp).value, total(xp.abs(gap), xp=xp).value
        )

    def merge(self, one: Residual, other: Residual, *, xp: Namespace) -> Residual:
        return Residual(
            one.too_much + other.too_much, one.close + other.close, one.apart + other.apart
        )


@dataclass(frozen=True)
class LogitShares:
    """Normalised; entries are on the scale of p's largest logit."""

    from_logits: tuple[bool, bool] = (True, True)
    count = len(Numbers._fields)

    @property
    def fills(self) -> tuple[float, float]:
        p_is_log, q_is_log = self.from_logits
        return (-_INF if p_is_log else 0.0, -_INF if q_is_log else 0.0)

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return (MassesFold(self.from_logits), ResidualFold(self))

    def first_numbers(self, masses: Masses, *, xp: Namespace) -> Numbers:
        p_mass = xp.where(masses.p_mass > 0, masses.p_mass, 1.0)
        ratio = p_mass / xp.where(masses.q_mass > 0, masses.q_mass, 1.0)
        p_top, q_top = (finite_or_zero(top, xp=xp) for top in (masses.p_top, masses.q_top))
        offset = xp.log(ratio)
        rest = (ratio * xp.exp(-offset) - 1) if xp.exact else xp.zeros_like(ratio)
        return Numbers(p_top, q_top, p_mass, ratio, offset, rest)

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> Numbers:
        masses, residual = stats[:2]
        first = self.first_numbers(masses, xp=xp)
        # Rows that are far apart say too little of the offset, and need it less.
        enough = residual.close > 0.5 * masses.p_mass
        more = residual.too_much.value / xp.where(enough, residual.close, 1.0)
        rest = first.rest - xp.where(enough, more, 0.0)
        # Masses that differ by rounding are equal, as those of the same logits in other orders:
        # or else entries that agree would differ, in one direction or the other.
        alike = xp.abs(first.offset + rest) < (2.0**-55 if xp.exact else 2.0**-49)
        alike = alike & (residual.apart > 0.125 * masses.p_mass)
        return first._replace(
            ratio=xp.where(alike, 1.0, first.ratio),
            offset=xp.where(alike, 0.0, first.offset),
            rest=xp.where(alike, 0.0, rest),
        )

    def entry(self, block: Block, numbers: Any, *, xp: Namespace) -> LogEntry:
        numbers = Numbers(*numbers)
        (a, a_tail), (b, b_tail) = logarithms(block, self.from_logits, xp=xp)
        no_p, no_q = a.hi == -_INF, b.hi == -_INF
        log_x = _below(a, no_p, numbers.p_top, xp=xp)
        log_y = _below(b, no_q, numbers.q_top, xp=xp)
        x = xp.where(no_p, 0.0, exp(log_x, xp=xp))
        y = xp.where(no_q, 0.0, exp(log_y, xp=xp) * numbers.ratio)
        log_y = log_y + Pair(numbers.offset)

        none = no_p | no_q
        a, b = (one.map(lambda word: xp.where(none, 0.0, word)) for one in (a, b))
        tops = Pair(*two_sum(numbers.p_top, -numbers.q_top))
        ratio = (a - b) - tops - Pair(numbers.offset)
        # Third words last, where the first two have cancelled.
        ratio = ratio if a_tail is None else ratio + Pair(a_tail)
        ratio = ratio if b_tail is None else ratio - Pair(b_tail)
        ratio = (ratio - Pair(numbers.rest)).map(lambda word: xp.where(none, 0.0, word))
        ratio = calm(ratio, a.hi - b.hi, xp=xp)
        return LogEntry(log_x, log_y, ratio, x, y, no_p, no_q, xp)

    def possible(self, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        masses: Masses = stats[0]
        return masses.valid & (masses.p_top > -_INF) & (masses.q_top > -_INF)

    def mean(self, terms: Pair, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        masses: Masses = stats[0]
        return terms.value / xp.where(masses.p_mass > 0, masses.p_mass, 1.0)

    def by_p(
        self, block: Block, numbers: Sequence[Array], rate: Rate, *, xp: Namespace
    ) -> Array:
        """The derivative by p's input of what changes by ``rate`` with its shares."""
        residuals = Numbers(*numbers)
        if self.from_logits[0]:
            return rate.weighted / residuals.p_mass
        # The share of a weight is one over the row's sum, also at zero.
        return rate.plain * (xp.exp(-residuals.p_top) / residuals.p_mass)

    def by_q(
        self, block: Block, numbers: Sequence[Array], rate: Rate, *, xp: Namespace
    ) -> Array:
        residuals = Numbers(*numbers)
        if self.from_logits[1]:
            return rate.weighted / residuals.p_mass
        return rate.plain * (xp.exp(-residuals.q_top) * residuals.ratio / residuals.p_mass)


@dataclass(frozen=True)
class MeasuredFold(MergedMeasures):
    from_logits: tuple[bool, bool]

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Measured:
        (a, _), (b, _) = logarithms(block, self.from_logits, xp=xp)
        valid = ~xp.any(~((a.hi < _INF) & (b.hi < _INF)))
        return Measured(xp.maximum(xp.max(a.hi), xp.max(b.hi)), valid)


@dataclass(frozen=True)
class LogitMeasures(LogitShares):
    """Not normalised; entries are on the scale of the largest logit of both sides."""

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return (MeasuredFold(self.from_logits),)

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> Numbers:
        top = finite_or_zero(stats[0].top, xp=xp)
        none = xp.zeros_like(top)
        return Numbers(top, top, none + 1, none + 1, none, none)

    def possible(self, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        measured: Measured = stats[0]
        return measured.valid

    def mean(self, terms: Pair, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        return _lifted(terms.value, finite_or_zero(stats[0].top, xp=xp), xp=xp)

    def by_p(
        self, block: Block, numbers: Sequence[Array], rate: Rate, *, xp: Namespace
    ) -> Array:
        if not self.from_logits[0]:
            return rate.plain
        return _lifted(rate.weighted, Numbers(*numbers).p_top, xp=xp)

    def by_q(
        self, block: Block, numbers: Sequence[Array], rate: Rate, *, xp: Namespace
    ) -> Array:
        if not self.from_logits[1]:
            return rate.plain
        return _lifted(rate.weighted, Numbers(*numbers).q_top, xp=xp)


def _lifted(x: Array, top: Array, *, xp: Namespace) -> Array:
    """``x*exp(top)``, in two halves where the second factor may overflow alone."""
    none = x == 0
    far = xp.abs(top) > xp.limits.headroom
    grown = xp.exp(xp.where(none, 0.0, xp.where(far, 0.5 * top, top)))
    lifted = grown * x
    return xp.where(none, x, xp.where(far, grown * lifted, lifted))
