"""Rényi's and Tsallis's entropies of every order, in one pass.

With gaps ``g = -log(w)`` from the row's largest entry, w the mass relative to it, S the sum of
all w, and

    T = sum(w*(exp((1 - a)*g) - 1)/(1 - a)),

whose terms are of one sign for every order (and w*g at a = 1), the sum of w**a is S + (1 - a)*T
and Rényi's entropy ``log(S) + log1p((1 - a)*T/S)/(1 - a)``, where nothing cancels for a < 1;
for a > 1 the same over the sum of w**a instead of S. Tsallis's is
``(T/S)*S**(1 - a) + (S**(1 - a) - 1)/(1 - a)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import ZERO, Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import exp, far_scale, total
from .._arrays.protocols import Block, Fold, Measure
from .deformed import deformed, log1p_over
from .entries import Rate
from .expectation import beside_top, in_base
from .renyi import finite_order
from .sides import Side, side

_INF, _NAN = float("inf"), float("nan")


class State(NamedTuple):
    """Any part of a row; each (1, rows)."""

    top: Array
    others: Array
    """S - 1."""
    bent: Array
    """T."""
    powers: Array
    """sum(w**a) - 1."""
    valid: Array
    alpha: Array


@dataclass(frozen=True)
class OrderFold:
    side: Side

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> State:
        p, alpha = block[0], finite_order(block[1][:1, :], xp=xp)
        top = xp.max(p)
        weight = self.side.weight(p, top, xp=xp)
        gap = self.side.gap(p, top, xp=xp)
        absent = p == self.side.absent
        bent, power = self._powers(p, top, weight, gap, alpha, xp=xp)
        power = xp.where(absent, 0.0, power)
        at_top, none = p == top, top == self.side.absent
        return State(
            top=top,
            others=xp.where(none, 0.0, beside_top(weight, at_top, xp=xp)),
            bent=total(xp.where(absent, 0.0, bent), xp=xp).value,
            powers=xp.where(none, 0.0, beside_top(power, at_top, xp=xp)),
            valid=~xp.any(self.side.invalid(p)),
            alpha=block[1][:1, :],
        )

    def merge(self, one: State, other: State, *, xp: Namespace) -> State:
        top = xp.maximum(one.top, other.top)
        alpha = finite_order(one.alpha, xp=xp)
        leads = one.top >= other.top
        others = powers = bent = ZERO
        for part, first in ((one, leads), (other, ~leads)):
            weight = self.side.weight(part.top, top, xp=xp)
            gap = self.side.gap(part.top, top, xp=xp)
            own, power = self._powers(part.top, top, weight, gap, alpha, xp=xp)
            power = xp.where(part.top == self.side.absent, 0.0, power)
            others = others + xp.where(first, part.others, weight * (1 + part.others))
            powers = powers + xp.where(first, part.powers, power * (1 + part.powers))
            # A mass moved by a gap: its own bend, and the gap's.
            bent = bent + power * part.bent + own * (1 + part.others)
        valid = one.valid & other.valid
        return State(top, others, bent, powers, valid, one.alpha)

    def _powers(
        self, x: Array, top: Array, weight: Array, gap: Array, alpha: Array, *, xp: Namespace
    ) -> tuple[Array, Array]:
        """``w*expm1((1 - a)*g)/(1 - a)`` and ``w**a``."""
        order = 1 - alpha
        z = order * gap
        small = (z < 1) & (z > -1)
        power = exp(far_scale(alpha, self.side.below(x, top, xp=xp), xp=xp), xp=xp)
        bent = deformed(xp.where(small, gap, 0.0), order, xp=xp)
        near = self.side.product(x, top, weight, bent, xp=xp)
        apart = (power - weight) / xp.where(order == 0, 1.0, order)
        return xp.where(small, near, apart), power


@dataclass(frozen=True)
class OrderEntropy(Measure):
    """What both entropies of an order have in common."""

    from_logits: bool
    base: float | None = None
    empty = (0.0,)

    @property
    def side(self) -> Side:
        return side(self.from_logits)

    @property
    def fills(self) -> tuple[float | None, ...]:
        return (self.side.absent, None)

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        return (OrderFold(self.side),)

    def _rate(self, block: Block, numbers: tuple[Array, ...], *, xp: Namespace) -> Rate:
        """The derivative of Rényi's entropy by shares."""
        top, others, beyond, powers = numbers
        p, alpha = block[0], finite_order(block[1], xp=xp)
        gap, order = self.side.gap(p, top, xp=xp), 1 - alpha
        weight = self.side.weight(p, top, xp=xp)
        # exp((1 - a)*(gap - beyond)) is w**(a - 1) over the mean of all, which past order one
        # is known better than its logarithm.
        own, divisor = gap - beyond, xp.where(order == 0, 1.0, order)
        known, factor = (1 + others) / (1 + powers), alpha / divisor
        z = order * own
        near, absent = (z < 1) & (z > -1), p == self.side.absent
        close = alpha * deformed(xp.where(near, own, 0.0), order, xp=xp)
        rate = xp.where(near, close, factor * (xp.exp(order * gap) * known - 1))
        power = exp(far_scale(alpha, self.side.below(p, top, xp=xp), xp=xp), xp=xp)
        product = self.side.product(p, top, weight, close, xp=xp)
        weighted = xp.where(near, product, factor * (power * known - weight))
        rate, weighted = (xp.where(alpha == 0, 0.0, one) for one in (rate, weighted))
        ends = xp.where(alpha > 1, -factor, xp.where(alpha == 0, 0.0 * factor, _INF))
        return Rate(xp.where(absent, ends, rate), xp.where(absent, 0.0, weighted))

    def _by_entry(
        self, block: Block, numbers: tuple[Array, ...], rate: Rate, *, xp: Namespace
    ) -> Array:
        top, others, *_ = numbers
        if self.from_logits:
            return rate.weighted / (1 + others)
        weight = self.side.weight(block[0], top, xp=xp)
        return self.side.by_entry(block[0], top, weight, 1 + others, rate.plain, xp=xp)

    def _possible(self, state: State) -> Array:
        return state.valid & (state.top != self.side.absent) & (state.alpha >= 0)


@dataclass(frozen=True)
class RenyiEntropy(OrderEntropy):
    """log(sum(p**a))/(1 - a)."""

    def finish(self, stats: tuple[State], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        value = xp.log1p(state.others) + _beyond(state, xp=xp)
        value = xp.where(state.alpha == 0, xp.log1p(state.powers), value)
        value = in_base(value, self.base, xp=xp)
        return (xp.where(self._possible(state), value, _NAN),)

    def numbers(self, stats: tuple[State], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        return state.top, state.others, _beyond(state, xp=xp), state.powers

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """By shares a/(1 - a)*(p**(a - 1)/sum(p**a) - 1), which is -log(p) - H at a = 1."""
        rate = self._rate(block, numbers, xp=xp)
        return in_base(self._by_entry(block, numbers, rate, xp=xp), self.base, xp=xp), None


def _beyond(state: State, *, xp: Namespace) -> Array:
    """Rényi's entropy less log(S)."""
    alpha = finite_order(state.alpha, xp=xp)
    total_ = 1 + xp.where(alpha > 1, state.powers, state.others)
    ratio = state.bent / total_
    return ratio * log1p_over(xp.abs(1 - alpha) * ratio, xp=xp)


@dataclass(frozen=True)
class TsallisEntropy(OrderEntropy):
    """(1 - sum(p**a))/(a - 1)."""

    def finish(self, stats: tuple[State], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        order = 1 - finite_order(state.alpha, xp=xp)
        surprise = xp.log1p(state.others)
        lifted = (state.bent / (1 + state.others)) * xp.exp(order * surprise)
        value = lifted + deformed(surprise, order, xp=xp)
        # Exact at 0, where the number of entries counts; past the orders that are worked with
        # the sum of powers is what it is at inf, and one over the order is left.
        value = xp.where(state.alpha == 0, state.powers, value)
        endless = xp.limits.endless
        beyond = state.alpha > endless
        value = xp.where(beyond, value * (endless / xp.where(beyond, state.alpha, 1.0)), value)
        return (xp.where(self._possible(state), value, _NAN),)

    def numbers(self, stats: tuple[State], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        return state.top, state.others, _beyond(state, xp=xp), state.powers

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """By shares a/(1 - a)*(p**(a - 1) - sum(p**a)): Rényi's times the sum of powers."""
        _, others, _, powers = numbers
        order = finite_order(block[1], xp=xp)
        sum_ = (1 + powers) * xp.exp(-order * xp.log1p(others))
        factor = xp.where(block[1] < _INF, sum_, 0.0)
        rate = Rate(*(one * factor for one in self._rate(block, numbers, xp=xp)))
        return self._by_entry(block, numbers, rate, xp=xp), None
