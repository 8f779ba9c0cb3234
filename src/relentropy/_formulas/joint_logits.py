"""The mutual information of a table of logits, with all digits however close to independent.

Exponentials are rounded, and the sums of what was rounded too: by them a table that is within
1e-9 of independent cannot be told from it. But any numbers will do for the logarithms of the
marginals, if it is known what they are off by. With a_i, b_j and n for those of rows, columns
and the whole, and w = exp(l),

    q_ij = exp(a_i + b_j - n),  A_i = log(sum_j q_ij/sum_j w_ij),  B_j, N likewise,

the log-ratio is, for any a, b and n at all,

    log(p_ij/(r_i*c_j)) = l_ij - (a_i + b_j - n) + A_i + B_j - N.

Sums of ``q - w = w*expm1(a_i + b_j - n - l_ij)`` have as many digits as the table is close to
the product that a, b and n make. They begin as the mean logits of rows, columns and table, of
which everything that a row or a column has in common drops out, and are corrected twice: the
first time of what rounding the means left, the second of what distinguishes the table.

Any number of variables: the last term is then the table's times their number less one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, add_sums, divide, exp, three_words, total
from .._arrays.polynomials import exp_reach, exp_tail
from .._arrays.protocols import Block, EntryFunction, Measure
from .cells import Logits, only_first
from .expectation import in_base
from .expm1mx import expm1
from .joint import TableMeasure
from .logsumexp import relative

_INF = float("inf")
_LOGITS = Logits()


class Centre(NamedTuple):
    mass: Array
    sum: Array
    valid: Array


def _weight(logit: Array, largest: Array, *, xp: Namespace) -> Array:
    return exp(relative(logit, largest, xp=xp), xp=xp)


class _CentreFold:
    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Centre:
        gap = relative(block[0], block[1], xp=xp)
        weight = _weight(block[0], block[2], xp=xp)
        terms = weight * xp.where(weight > 0, gap.hi, 0.0)
        valid = ~xp.any(_LOGITS.invalid(block))
        return Centre(total(weight, xp=xp).value, total(terms, xp=xp).value, valid)

    def merge(self, one: Centre, other: Centre, *, xp: Namespace) -> Centre:
        return Centre(one.mass + other.mass, one.sum + other.sum, one.valid & other.valid)


@dataclass(frozen=True)
class MeanLogit(Measure):
    """The mean of logits relative to the table's largest, under their own distribution.

    Operands: logit, the table's largest, and the largest that is averaged. The second
    output: a constant, since any number would do. -inf where there is no mass, nan where
    there is a logit that is none.
    """

    fills = (*_LOGITS.fills, 0.0)
    empty = (-_INF, -_INF)

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (_CentreFold(),)

    def finish(self, stats: tuple[Centre], *, xp: Namespace) -> tuple[Array, ...]:
        (found,) = stats
        known = found.mass > 0
        mean = xp.where(known, found.sum / xp.where(known, found.mass, 1.0), -_INF)
        mean = xp.where(found.valid, mean, float("nan"))
        return mean, mean

    def numbers(self, stats: tuple[Centre], *, xp: Namespace) -> tuple[Array, ...]:
        return ()

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        return only_first(xp.zeros_like(block[0]), need, xp=xp)


class Guess(NamedTuple):
    """A logit beside the logarithm that a product of guessed marginals gives it."""

    exponent: Pair
    """a + b - n."""
    apart: Pair
    """exponent - logit, 0 where one of the two is -inf."""
    size: Array
    """Of what they are the difference of."""
    live: Array
    """Where neither is -inf."""
    none: Array
    """Where the product is zero."""


def guess(block: Block, words: Block, *, xp: Namespace) -> Guess:
    """What guesses, two words for the table and for each variable, make of its entries."""
    gap = relative(block[0], block[1], xp=xp)
    none = words[0] == -_INF
    for word in words[2::2]:
        none = none | (word == -_INF)
    live = ~(none | (gap.hi == -_INF))
    whole, whole_low, *parts = (xp.where(none, 0.0, word) for word in words)
    gap = gap.map(lambda word: xp.where(live, word, 0.0))
    more = len(parts) // 2 - 1
    minus = -gap
    summands = [minus.hi, *parts[::2], -more * whole, minus.lo, *parts[1::2], -more * whole_low]
    high, low, rest = three_words(summands)
    size = xp.abs(gap.hi) + xp.abs(whole)
    for part in parts[::2]:
        size = size + xp.abs(part)
    apart = Pair(high, low + rest)
    return Guess(
        exponent=apart + gap,
        apart=apart.map(lambda word: xp.where(live, word, 0.0)),
        size=size,
        live=live,
        none=none,
    )


class Masses(NamedTuple):
    weight: Pair
    excess: Pair
    """The sum of q - w."""
    guessed: Array
    """The sum of q."""


@dataclass(frozen=True)
class _CorrectionFold:
    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Masses:
        logit, largest, own, *words = block
        one = guess(block, tuple(words), xp=xp)
        weight = _weight(logit, own, xp=xp)
        # On the scale of what is summed: a marginal may be too small beside the table.
        exponent = one.exponent - (Pair(own) - Pair(largest))
        q = xp.where(one.none, 0.0, exp(exponent, xp=xp))
        near = one.live & (xp.abs(one.apart.hi) < 1)
        close = weight * expm1(xp.where(near, one.apart.value, 0.0), xp=xp)
        return Masses(
            weight=total(weight, xp=xp),
            excess=total(xp.where(near, close, q - weight), xp=xp),
            guessed=total(q, xp=xp).value,
        )

    def merge(self, one: Masses, other: Masses, *, xp: Namespace) -> Masses:
        return Masses(
            add_sums(one.weight, other.weight, xp=xp),
            add_sums(one.excess, other.excess, xp=xp),
            one.guessed + other.guessed,
        )


@dataclass(frozen=True)
class Correction(Measure):
    """log(sum(q)/sum(w)): what a guessed marginal is off by; once more as a constant.

    Operands: logit, the table's largest, the largest that is summed, and the guesses' words.
    """

    variables: int
    empty = (0.0, 0.0)

    @property
    def fills(self) -> tuple[float, ...]:
        return (*_LOGITS.fills, *(0.0,) * (3 + 2 * self.variables))

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (_CorrectionFold(),)

    def finish(self, stats: tuple[Masses], *, xp: Namespace) -> tuple[Array, ...]:
        (sums,) = stats
        known = (sums.weight.hi > 0) & (sums.guessed > 0)
        mass = Pair(xp.where(known, sums.weight.hi, 1.0), xp.where(known, sums.weight.lo, 0.0))
        share = xp.where(known, divide(sums.excess, mass, xp=xp).value, 0.0)
        near = xp.abs(share) < 0.5
        far = xp.log(xp.where(near, 1.0, sums.guessed / mass.hi))
        found = xp.where(near, xp.log1p(xp.where(near, share, 0.0)), far)
        return found, found

    def numbers(self, stats: tuple[Masses], *, xp: Namespace) -> tuple[Array, ...]:
        (found,) = stats
        return (xp.where(found.weight.hi > 0, found.weight.hi, 1.0),)

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """Less the entry's share of the marginal: guesses stay as they are."""
        (mass,) = numbers
        by = -_weight(block[0], block[2], xp=xp) / mass
        return only_first(by, need, xp=xp)


class LogCell(NamedTuple):
    """A logit beside the logarithm of the product of its marginals, both relative."""

    weight: Array
    exponent: Pair
    """Of the product."""
    d: Pair
    """log(p/q), 0 where one of the two is zero."""
    live: Array
    none: Array


def log_cell(block: Block, *, xp: Namespace) -> LogCell:
    """Of a logit, the largest, and of the table and each variable a guess and its error."""
    words = tuple(word for i, word in enumerate(block[2:]) if i % 3 < 2)
    one, (whole, *parts) = guess(block, words, xp=xp), block[4::3]
    correction = Pair((len(parts) - 1) * whole, xp.zeros_like(whole))
    for part in parts:
        correction = correction - Pair(part)
    apart = one.apart + correction
    # What is left of rounding: a table of sums of logits is independent to the last digit.
    seen = one.live & (xp.abs(apart.hi) > xp.limits.noise * one.size)
    return LogCell(
        weight=_weight(block[0], block[1], xp=xp),
        exponent=one.exponent + correction,
        d=(-apart).map(lambda word: xp.where(seen, word, 0.0)),
        live=one.live,
        none=one.none,
    )


@dataclass(frozen=True)
class DependenceOfLogits(TableMeasure):
    """The divergence of a table of logits from the product of its variables."""

    variables: int
    base: float | None
    entries = _LOGITS

    @property
    def marginals(self) -> int:  # type: ignore[override]
        return 3 + 3 * self.variables

    def term(self, block: Block, *, xp: Namespace) -> Array:
        one = log_cell(block, xp=xp)
        other = xp.where(one.none, 0.0, exp(one.exponent, xp=xp))
        minus = -one.d
        high, low = minus.hi, minus.lo
        near = one.live & (xp.abs(high) < exp_reach(xp=xp))
        x = xp.where(near, high, 0.0)
        g = x * x * exp_tail(x, xp=xp)
        g = g + low * (x + g)
        spread = one.weight * xp.where(one.weight > 0, high, 0.0)
        terms = xp.where(near, one.weight * g, other - (one.weight + spread))
        return xp.where(one.live, terms, other)

    def logarithm(self, block: Block, *, xp: Namespace) -> Array:
        return log_cell(block, xp=xp).d.value


@dataclass(frozen=True)
class PointwiseOfLogits(EntryFunction):
    """``log(p/q)`` of every entry of a table of two variables."""

    base: float | None

    def value(self, *block: Array, xp: Namespace) -> Array:
        one = log_cell(block, xp=xp)
        found = xp.where(one.live, one.d.value, xp.where(one.none, 0.0, -_INF))
        return in_base(xp.where(block[2] > -_INF, found, float("nan")), self.base, xp=xp)

    @property
    def slopes(self) -> tuple[Any, ...]:
        def by_entry(*block: Array, xp: Namespace) -> Array:
            one = in_base(xp.ones_like(block[0]), self.base, xp=xp)
            one = xp.where(log_cell(block, xp=xp).live, one, 0.0)
            return xp.where(block[2] > -_INF, one, float("nan"))

        def slope(sign: float) -> Any:
            def by(*block: Array, xp: Namespace) -> Array:
                one = in_base(sign * xp.ones_like(block[0]), self.base, xp=xp)
                return xp.where(log_cell(block, xp=xp).none, 0.0, one)

            return by

        constant, plus, minus = slope(0.0), slope(1.0), slope(-1.0)
        table, variable = (constant, constant, minus), (constant, constant, plus)
        return by_entry, constant, *table, *variable, *variable
