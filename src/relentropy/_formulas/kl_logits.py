"""Relative entropy from logits, in one pass, in a state that merges.

Two logsumexps are never subtracted. With d = (b - a) - c, c close to the teacher's mean of
b - a, w = exp(a - m) and

    S = sum(w),  T = sum(w*d),  F = sum(w*(exp(d) - 1 - d)) + sum(exp(b - c - m) where a = -inf)

the divergence is ``F/S + log1pmx(W)`` with W = (F + T)/S, for any c: every term of F is
non-negative, T is what rounding c left, and nothing cancels.

Where the student is far above the teacher, as where a logit of -1e30 has taken c along, its
mass is kept by itself, ``Z = sum(exp(b - q_top))``: what c rounds does not reach it. So it is
where the teacher has mass and the student none: S + T may be all that is left of F there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, choose, divide, exp, minus, total, two_sum
from .._arrays.polynomials import exp_reach, exp_tail
from .._arrays.protocols import Block, Measure
from .expectation import exp_difference, finite_or_zero, in_base
from .expm1mx import expm1, expm1mx
from .log1pmx import log1pmx
from .logit_shares import logarithms
from .sides import Logits
from .times import times

_INF = float("inf")
_OFFSET = 2.0**20
"""A rounded difference of logits that far apart lacks digits of what else they differ by."""


class State(NamedTuple):
    """Teacher logits a and student logits b of any part of a row; each (1, rows)."""

    top: Array
    """m, the largest a; -inf where the teacher has no mass in this part."""
    centre: Pair
    """c; zero without teacher mass."""
    mass: Pair
    """S."""
    mean: Array
    """T."""
    excess: Pair
    """F; Z where far."""
    far: Array
    """Whether the student is so far above the teacher that F would overflow, or `lost`."""
    q_top: Array
    """The largest b."""
    lost: Array
    """Whether the teacher has mass where the student has none."""
    valid: Array
    """Whether no logit is nan or +inf."""


@dataclass(frozen=True)
class KLFold:
    """The pass: `State` of blocks of logits, or of weights where ``from_logits`` says so."""

    from_logits: tuple[bool, bool]
    normalize: bool

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Namespace) -> State:
        (a, a_tail), (b, b_tail) = logarithms(block, self.from_logits, xp=xp)
        no_p, no_q = a.hi == -_INF, b.hi == -_INF
        live = ~(no_p | no_q)
        top, q_top = xp.max(a.hi), xp.max(b.hi)
        valid = ~xp.any(~((a.hi < _INF) & (b.hi < _INF)))
        lost = xp.any(~no_p & no_q)
        anchor = finite_or_zero(top, xp=xp)
        at_top = live & (a.hi == top)

        # What is masked enters no arithmetic; it is left out again where it would count.
        a = Pair(
            xp.where(no_p, anchor, a.hi), None if a.lo is None else xp.where(no_p, 0.0, a.lo)
        )
        b = Pair(xp.where(no_q, 0.0, b.hi), None if b.lo is None else xp.where(no_q, 0.0, b.lo))
        below = minus(a, anchor, xp=xp)
        weight = xp.where(no_p, 0.0, exp(below, xp=xp))
        mass = total(weight, xp=xp)
        q_anchor = finite_or_zero(q_top, xp=xp)
        alone = minus(b, q_anchor, xp=xp)
        d, student = b - a, minus(b, anchor, xp=xp)
        pivot = mean = xp.zeros_like(anchor)
        if self.normalize:
            # The difference at the teacher's largest logit takes a common offset out exactly,
            # so that the mean is as small as the differences are and its rounding harmless.
            pivot = finite_or_zero(xp.max(xp.where(at_top, d.hi, -_INF)), xp=xp)
            d, student = d - Pair(pivot), minus(student, pivot, xp=xp)
            if not xp.exact:  # sides too far apart for one word: as far as their largest are
                height = Pair(*two_sum(q_anchor, -anchor)) - Pair(pivot)
                raised = alone.map(lambda word: word + height.value)
                student = choose(xp.abs(pivot) > _OFFSET, raised, student, xp=xp)
        # Third words last, where the first two have cancelled.
        d = d if a_tail is None else d - Pair(a_tail)
        d = d if b_tail is None else d + Pair(b_tail)
        if self.normalize:
            sum_ = total(xp.where(live, weight * d.hi, 0.0), xp=xp).value
            mean = xp.where(mass.hi > 0, sum_ / xp.where(mass.hi > 0, mass.hi, 1.0), 0.0)
            d, student = minus(d, mean, xp=xp), minus(student, mean, xp=xp)
        d = d.map(lambda word: xp.where(live, word, 0.0))

        # exp(student) is the student on the teacher's scale; on its own where it is far.
        far = lost | _is_far(xp.max(xp.where(no_q, -_INF, student.hi)), top, xp=xp)
        student = choose(far, alone, student, xp=xp)
        other = xp.where(no_q, 0.0, exp(student, xp=xp))

        near = live & (xp.abs(d.hi) < exp_reach(xp=xp))
        x = xp.where(near, d.hi, 0.0)
        g = x * x * exp_tail(x, xp=xp)
        if d.lo is not None:
            g = g + d.lo * (x + g)
        spread = weight * d.hi
        if xp.exact:  # in two halves, where the weight alone is subnormal and the other large
            low = ~no_p & (weight < xp.limits.subnormal)
            half = exp(below.map(lambda word: xp.where(low, 0.5 * word, 0.0)), xp=xp)
            spread = xp.where(low, (half * d.hi) * half, spread)
        terms = xp.where(near, weight * g, other - (weight + spread))
        terms = xp.where(no_p | far, other, terms)
        return State(
            top=top,
            centre=Pair(*two_sum(pivot, mean)),
            mass=mass,
            mean=total(spread, xp=xp).value,
            excess=total(terms, xp=xp),
            far=far,
            q_top=q_top,
            lost=lost,
            valid=valid,
        )

    def merge(self, one: State, other: State, *, xp: Namespace) -> State:
        """Chan's update: both parts are recentred on the mean of their centres.

        Moving a centre by e adds expm1mx(e) for every unit of teacher mass, so that F stays a
        sum of terms none of which is negative, however parts are merged.
        """
        top, q_top = xp.maximum(one.top, other.top), xp.maximum(one.q_top, other.q_top)
        scales = [exp_difference(part.top, top, xp=xp) for part in (one, other)]
        masses = [scales[0] * one.mass.value, scales[1] * other.mass.value]
        mass = masses[0] + masses[1]
        # The heavier part's centre moves a little: no overflow, and no inf - inf.
        first = masses[0] >= masses[1]
        lighter = xp.where(first, masses[1], masses[0])
        share = xp.where(mass > 0, lighter / xp.where(mass > 0, mass, 1.0), 0.0)
        step = (other.centre - one.centre).value * share
        centre = choose(first, one.centre, other.centre, xp=xp)
        centre = centre + Pair(xp.where(first, step, -step))

        height = xp.where(q_top > -_INF, _height(top, q_top, centre, xp=xp).hi, -_INF)
        lost = one.lost | other.lost
        far = lost | _is_far(height, top, xp=xp)
        whole = _Scale(top, q_top, centre, far)
        parts = [
            _Scaled(one, whole, scales[0], xp=xp), _Scaled(other, whole, scales[1], xp=xp)
        ]  # fmt: skip
        return State(
            top=top,
            centre=centre,
            mass=_single(mass, xp=xp),
            mean=parts[0].moved_mean + parts[1].moved_mean,
            excess=_single(parts[0].excess(far) + parts[1].excess(far), xp=xp),
            far=far,
            q_top=q_top,
            lost=lost,
            valid=one.valid & other.valid,
        )


def _is_far(height: Array, top: Array, *, xp: Namespace) -> Array:
    """Of the student's largest entry above the teacher's scale; exponentials stay below inf."""
    return (height > xp.limits.headroom) | (top == -_INF)


def _height(top: Array, q_top: Array, centre: Pair, *, xp: Namespace) -> Pair:
    """The student's largest logit on the teacher's scale."""
    return Pair(*two_sum(finite_or_zero(q_top, xp=xp), -finite_or_zero(top, xp=xp))) - centre


def _single(x: Array, *, xp: Namespace) -> Pair:
    """A merged sum, whose low word is not worth its cost."""
    return Pair(x, xp.zeros_like(x) if xp.exact else None)


class _Scale(NamedTuple):
    """What of a state tells the scale of its excess."""

    top: Array
    q_top: Array
    centre: Pair
    far: Array


def _exponent(of: State | _Scale, *, xp: Namespace) -> Pair:
    """The logarithm of the excess's scale. A far centre takes its anchor back first."""
    none = of.centre.map(xp.zeros_like)
    anchor = finite_or_zero(xp.where(of.far, of.q_top, of.top), xp=xp)
    return choose(of.far, none, of.centre, xp=xp) + Pair(anchor)


class _Scaled:
    """One part of a merge, on the scale of the whole."""

    def __init__(self, part: State, whole: _Scale, scale: Array, *, xp: Namespace) -> None:
        self.part, self.xp = part, xp
        self.mass, self.mean = scale * part.mass.value, scale * part.mean
        self.move = part.centre - whole.centre
        self.moved_mean = self.mean + self.mass * self.move.value

        grown = exp(_exponent(part, xp=xp) - _exponent(whole, xp=xp), xp=xp)
        self.grown = xp.where(part.q_top > -_INF, grown, 0.0)

    def excess(self, far: Array) -> Array:
        """F of the part about the whole's centre, or its part of Z."""
        xp, part, move = self.xp, self.part, self.move.hi
        near = ~part.far & (xp.abs(move) < 2)
        x = xp.where(near, move, 0.0)
        lifted = self.mass * expm1mx(x, xp=xp) + self.mean * expm1(x, xp=xp)
        inside = part.excess.value
        close = self.grown * inside + (lifted + self.mass * self.move.lo * expm1(x, xp=xp))
        student = inside + xp.where(part.far, 0.0, part.mass.value + part.mean)
        student = self.grown * student
        apart = student - (self.mass + self.mass * move) - self.mean
        return xp.where(far, student, xp.where(near, close, apart))


def _means(state: State, *, xp: Namespace) -> tuple[Pair, Array]:
    """F/S and T/S."""
    known = state.mass.hi > 0
    mass = state.mass.map(lambda word: xp.where(known, word, 0.0))
    mass = Pair(xp.where(known, mass.hi, 1.0), mass.lo)
    return divide(state.excess, mass, xp=xp), state.mean / mass.hi


def _far_log_mean(state: State, f: Pair, *, xp: Namespace) -> Array:
    """log E[exp(d)] about the centre of what is far."""
    height = _height(state.top, state.q_top, state.centre, xp=xp).value
    return height + xp.log(xp.where(state.far & (f.hi > 0), f.hi, 1.0))


class Numbers(NamedTuple):
    """What a row's gradient needs; each (1, rows).

    With u = (b - a) - centre: ``d = u - log_mean``, ``d + KL = u - eta``, p is
    ``exp(a - anchor)/mass`` and q ``exp(b - q_anchor)/(mass*grown)``.
    """

    anchor: Array
    mass: Array
    centre: Array
    low: Array
    """The centre's low word."""
    eta: Array
    """-inf where the divergence is infinite."""
    log_mean: Array
    q_anchor: Array
    grown: Array


@dataclass(frozen=True)
class KLFromLogits(Measure):
    """Relative entropy of which at least one side is given by logits."""

    from_logits: tuple[bool, bool]
    normalize: bool
    base: float | None
    empty = (0.0,)
    takes_pairs = True

    @property
    def fills(self) -> tuple[float, float]:
        p_is_log, q_is_log = self.from_logits
        return (-_INF if p_is_log else 0.0, -_INF if q_is_log else 0.0)

    def passes(self, *, xp: Namespace) -> tuple[KLFold]:
        return (KLFold(self.from_logits, self.normalize),)

    def finish(self, stats: tuple[State], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        value = self._normalised(state, xp=xp) if self.normalize else self._plain(state, xp=xp)
        value = xp.where(state.lost, _INF, value)
        possible = state.valid
        if self.normalize:  # a side without any mass is no distribution
            possible = possible & (state.top > -_INF) & (state.q_top > -_INF)
        return (in_base(xp.where(possible, value, float("nan")), self.base, xp=xp),)

    def numbers(self, stats: tuple[State], *, xp: Namespace) -> Numbers:
        (state,) = stats
        none = xp.zeros_like(state.mean)
        if not self.normalize:  # p and q as they are, instead of shares of a row
            return Numbers(none, none + 1, none, none, none, none, none, none + 1)
        known = state.mass.hi > 0
        f, eta = _means(state, xp=xp)
        on_own = state.far | (state.q_top == -_INF)
        height = _height(state.top, state.q_top, state.centre, xp=xp)
        lower = exp(height.map(lambda word: xp.where(on_own, 0.0, -word)), xp=xp)
        return Numbers(
            anchor=finite_or_zero(state.top, xp=xp),
            mass=xp.where(known, state.mass.value, 1.0),
            centre=state.centre.hi,
            low=none if state.centre.lo is None else state.centre.lo,
            eta=xp.where(state.lost, -_INF, eta),
            log_mean=self._log_mean(state, xp=xp),
            q_anchor=finite_or_zero(state.q_top, xp=xp),
            grown=xp.where(state.far, f.value, (1 + (f.hi + eta)) * lower),
        )

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """By q's logits p*expm1(d), by p's -p*(d + KL), d the normalised log-ratio.

        q - p has no digit where the two agree; p*expm1(d) has all of them. And d + KL is the
        log-ratio less its mean over p, so that the two need not be added.
        """
        anchor, mass, centre, low, eta, log_mean, q_anchor, grown = Numbers(*numbers)
        (a, a_tail), (b, b_tail) = logarithms(block, self.from_logits, xp=xp)
        no_p, no_q = a.hi == -_INF, b.hi == -_INF
        live, lost = ~(no_p | no_q), ~no_p & no_q

        logits = a.hi
        a = a.map(lambda word: xp.where(no_p, 0.0, word))
        b = b.map(lambda word: xp.where(no_q, 0.0, word))
        ratio = (b - a) - Pair(centre, low)
        ratio = ratio if a_tail is None else ratio - Pair(xp.where(no_p, 0.0, a_tail))
        ratio = ratio if b_tail is None else ratio + Pair(xp.where(no_q, 0.0, b_tail))
        weight = xp.where(no_p, 0.0, exp(minus(a, anchor, xp=xp), xp=xp))
        by_a = by_b = None
        if need[0]:
            finite = xp.isfinite(eta)
            rate = (Pair(xp.where(finite, eta, 0.0)) - ratio).value
            rate = xp.where(finite, rate, eta)
            rate = xp.where(lost, _INF, xp.where(no_p, -_INF, rate))
            rate = xp.where(no_p & no_q, eta - log_mean, rate)
            if self.from_logits[0]:
                by_a = Logits().by_entry(logits, anchor, weight, mass, rate, xp=xp)
            else:  # p/x is one over the row's sum, also at zero
                by_a = rate * (xp.exp(-anchor) / mass if self.normalize else 1.0)
            by_a = in_base(by_a, self.base, xp=xp)
        if need[1]:
            d = (ratio - Pair(log_mean)).value
            if self.from_logits[1]:
                q = xp.where(no_q, 0.0, exp(minus(b, q_anchor, xp=xp), xp=xp)) / grown
                # Far rows know d no better than D, but q and p each to their last digits.
                near = live & (xp.abs(d) < 1) & (log_mean < 1)
                close = times(expm1(xp.where(near, d, 0.0), xp=xp), weight, xp=xp)
                by_b = xp.where(near, close, q - weight) / mass
            else:
                rate = -expm1(xp.where(live, -d, 0.0), xp=xp)
                by_b = xp.where(no_p, 1.0, xp.where(lost, -_INF, rate))
                if self.normalize:
                    by_b = by_b * (xp.exp(-q_anchor) / grown / mass)
            by_b = in_base(by_b, self.base, xp=xp)
        return by_a, by_b

    @staticmethod
    def _normalised(state: State, *, xp: Namespace) -> Array:
        f, eta = _means(state, xp=xp)
        w = f.hi + eta
        small = w < 0.5
        bent = log1pmx(xp.where(small, w, 0.0), xp=xp)
        bent = bent if f.lo is None else bent + f.lo
        value = xp.where(small, f.hi + bent, xp.log1p(xp.where(small, 1.0, w)) - eta)
        return xp.where(state.far, _far_log_mean(state, f, xp=xp) - eta, value)

    @staticmethod
    def _log_mean(state: State, *, xp: Namespace) -> Array:
        """log E[exp(d)] about the centre: what is missing to the difference of normalisers."""
        f, eta = _means(state, xp=xp)
        close = xp.log1p(xp.where(state.far, 0.0, f.hi + eta))
        return xp.where(state.far, _far_log_mean(state, f, xp=xp), close)

    @staticmethod
    def _plain(state: State, *, xp: Namespace) -> Array:
        # Where far, F is what Z exceeds S + T by, which is not small without a mean.
        top, q_top = (finite_or_zero(x, xp=xp) for x in (state.top, state.q_top))
        teacher = xp.exp(top - q_top) * (state.mass.value + state.mean)
        excess = state.excess.value - xp.where(state.far, teacher, 0.0)
        none = excess == 0
        exponent = xp.where(none, 0.0, xp.where(state.far, q_top, top))
        return xp.where(none, 0.0, xp.exp(exponent) * excess)
