"""What the variables of a joint table tell of each other, by its entries and its marginals.

The mutual information of a table x with row sums r, column sums c and total N is the
divergence of x from ``y_ij = r_i*(c_j/N)``, a sum of terms none of which is negative. All that
can cancel is ``x - y``, and it has all its digits: marginals are sums in three words, and so is
y. (Two words are not enough where a large entry hides what a small one differs by.) More
variables are more factors, and given another one N is the sum of a layer. Conditional entropies
are sums of ``x*log(c/x)``, with the digits of c - x.

Marginals are operands, broadcast. A derivative by the table counts what
moves with it in the marginals, and that by the marginals themselves is zero; derivatives of
derivatives find them attached to the table.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import (
    Pair,
    Words,
    add_sums,
    divide,
    divide_words,
    multiply_words,
    three_words,
    total,
)
from .._arrays.protocols import Block, EntryFunction, Measure
from .cells import Entries, Weights, only_first
from .expectation import in_base
from .kl_term import kl_term
from .logarithms import signed_log_ratio

_INF = float("inf")


class Sums(NamedTuple):
    """Of any part of a table; each (1, rows)."""

    terms: Pair
    mass: Pair
    valid: Array


@dataclass(frozen=True)
class MeanFold:
    """The sum of a measure's terms, and that of the masses."""

    measure: TableMeasure

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Sums:
        mass = self.measure.entries.mass(block, xp=xp)
        return Sums(
            terms=total(self.measure.term(block, xp=xp), xp=xp),
            mass=total(mass, xp=xp),
            valid=~xp.any(self.measure.entries.invalid(block)),
        )

    def merge(self, one: Sums, other: Sums, *, xp: Namespace) -> Sums:
        return Sums(
            terms=add_sums(one.terms, other.terms, xp=xp),
            mass=add_sums(one.mass, other.mass, xp=xp),
            valid=one.valid & other.valid,
        )


class TableMeasure(Measure):
    """A mean over the entries of a table, and its derivative by them.

    A measure says what an entry adds, and its logarithm: by a mass the derivative is that
    less the mean, over the table's mass.
    """

    entries: Entries
    base: float | None
    marginals: int
    """How many operands follow those of an entry."""
    empty = (0.0,)

    @abstractmethod
    def term(self, block: Block, *, xp: Namespace) -> Array:
        """What entries add."""

    @abstractmethod
    def logarithm(self, block: Block, *, xp: Namespace) -> Array:
        """The derivative of that by masses, up to a constant."""

    @property
    def fills(self) -> tuple[float, ...]:
        return (*self.entries.fills, *(0.0,) * self.marginals)

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (MeanFold(self),)

    def finish(self, stats: tuple[Sums], *, xp: Namespace) -> tuple[Array, ...]:
        value, _ = self.numbers(stats, xp=xp)
        possible = stats[0].valid & (stats[0].mass.hi > 0)
        return (in_base(xp.where(possible, value, float("nan")), self.base, xp=xp),)

    def numbers(self, stats: tuple[Sums], *, xp: Namespace) -> tuple[Array, ...]:
        """The mean in nats, and the mass."""
        (sums,) = stats
        known = sums.mass.hi > 0
        mass = Pair(xp.where(known, sums.mass.hi, 1.0), xp.where(known, sums.mass.lo, 0.0))
        return divide(sums.terms, mass, xp=xp).value, mass.hi

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        value, mass = numbers
        rate = in_base((self.logarithm(block, xp=xp) - value) / mass, self.base, xp=xp)
        by = self.entries.by_entry(rate, block, xp=xp)
        return only_first(by, need, xp=xp)


class Cell(NamedTuple):
    """An entry x beside y, what its marginals make of it, all of one scale."""

    x: Array
    y: Pair
    difference: Pair
    """x - y."""
    steep: Array
    """Where y is too small for a quotient of the two."""
    log_steep: Array
    """log(x/y) there, and 0 elsewhere."""


def cell(x: Array, marginals: tuple[Words, ...], *, xp: Namespace) -> Cell:
    """``y = first*(second/whole)*...``; the whole is the last of the marginals."""
    first, *others, whole = marginals
    known = whole[0] > 0
    divisor = (xp.where(known, whole[0], 1.0), whole[1], whole[2])
    shares = [divide_words(other, divisor, xp=xp) for other in others]
    y = first
    for share in shares:
        y = multiply_words(y, share, xp=xp)
    high, low, rest = three_words([x, *(-word for word in y)])
    # What is left of rounding.
    seen = xp.abs(high) > xp.limits.noise * x
    steep = (x > 0) & (y[0] < xp.limits.subnormal)
    log_steep = xp.log(xp.where(steep, x, 1.0) / xp.where(steep, first[0], 1.0))
    for share in shares:
        log_steep = log_steep - xp.log(xp.where(steep, share[0], 1.0))
    difference = Pair(xp.where(seen, high, 0.0), xp.where(seen, low + rest, 0.0))
    return Cell(x, Pair(y[0], y[1]), difference, steep, log_steep)


def log_ratio(x: Array, marginals: tuple[Words, ...], *, xp: Namespace) -> Array:
    """``log(x/y)``; where x is 0, what it tends to as x, and its marginals with it, go there.

    An outcome of one variable that has no other entry is then told by the others alone.
    """
    one = cell(x, marginals, xp=xp)
    value = signed_log_ratio(x, one.y.hi, one.difference.value, xp=xp)
    value = xp.where(one.steep, one.log_steep, value)
    *parts, whole = marginals
    empty = alone = xp.zeros_like(x)
    for part in parts:
        told = signed_log_ratio(whole[0], part[0], _less(whole, part), xp=xp)
        alone = alone + xp.where(part[0] > 0, told, 0.0)
        empty = empty + xp.where(part[0] > 0, 0.0, xp.ones_like(x))
    limit = xp.where(empty == 0, -_INF, xp.where(empty == 1, alone, _INF))
    return xp.where(x == 0, xp.where(whole[0] > 0, limit, 0.0), value)


def grouped(block: Block) -> tuple[Words, ...]:
    return tuple(zip(block[::3], block[1::3], block[2::3], strict=True))


@dataclass(frozen=True)
class Dependence(TableMeasure):
    """The divergence of a table from the product of its variables' marginals.

    The whole is the table's total, or its sum over these variables.
    """

    base: float | None
    variables: int = 2
    entries = Weights()

    @property
    def marginals(self) -> int:  # type: ignore[override]
        return 3 * (self.variables + 1)

    def term(self, block: Block, *, xp: Namespace) -> Array:
        x = self.entries.mass(block, xp=xp)
        one = cell(x, grouped(block[2:]), xp=xp)
        value = kl_term(xp.where(one.steep, 0.0, x), one.y, one.difference, xp=xp)
        return xp.where(one.steep, x * (one.log_steep - 1) + one.y.hi, value)

    def logarithm(self, block: Block, *, xp: Namespace) -> Array:
        x = self.entries.mass(block, xp=xp)
        return log_ratio(x, grouped(block[2:]), xp=xp)


@dataclass(frozen=True)
class Surprise(TableMeasure):
    """The mean of ``log(c/x)`` for one marginal c, or of the sum of that for several.

    With ``inner``, that of ``log(c/r)``: r, which is the last of the marginals and part of c,
    takes the entry's place.
    """

    entries: Entries
    base: float | None
    count: int = 1
    inner: bool = False

    @property
    def marginals(self) -> int:  # type: ignore[override]
        return 3 * (self.count + self.inner)

    def term(self, block: Block, *, xp: Namespace) -> Array:
        mass = self.entries.mass(block, xp=xp)
        surprise = self.logarithm(block, xp=xp)
        return mass * xp.where(mass > 0, surprise, 0.0)

    def logarithm(self, block: Block, *, xp: Namespace) -> Array:
        marginals = list(grouped(block[2:]))
        x = self.entries.mass(block, xp=xp)
        none = xp.zeros_like(x)
        part, value = (marginals.pop() if self.inner else (x, none, none)), none
        for marginal in marginals:
            rest = _less(marginal, part)
            value = value + signed_log_ratio(marginal[0], part[0], rest, xp=xp)
        return value


def _less(whole: Words, part: Words) -> Array:
    """The difference of a sum and a part of it, which may be nearly all."""
    words = [word for pair in zip(whole, part, strict=True) for word in (pair[0], -pair[1])]
    high, low, rest = three_words(words)
    return high + (low + rest)


@dataclass(frozen=True)
class Pointwise(EntryFunction):
    """``log(x/y)`` of every entry: an elementwise function of an entry and its marginals."""

    base: float | None
    entries = Weights()

    def value(self, *block: Array, xp: Namespace) -> Array:
        x = self.entries.mass(block, xp=xp)
        found = in_base(log_ratio(x, grouped(block[2:]), xp=xp), self.base, xp=xp)
        found = xp.where(_possible(block), found, 0.0)
        return xp.where(block[-3] > 0, found, float("nan"))

    @property
    def slopes(self) -> tuple[Any, ...]:
        def by_entry(*block: Array, xp: Namespace) -> Array:
            mass = self.entries.mass(block, xp=xp)
            rate = in_base(_reciprocal(mass, block, xp=xp), self.base, xp=xp)
            return self.entries.by_entry(rate, block, xp=xp)

        def by_marginal(at: int, sign: float) -> Any:
            def slope(*block: Array, xp: Namespace) -> Array:
                rate = sign * _reciprocal(block[at], block, xp=xp)
                return in_base(rate, self.base, xp=xp)

            return slope

        first, second, whole = (
            (by_marginal(at, sign), _none, _none)
            for at, sign in ((2, -1.0), (5, -1.0), (8, 1.0))
        )
        return by_entry, _none, *first, *second, *whole


def _possible(block: Block) -> Array:
    """Where neither marginal is 0: elsewhere the entry's value is a constant."""
    return (block[2] > 0) & (block[5] > 0)


def _reciprocal(x: Array, block: Block, *, xp: Namespace) -> Array:
    possible = _possible(block)
    rate = xp.where(possible, 1 / xp.where(possible, x, 1.0), 0.0)
    return xp.where(block[-3] > 0, rate, float("nan"))


def _none(*block: Array, xp: Namespace) -> Array:
    return xp.zeros_like(block[0])
