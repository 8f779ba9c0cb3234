"""log(sum(exp(a))), and what softmax and log-softmax need of it.

Blanchard, Higham and Higham (2021) for the shift; the sum is kept without its largest term,
whose exponential is exactly 1, so that ``log1p`` sees all digits of what the others add.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.pairs import Pair, add_sums, exp, scale, total, two_sum
from .expectation import beside_top, exp_difference, finite_or_zero, sign

Array = Any


class Peak(NamedTuple):
    """A row's largest logit, and the sum of exponentials of the others relative to it."""

    top: Array
    others: Array

    @property
    def mass(self) -> Array:
        """The sum of exp(a - top)."""
        return 1 + self.others


def relative(a: Array, top: Array, *, xp: Any) -> Pair:
    """``a - top`` as a pair; -inf stays, and a row without a finite top is left as it is."""
    anchor = finite_or_zero(top, xp=xp)
    high, low = two_sum(a, -anchor)
    return Pair(high, xp.where(xp.isfinite(high), low, 0.0))


class PeakFold:
    """`Peak` of a row of logits, in one pass."""

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Any) -> Peak:
        (a,) = block
        top = xp.max(a)
        weights = exp(relative(a, top, xp=xp), xp=xp)
        return Peak(top, beside_top(weights, a == top, xp=xp))

    def merge(self, one: Peak, other: Peak, *, xp: Any) -> Peak:
        top = xp.maximum(one.top, other.top)
        first = one.top >= other.top
        lower = xp.where(first, other.top, one.top)
        more, less = (
            xp.where(first, one.others, other.others),
            xp.where(first, other.mass, one.mass),
        )
        return Peak(top, more + exp_difference(lower, top, xp=xp) * less)


@dataclass(frozen=True)
class LogSumExp:
    """log(sum(exp(a)))."""

    fills = (-float("inf"),)
    empty = (-float("inf"),)

    def passes(self, *, xp: Any) -> tuple[Any, ...]:
        return (PeakFold(),)

    def finish(self, stats: tuple[Peak], *, xp: Any) -> tuple[Array, ...]:
        (peak,) = stats
        value = peak.top + xp.log1p(peak.others)
        return (xp.where(xp.abs(peak.top) == float("inf"), peak.top, value),)

    def grad(
        self, block: tuple[Array], stats: tuple[Peak], need: tuple[bool, ...], *, xp: Any
    ) -> tuple[Array | None, ...]:
        """softmax(a)."""
        return (softmax_entry(block[0], *stats[0], xp=xp),)


def sign_of_sum(value: Array, *, xp: Any) -> Array:
    """The sign of a sum of exponentials whose logarithm is given."""
    present = xp.where(xp.isnan(value), value, 1.0)
    return xp.where(value == -float("inf"), 0.0, present)


@dataclass(frozen=True)
class SoftmaxNumbers:
    """What each row's softmax needs: its largest logit and the sum of the others."""

    fills = (-float("inf"),)
    empty = (0.0, 0.0)

    def passes(self, *, xp: Any) -> tuple[Any, ...]:
        return (PeakFold(),)

    def finish(self, stats: tuple[Peak], *, xp: Any) -> tuple[Array, ...]:
        (peak,) = stats
        # An infinite largest logit has no softmax: nan, in every entry of its row.
        nowhere = xp.abs(peak.top) == float("inf")
        return xp.where(nowhere, float("nan"), peak.top), peak.others


def softmax_entry(a: Array, top: Array, others: Array, *, xp: Any) -> Array:
    """exp(a)/sum(exp(a)), given the row's numbers."""
    return exp(relative(a, top, xp=xp), xp=xp) / (1 + others) + (top - top)


def log_softmax_entry(a: Array, top: Array, others: Array, *, xp: Any) -> Array:
    """log(softmax(a)), given the row's numbers; at the largest entry just -log1p(others)."""
    gap, loss = relative(a, top, xp=xp), xp.log1p(others)
    plain = gap.hi - loss
    return xp.where(xp.isfinite(plain), (gap - Pair(loss)).value, plain) + (top - top)


class SignedSum(NamedTuple):
    """``sum(b*exp(a)) = exp(shift)*sum``."""

    shift: Array
    sum: Pair


class SignedSumFold:
    """Signed weights: exponents are shifted by the largest ``a + log(abs(b))``."""

    def step(self, block: tuple[Array, ...], stats: Any, *, xp: Any) -> SignedSum:
        a, b = block
        absent = b == 0
        infinity = float("inf")
        a = xp.where(absent, -infinity, a)
        shift = xp.max(
            xp.where(absent, -infinity, a + xp.log(xp.where(absent, 1.0, xp.abs(b))))
        )
        gap = relative(a, shift, xp=xp)
        # In two halves: exp(a - shift) alone may leave the range where b makes up for it.
        half = exp(gap.map(lambda word: 0.5 * word), xp=xp)
        terms = xp.where(absent | (a == -infinity), 0.0, (b * half) * half)
        # Infinite terms of both signs make nan of their sum.
        infinite = xp.where(a == infinity, sign(b, xp=xp) * infinity, 0.0)
        terms = xp.where(shift == infinity, infinite, terms)
        return SignedSum(shift, total(terms, xp=xp, compensated=True))

    def merge(self, one: SignedSum, other: SignedSum, *, xp: Any) -> SignedSum:
        shift = xp.maximum(one.shift, other.shift)
        scaled = [
            scale(exp_difference(part.shift, shift, xp=xp), part.sum, xp=xp)
            for part in (one, other)
        ]
        return SignedSum(shift, add_sums(scaled[0], scaled[1], xp=xp))


@dataclass(frozen=True)
class SignedLogSumExp:
    """log(abs(sum(b*exp(a)))) and the sum's sign, or nan for negative sums without it."""

    return_sign: bool
    fills = (-float("inf"), 0.0)
    empty = (-float("inf"), 0.0)

    def passes(self, *, xp: Any) -> tuple[Any, ...]:
        return (SignedSumFold(),)

    def finish(self, stats: tuple[SignedSum], *, xp: Any) -> tuple[Array, ...]:
        shift, found = stats[0]
        signs = sign(found.hi, xp=xp)
        size = found.map(lambda word: word * signs)
        value = finite_or_zero(shift, xp=xp) + _log(size, xp=xp)
        value = xp.where(found.hi == 0, -float("inf"), value)
        unknown = xp.isnan(found.hi)
        value = xp.where(shift == float("inf"), xp.where(unknown, found.hi, shift), value)
        if not self.return_sign:
            value = xp.where(signs < 0, float("nan"), value)
        return value, signs

    def grad(
        self,
        block: tuple[Array, Array],
        stats: tuple[SignedSum],
        need: tuple[bool, ...],
        *,
        xp: Any,
    ) -> tuple[Array | None, ...]:
        """b*exp(a) and exp(a), over the sum."""
        a, b = block
        shift, found = stats[0]
        half = exp(relative(a, shift, xp=xp).map(lambda word: 0.5 * word), xp=xp)
        share = half / found.value
        by_a = xp.where((b == 0) | (a == -float("inf")), 0.0, (b * half) * share)
        return by_a if need[0] else None, half * share if need[1] else None


def _log(x: Pair, *, xp: Any) -> Array:
    """log of a pair, with all its digits near 1."""
    low = 0.0 if x.lo is None else x.lo
    excess = (x.hi - 1) + low
    near = xp.abs(excess) < 0.5
    return xp.where(near, xp.log1p(xp.where(near, excess, 0.0)), xp.log(x.hi))
