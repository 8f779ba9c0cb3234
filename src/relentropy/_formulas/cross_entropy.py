"""Cross-entropy and entropy, in one pass from logits or weights.

The surprise of an entry is its gap from the row's largest plus log1p of what the others add
to it: two terms of one sign. Its mean is ``U/S + log1p(R)`` with

    S = sum(w),  U = sum(w*gap),  R = the student's mass beside its largest entry,

where nothing cancels, however close to certain the distributions are. Entropy is the
cross-entropy of a distribution with itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import ZERO, Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, add_sums, exp, scale, total
from .._arrays.protocols import Block, Measure
from .elementwise import ENTR
from .expectation import beside_top, finite_or_zero, in_base
from .sides import Side, side

_INF = float("inf")


class State(NamedTuple):
    """Any part of a row; each (1, rows)."""

    p_top: Array
    mass: Array
    """S, on the scale of p's largest entry."""
    surprise: Array
    """U, relative to q's largest entry."""
    q_top: Array
    others: Array
    """R, on the scale of q's largest entry."""
    lost: Array
    """Whether p has mass where q has none."""
    valid: Array


@dataclass(frozen=True)
class CrossEntropyFold:
    from_logits: tuple[bool, bool]
    same: bool
    """Whether q is p, and the block has one operand."""

    @property
    def sides(self) -> tuple[Side, Side]:
        return side(self.from_logits[0]), side(self.from_logits[1])

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Namespace) -> State:
        p_side, q_side = self.sides
        p, q = block[0], block[-1]
        p_top = xp.max(p)
        weight = p_side.weight(p, p_top, xp=xp)
        q_top, q_weight = p_top, weight
        invalid, lost = p_side.invalid(p), xp.zeros_like(p_top) > 0
        if not self.same:
            q_top = xp.max(q)
            q_weight = q_side.weight(q, q_top, xp=xp)
            invalid = invalid | q_side.invalid(q)
            lost = xp.any((p != p_side.absent) & (q == q_side.absent))
        gap = q_side.gap(q, q_top, xp=xp)
        surprise = p_side.product(p, p_top, weight, gap, xp=xp)
        surprise = xp.where((weight == 0) & (gap == _INF), 0.0, surprise)  # not 0*inf
        others = beside_top(q_weight, q == q_top, xp=xp)
        others = xp.where(q_top == q_side.absent, 0.0, others)
        return State(
            p_top=p_top,
            mass=total(weight, xp=xp).value,
            surprise=total(surprise, xp=xp).value,
            q_top=q_top,
            others=others,
            lost=lost,
            valid=~xp.any(invalid),
        )

    def merge(self, one: State, other: State, *, xp: Namespace) -> State:
        p_side, q_side = self.sides
        p_top, q_top = xp.maximum(one.p_top, other.p_top), xp.maximum(one.q_top, other.q_top)
        first = one.q_top >= other.q_top
        mass = surprise = others = ZERO
        for part, leads in ((one, first), (other, ~first)):
            scaled = p_side.weight(part.p_top, p_top, xp=xp)
            mass = mass + scaled * part.mass
            moved = part.surprise + part.mass * q_side.gap(part.q_top, q_top, xp=xp)
            surprise = surprise + scaled * moved
            lower = q_side.weight(part.q_top, q_top, xp=xp)
            others = others + xp.where(leads, part.others, lower * (1 + part.others))
        return State(
            p_top=p_top,
            mass=mass,
            surprise=surprise,
            q_top=q_top,
            others=others,
            lost=one.lost | other.lost,
            valid=one.valid & other.valid,
        )


@dataclass(frozen=True)
class _OfTwoSides:
    """What both kinds of cross-entropy have in common; entropy where ``same``."""

    from_logits: tuple[bool, bool]
    base: float | None
    same: bool = False
    empty = (0.0,)

    @property
    def fills(self) -> tuple[float, ...]:
        both = tuple(side(is_log).absent for is_log in self.from_logits)
        return both[:1] if self.same else both


@dataclass(frozen=True)
class CrossEntropy(_OfTwoSides, Measure):
    """-sum(p*log(q)) of normalised p and q; entropy where ``same``."""

    def passes(self, *, xp: Namespace) -> tuple[CrossEntropyFold]:
        return (CrossEntropyFold(self.from_logits, self.same),)

    def finish(self, stats: tuple[State], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        mass = xp.where(state.mass > 0, state.mass, 1.0)
        value = state.surprise / mass + xp.log1p(state.others)
        value = xp.where(state.lost, _INF, value)
        p_side, q_side = (side(is_log) for is_log in self.from_logits)
        known = (state.p_top != p_side.absent) & (state.q_top != q_side.absent)
        value = xp.where(state.valid & known, value, float("nan"))
        return (in_base(value, self.base, xp=xp),)

    def numbers(self, stats: tuple[State], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        mean = state.surprise / xp.where(state.mass > 0, state.mass, 1.0)
        return (
            state.p_top,
            state.mass,
            xp.where(state.lost, _INF, mean),
            state.q_top,
            state.others,
        )

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """By p's logits p*(surprise - mean surprise), by q's q - p."""
        p_top, p_mass, mean, q_top, others = numbers
        p_side, q_side = (side(is_log) for is_log in self.from_logits)
        p, q = block[0], block[-1]
        weight = p_side.weight(p, p_top, xp=xp)
        by_p = by_q = None
        if need[0]:
            # Surprises without log1p(others), which all have in common, but for an entry with
            # no mass on both sides: it has none.
            rate = q_side.gap(q, q_top, xp=xp) - mean
            if self.same:
                rate = xp.where(p == p_side.absent, _INF, rate)
            else:
                none, lost = p == p_side.absent, q == q_side.absent
                rate = xp.where(lost, _INF, rate)
                rate = xp.where(none & lost, -mean - xp.log1p(others), rate)
            by_p = p_side.by_entry(p, p_top, weight, p_mass, rate, xp=xp)
            by_p = in_base(by_p, self.base, xp=xp)
        if need[-1] and not self.same:
            q_weight, q_mass = q_side.weight(q, q_top, xp=xp), 1 + others
            by_q = q_side.excess(q, q_top, q_weight, q_mass, weight / p_mass, xp=xp)
            by_q = in_base(by_q, self.base, xp=xp)
        return (by_p,) if self.same else (by_p, by_q)


class Sum(NamedTuple):
    """Terms on the scale of p's largest entry."""

    p_top: Array
    sum: Pair
    lost: Array
    valid: Array


@dataclass(frozen=True)
class UnnormalisedFold:
    """-sum(p*log(q)) as it stands, whose terms can have either sign."""

    from_logits: tuple[bool, bool]
    same: bool

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Namespace) -> Sum:
        p_side, q_side = (side(is_log) for is_log in self.from_logits)
        p, q = block[0], block[-1]
        p_top = xp.max(p)
        none = (p == p_side.absent) | (q == q_side.absent)
        logs = q if self.from_logits[1] else xp.log(xp.where(none, 1.0, q))
        terms = xp.where(none, 0.0, p_side.weight(p, p_top, xp=xp) * -logs)
        invalid = p_side.invalid(p) | q_side.invalid(q)
        lost = xp.any((p != p_side.absent) & (q == q_side.absent))
        return Sum(p_top, total(terms, xp=xp), lost, ~xp.any(invalid))

    def merge(self, one: Sum, other: Sum, *, xp: Namespace) -> Sum:
        p_side = side(self.from_logits[0])
        p_top = xp.maximum(one.p_top, other.p_top)
        sums = [
            _scaled(p_side.weight(part.p_top, p_top, xp=xp), part.sum, xp=xp)
            for part in (one, other)
        ]
        lost, valid = one.lost | other.lost, one.valid & other.valid
        return Sum(p_top, add_sums(sums[0], sums[1], xp=xp), lost, valid)


def _scaled(factor: Array, sum_: Pair, *, xp: Namespace) -> Pair:
    """The product, also near the end of the range, where that of words overflows first."""
    low = scale(factor, sum_, xp=xp).lo
    low = None if low is None else xp.where(xp.isfinite(low), low, 0.0)
    return Pair(factor * sum_.hi, low)


@dataclass(frozen=True)
class UnnormalisedCrossEntropy(_OfTwoSides, Measure):
    """-sum(p*log(q)) of weights that are not normalised; sum(entr(p)) where ``same``."""

    def passes(self, *, xp: Namespace) -> tuple[UnnormalisedFold]:
        return (UnnormalisedFold(self.from_logits, self.same),)

    def finish(self, stats: tuple[Sum], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        top = finite_or_zero(state.p_top, xp=xp)
        unit = exp(Pair(top), xp=xp) if self.from_logits[0] else top
        none = state.sum.hi == 0
        value = xp.where(none, 0.0, xp.where(none, 1.0, unit) * state.sum.value)
        value = xp.where(state.lost, _INF, value)
        return (in_base(xp.where(state.valid, value, float("nan")), self.base, xp=xp),)

    def numbers(self, stats: tuple[Sum], *, xp: Namespace) -> tuple[Array, ...]:
        return ()

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """-log(q) by p, -p/q by q, and both where they are one."""
        p_log, q_log = self.from_logits
        p, q = block[0], block[-1]
        if self.same:
            by = _entr(p, p_log, xp=xp)
            return (in_base(by, self.base, xp=xp),)
        no_p, no_q = p == side(p_log).absent, q == side(q_log).absent
        by_p = by_q = None
        mass = xp.exp(p) if p_log else p
        if need[0]:
            surprise = -(q if q_log else xp.log(xp.where(no_q, 1.0, q)))
            surprise = xp.where(no_q, _INF, surprise)
            surprise = xp.where(no_p & no_q, 0.0, surprise)
            by_p = xp.where(no_p, 0.0, surprise * mass) if p_log else surprise
            by_p = in_base(by_p, self.base, xp=xp)
        if need[1]:
            by_q = -mass if q_log else -mass / xp.where(no_p, 1.0, q + 0.0)
            by_q = in_base(xp.where(no_p, 0.0, by_q), self.base, xp=xp)
        return by_p, by_q


def _entr(p: Array, is_log: bool, *, xp: Namespace) -> Array:
    """The derivative of -w*log(w) by w, or by its logarithm."""
    if not is_log:
        return ENTR.slopes[0](p, xp=xp)
    none = p == -_INF
    return xp.where(none, 0.0, -xp.exp(p) * (1 + xp.where(none, 0.0, p)))
