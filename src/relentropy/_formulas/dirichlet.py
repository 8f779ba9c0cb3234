"""Relative entropy between Dirichlet distributions.

With parameters a of p and b of q, of sums A and B, and with f of `log_gamma` it is

    B*KL(b/B || a/A) + sum(B_f(b_i; a_i)) - B_f(B; A).

What is subtracted can be almost all of one term where one parameter is almost all of the sum:
then their difference is evaluated as a `Change`, from what the others add up to.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.changes import Change
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, total
from .._arrays.protocols import Block, Measure
from .kl_weights import TermsFold
from .log_gamma import shape_bregman, shape_curvature, shape_slope_gap
from .weight_shares import WeightShares

_INF, _NAN = float("inf"), float("nan")
_SHARES = WeightShares()


class Rest(NamedTuple):
    """The largest parameter of p, and what stands beside it; each (1, rows)."""

    x: Array
    y: Array
    """q's parameter of the same category."""
    term: Array
    """B_f(y; x)."""
    s: Pair
    """The sum of p's other parameters."""
    t: Pair
    others: Pair
    """The sum of their terms."""
    valid: Array


class RestFold:
    """Everything but what needs the sums of whole rows."""

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Rest:
        q, p, valid = _inside(block, xp=xp)
        terms = xp.where(valid, shape_bregman(q, p, q - p, xp=xp), 0.0)
        b, a, place = block
        first = 0 - xp.max(xp.where(a == xp.max(a), 0 - place, -_INF))  # of several as large
        top = place == first

        def split(word: Array) -> tuple[Array, Pair]:
            at = xp.raw.sum(xp.where(top, word, 0.0), axis=0, keepdims=True)
            return at, total(xp.where(top, 0.0, word), xp=xp)

        (x, s), (y, t), (term, others) = split(a), split(b), split(terms)
        absent = (a == 0) & (b == 0)
        return Rest(x, y, term, s, t, others, ~xp.any(~(valid | absent)))

    def merge(self, one: Rest, other: Rest, *, xp: Namespace) -> Rest:
        larger = one.x >= other.x

        def pick(here: Array, there: Array) -> tuple[Array, Pair]:
            return xp.where(larger, here, there), Pair(xp.where(larger, there, here))

        (x, less_x), (y, less_y) = pick(one.x, other.x), pick(one.y, other.y)
        term, less = pick(one.term, other.term)
        return Rest(
            x, y, term,
            one.s + other.s + less_x, one.t + other.t + less_y,
            one.others + other.others + less,
            one.valid & other.valid,
        )  # fmt: skip


def _inside(block: Block, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """q's and p's parameters, 1 where they are none, and where they are some."""
    q, p, _ = block
    valid = (p > 0) & (p < _INF) & (q > 0) & (q < _INF)
    return xp.where(valid, q, 1.0), xp.where(valid, p, 1.0), valid


class Numbers(NamedTuple):
    """What a row's changes are made of; each (1, rows)."""

    x: Array
    y: Array
    s: Array
    t: Array
    small: Array
    """t - s."""

    @classmethod
    def of(cls, rest: Rest, *, xp: Namespace) -> Numbers:
        known = rest.valid & (rest.x > 0)
        one, none = xp.ones_like(rest.x), xp.zeros_like(rest.x)
        s, t = rest.s.value, rest.t.value
        gap = (rest.t - rest.s).value
        return cls(
            xp.where(known, rest.x, one), xp.where(known, rest.y, one),
            xp.where(known, s, none), xp.where(known, t, none), xp.where(known, gap, none),
        )  # fmt: skip

    @property
    def changes(self) -> tuple[Change, Change, Change]:
        """y, x and y - x, and the same of the sums."""
        gap = self.y - self.x
        return (
            Change(self.y, self.y + self.t, 0 - self.t),
            Change(self.x, self.x + self.s, 0 - self.s),
            Change(gap, gap + self.small, 0 - self.small),
        )


class DirichletKL(Measure):
    """Operands are q's parameters, p's, and their places."""

    fills = (0.0, 0.0, None)
    empty = (0.0,)

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (*_SHARES.passes(xp=xp), TermsFold(), RestFold())

    def finish(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        *_, terms, rest = stats
        numbers = Numbers.of(rest, xp=xp)
        shares = _SHARES.mean(terms, stats, xp=xp) * (numbers.y + numbers.t)
        bracket = shape_bregman(*numbers.changes, xp=xp).gap
        value = xp.maximum(shares + rest.others.value + bracket, 0.0)
        return (xp.where(rest.valid & (rest.x > 0), value, _NAN),)

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        return *_SHARES.numbers(stats, xp=xp), *Numbers.of(stats[-1], xp=xp)

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """Differences of what a parameter does by itself and by its sum."""
        shares, row = numbers[: _SHARES.count], Numbers(*numbers[_SHARES.count :])
        entry = _SHARES.entry(block[:2], shares, xp=xp)
        q, p, valid = _inside(block, xp=xp)
        largest = (p == row.x) & (q == row.y)
        y, x, move = row.changes
        by_p = by_q = None
        if need[0]:
            of_sum = shape_slope_gap(y, x, move, xp=xp)
            own = shape_slope_gap(q, p, q - p, xp=xp)
            own = xp.where(largest, of_sum.difference(xp=xp), own - of_sum.there)
            by_q = xp.where(valid, entry.log_ratio + own, 0.0)
        if need[1]:
            of_sum = move * shape_curvature(x, xp=xp)
            own = shape_curvature(p, xp=xp) * (q - p)
            own = xp.where(largest, of_sum.difference(xp=xp), own - of_sum.there)
            by_p = xp.where(valid, (0 - entry.excess) * (y.there / x.there) - own, 0.0)
        return by_q, by_p, None
