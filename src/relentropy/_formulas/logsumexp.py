"""log(sum(exp(a))), and what softmax and log-softmax need of it.

Blanchard, Higham and Higham (2021) for the shift; the sum is kept without its largest term,
whose exponential is exactly 1, so that ``log1p`` sees all digits of what the others add.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, add_sums, exp, scale, total, two_sum
from .._arrays.protocols import Block, Measure, Slopes
from .expectation import beside_top, exp_difference, finite_or_zero, sign

_INF, _NAN = float("inf"), float("nan")


class Peak(NamedTuple):
    """A row's largest logit, and the sum of exponentials of the others relative to it."""

    top: Array
    others: Array

    @property
    def mass(self) -> Array:
        """The sum of exp(a - top)."""
        return 1 + self.others


def relative(a: Array, top: Array, *, xp: Namespace) -> Pair:
    """``a - top`` as a pair; -inf stays, and a row without a finite top is left as it is."""
    anchor = finite_or_zero(top, xp=xp)
    if not xp.exact:
        return Pair(a - anchor)
    high, low = two_sum(a, -anchor)
    return Pair(high, xp.where(xp.isfinite(high), low, 0.0))


class PeakFold:
    """`Peak` of a row of logits, in one pass."""

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Namespace) -> Peak:
        (a,) = block
        top = xp.max(a)
        weights = exp(relative(a, top, xp=xp), xp=xp)
        return Peak(top, beside_top(weights, a == top, xp=xp))

    def merge(self, one: Peak, other: Peak, *, xp: Namespace) -> Peak:
        top = xp.maximum(one.top, other.top)
        first = one.top >= other.top
        lower = xp.where(first, other.top, one.top)
        more, less = (
            xp.where(first, one.others, other.others),
            xp.where(first, other.mass, one.mass),
        )
        return Peak(top, more + exp_difference(lower, top, xp=xp) * less)


@dataclass(frozen=True)
class LogSumExp(Measure):
    """log(sum(exp(a)))."""

    fills = (-_INF,)
    empty = (-_INF,)

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (PeakFold(),)

    def finish(self, stats: tuple[Peak], *, xp: Namespace) -> tuple[Array, ...]:
        (peak,) = stats
        value = peak.top + xp.log1p(peak.others)
        return (xp.where(xp.abs(peak.top) == _INF, peak.top, value),)

    def numbers(self, stats: tuple[Peak], *, xp: Namespace) -> tuple[Array, ...]:
        return stats[0]

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """softmax(a); 0 where a row has no mass, which moving a little does not give it."""
        top, others = numbers
        share = softmax_entry(block[0], xp.where(top == -_INF, 0.0, top), others, xp=xp)
        return (xp.where(top == -_INF, 0.0, share),)


def sign_of_sum(value: Array, *, xp: Namespace) -> Array:
    """The sign of a sum of exponentials whose logarithm is given."""
    present = xp.where(xp.isnan(value), value, 1.0)
    return xp.where(value == -_INF, 0.0, present)


@dataclass(frozen=True)
class SoftmaxNumbers:
    """What each row's softmax needs: its largest logit and the sum of the others."""

    fills = (-_INF,)
    empty = (0.0, 0.0)

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (PeakFold(),)

    def finish(self, stats: tuple[Peak], *, xp: Namespace) -> tuple[Array, ...]:
        (peak,) = stats
        # An infinite largest logit has no softmax: nan, in every entry of its row.
        nowhere = xp.abs(peak.top) == _INF
        return xp.where(nowhere, _NAN, peak.top), peak.others


def softmax_entry(a: Array, top: Array, others: Array, *, xp: Namespace) -> Array:
    """exp(a)/sum(exp(a)), given the row's numbers."""
    share = exp(relative(a, top, xp=xp), xp=xp) / (1 + others)
    return xp.where(xp.abs(top) < _INF, share, _NAN)


def log_softmax_entry(a: Array, top: Array, others: Array, *, xp: Namespace) -> Array:
    """log(softmax(a)), given the row's numbers; at the largest entry just -log1p(others)."""
    gap, loss = relative(a, top, xp=xp), xp.log1p(others)
    plain = gap.hi - loss
    value = xp.where(xp.isfinite(plain), (gap - Pair(loss)).value, plain)
    return xp.where(xp.abs(top) < _INF, value, _NAN)


@dataclass(frozen=True)
class Softmax:
    """exp(a)/sum(exp(a)), whose derivative along t is softmax*(t - E[t])."""

    numbers = SoftmaxNumbers()

    def entry(self, block: Block, numbers: tuple[Array, ...], *, xp: Namespace) -> Array:
        return softmax_entry(block[0], *numbers, xp=xp)

    def slopes(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Slopes]:
        share = softmax_entry(block[0], *numbers, xp=xp)
        return (Slopes(share, share, share),)


@dataclass(frozen=True)
class LogSoftmax:
    """log(softmax(a)), whose derivative along t is t - E[t]."""

    numbers = SoftmaxNumbers()

    def entry(self, block: Block, numbers: tuple[Array, ...], *, xp: Namespace) -> Array:
        return log_softmax_entry(block[0], *numbers, xp=xp)

    def slopes(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Slopes]:
        share = softmax_entry(block[0], *numbers, xp=xp)
        one = xp.where(xp.isnan(numbers[0]), _NAN, xp.ones_like(share))
        return (Slopes(one, one, share),)


class SignedSum(NamedTuple):
    """``sum(b*exp(a)) = exp(shift)*sum``."""

    shift: Array
    sum: Pair


class SignedSumFold:
    """Signed weights: exponents are shifted by the largest ``a + log(abs(b))``."""

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Namespace) -> SignedSum:
        a, b = block
        absent = b == 0
        a = xp.where(absent, -_INF, a)
        shift = xp.max(xp.where(absent, -_INF, a + xp.log(xp.where(absent, 1.0, xp.abs(b)))))
        gap = relative(a, shift, xp=xp)
        # In two halves: exp(a - shift) alone may leave the range where b makes up for it.
        half = exp(gap.map(lambda word: 0.5 * word), xp=xp)
        terms = xp.where(absent | (a == -_INF), 0.0, (b * half) * half)
        # Infinite terms of both signs make nan of their sum.
        infinite = xp.where(a == _INF, sign(b, xp=xp) * _INF, 0.0)
        terms = xp.where(shift == _INF, infinite, terms)
        return SignedSum(shift, total(terms, xp=xp, compensated=True))

    def merge(self, one: SignedSum, other: SignedSum, *, xp: Namespace) -> SignedSum:
        shift = xp.maximum(one.shift, other.shift)
        scaled = [
            scale(exp_difference(part.shift, shift, xp=xp), part.sum, xp=xp)
            for part in (one, other)
        ]
        return SignedSum(shift, add_sums(scaled[0], scaled[1], xp=xp))


@dataclass(frozen=True)
class SignedLogSumExp(Measure):
    """log(abs(sum(b*exp(a)))) and the sum's sign, or nan for negative sums without it."""

    return_sign: bool
    fills = (-_INF, 0.0)
    empty = (-_INF, 0.0)

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (SignedSumFold(),)

    def finish(self, stats: tuple[SignedSum], *, xp: Namespace) -> tuple[Array, ...]:
        shift, found = stats[0]
        signs = sign(found.hi, xp=xp)
        size = found.map(lambda word: word * signs)
        value = finite_or_zero(shift, xp=xp) + _log(size, xp=xp)
        value = xp.where(found.hi == 0, -_INF, value)
        unknown = xp.isnan(found.hi)
        value = xp.where(shift == _INF, xp.where(unknown, found.hi, shift), value)
        if not self.return_sign:
            value = xp.where(signs < 0, _NAN, value)
        return value, signs

    def numbers(self, stats: tuple[SignedSum], *, xp: Namespace) -> tuple[Array, ...]:
        shift, found = stats[0]
        return shift, found.value

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """b*exp(a) and exp(a), over the sum."""
        a, b = block
        shift, found = numbers
        half = exp(relative(a, shift, xp=xp).map(lambda word: 0.5 * word), xp=xp)
        gone, none = found == 0, a == -_INF
        share = half / xp.where(gone, 1.0, found)
        by_a = xp.where(gone, sign(b, xp=xp) * _INF, (b * half) * share)
        by_a = xp.where(none | (b == 0), 0.0, by_a)
        by_b = xp.where(none, 0.0, xp.where(gone, _INF, half * share))
        by_a, by_b = (xp.where(shift < _INF, by, _NAN) for by in (by_a, by_b))
        return by_a if need[0] else None, by_b if need[1] else None


def _log(x: Pair, *, xp: Namespace) -> Array:
    """log of a pair, with all its digits near 1."""
    low = 0.0 if x.lo is None else x.lo
    excess = (x.hi - 1) + low
    near = xp.abs(excess) < 0.5
    return xp.where(near, xp.log1p(xp.where(near, excess, 0.0)), xp.log(x.hi))
