"""Numbers as unevaluated pairs, and the error-free transforms under them.

A `Pair` is ``hi + lo`` with ``lo`` at most half an ulp of ``hi``: twice the digits of the
working precision from its own additions and multiplications (Dekker 1971; Joldes, Muller
and Popescu 2017). ``lo`` is None where ``hi`` is known to be enough, and costs nothing then.

Compilers can break all of this, each transform alone rarely, compositions often; every
product whose rounding error is wanted goes through ``xp.rounded``, and no transform is
applied to a literal constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .array import Array

if TYPE_CHECKING:
    from .namespace import Namespace


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """``a + b`` rounded, and the rounding error (Knuth's six operations; any magnitudes)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def fast_two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """The same in three operations for ``abs(a) >= abs(b)``."""
    total = a + b
    return total, b - (total - a)


def split(a: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Two halves of a significand, whose products are exact."""
    c = xp.rounded(xp.limits.splitter * a)
    high = c - (c - a)
    return high, a - high


def two_prod(a: Array, b: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """``a * b`` rounded, and the rounding error."""
    product = xp.rounded(a * b)
    ah, al = split(a, xp=xp)
    bh, bl = split(b, xp=xp)
    return product, ((ah * bh - product) + ah * bl + al * bh) + al * bl


def three_words(words: list[Array]) -> tuple[Array, Array, Array]:
    """The sum of words, without error but for the last of three."""
    high, *errors = words
    for i, word in enumerate(errors):
        high, errors[i] = two_sum(high, word)
    low, *rest = errors
    for i, word in enumerate(rest):
        low, rest[i] = two_sum(low, word)
    tail = rest[0]
    for word in rest[1:]:
        tail = tail + word
    high, low = two_sum(high, low)
    return high, low, tail


@dataclass(frozen=True, slots=True)
class Pair:
    """The number ``hi + lo``; sums and differences of pairs are renormalised pairs.

    Plain arrays are wrapped first: a compiler that sees an operator between an array and
    something else takes it for the array's own.
    """

    hi: Array
    lo: Array | Any = None  # None, but not where formulas have made sure of it

    def __add__(self, other: Pair) -> Pair:
        total, error = two_sum(self.hi, other.hi)
        if self.lo is None and other.lo is None:
            return Pair(total, error)
        for low in (self.lo, other.lo):
            error = error if low is None else error + low
        return Pair(*fast_two_sum(total, error))

    def __neg__(self) -> Pair:
        return Pair(-self.hi, None if self.lo is None else -self.lo)

    def __sub__(self, other: Pair) -> Pair:
        return self + (-other)

    def map(self, fn: Any) -> Pair:
        """Apply a choice of entries to both words."""
        return Pair(fn(self.hi), None if self.lo is None else fn(self.lo))

    @property
    def value(self) -> Array:
        """The pair rounded to working precision."""
        return self.hi if self.lo is None else self.hi + self.lo


def choose(condition: Array, one: Pair, other: Pair, *, xp: Namespace) -> Pair:
    """An elementwise choice between pairs."""
    high = xp.where(condition, one.hi, other.hi)
    if one.lo is None and other.lo is None:
        return Pair(high)
    low = [xp.zeros_like(high) if pair.lo is None else pair.lo for pair in (one, other)]
    return Pair(high, xp.where(condition, *low))


def minus(x: Pair, y: Array, *, xp: Namespace) -> Pair:
    """``x - y``: a pair where the namespace is exact, else rounded."""
    if xp.exact:
        return x - Pair(y)
    rounded = x.hi - y
    return Pair(rounded if x.lo is None else rounded + x.lo)


def exp(x: Pair, *, xp: Namespace) -> Array:
    """``exp(hi + lo)``: a rounded exponent alone would cost |x| ulp of the result."""
    grown = xp.exp(x.hi)
    if x.lo is None:
        return grown
    return xp.where(grown < float("inf"), grown + grown * x.lo, grown)  # not inf*0


def scale(factor: Array, x: Pair, *, xp: Namespace) -> Pair:
    """``factor * x``, with the product's error where the namespace is exact."""
    if not xp.exact:
        return Pair(factor * x.hi)
    product, error = two_prod(factor, x.hi, xp=xp)
    return Pair(product, error if x.lo is None else error + factor * x.lo)


def far_scale(factor: Array, x: Pair, *, xp: Namespace) -> Pair:
    """`scale` for products that may come near the end of the range."""
    return calm(scale(factor, x, xp=xp), factor * x.hi, xp=xp)


def calm(x: Pair, plain: Array, *, xp: Namespace) -> Pair:
    """A pair whose transforms may have overflowed, and then the rounded number in its place.

    What the range does not hold becomes an end of it, so that differences stay numbers.
    """
    end = 0.25 * xp.limits.largest
    plain = xp.maximum(xp.minimum(plain, end), -end)
    if x.lo is None:
        return Pair(xp.where(xp.isfinite(x.hi), x.hi, plain))
    inside = xp.isfinite(x.hi) & xp.isfinite(x.lo)
    return Pair(xp.where(inside, x.hi, plain), xp.where(inside, x.lo, 0.0))


def divide(x: Pair, y: Pair, *, xp: Namespace) -> Pair:
    """``x / y``, with the remainder of the division where the namespace is exact."""
    quotient = x.hi / y.hi
    if not xp.exact:
        return Pair(quotient)
    product, error = two_prod(quotient, y.hi, xp=xp)
    rest = (x.hi - product) - error
    rest = rest if x.lo is None else rest + x.lo
    rest = rest if y.lo is None else rest - quotient * y.lo
    low = rest / y.hi
    # Near the end of the range the transforms overflow before the quotient does.
    return Pair(quotient, xp.where(xp.isfinite(low), low, 0.0))


def add_sums(one: Pair, other: Pair, *, xp: Namespace) -> Pair:
    """The sum of two sums, either of which may be infinite."""
    plain = one.hi + other.hi
    finite = xp.isfinite(plain)
    together = one.map(lambda word: xp.where(finite, word, 0.0)) + other.map(
        lambda word: xp.where(finite, word, 0.0)
    )
    return Pair(xp.where(finite, together.hi, plain), together.lo)


def total(
    x: Array, *, xp: Namespace, low: Array | None = None, compensated: bool | None = None
) -> Pair:
    """Sum over the first axis, as (1, rows), in a fixed pairwise order.

    Compensated, which is the default in an exact namespace, every partial sum carries its
    rounding error (and ``low``, the low words of the summands). The tree depends on the length
    alone, never on the library's own reduction, so that results do not change with threads,
    strides or block widths.
    """
    compensated = xp.exact if compensated is None else compensated
    error = low
    while x.shape[0] > 1:
        half = x.shape[0] // 2
        one, two, rest = x[:half, :], x[half : 2 * half, :], x[2 * half :, :]
        if compensated:
            x, lost = two_sum(one, two)
            if error is not None:
                lost = lost + (error[:half, :] + error[half : 2 * half, :])
        else:
            x, lost = one + two, None
        if rest.shape[0]:
            x = xp.concat([x, rest], axis=0)
            if lost is not None:
                last = xp.zeros_like(rest) if error is None else error[2 * half :, :]
                lost = xp.concat([lost, last], axis=0)
        error = lost
    if not compensated:
        return Pair(x)
    error = xp.zeros_like(x) if error is None else error
    # An infinite sum has nan for its error; the sum itself never saw it.
    finite = xp.isfinite(x)
    high, error = fast_two_sum(x, xp.where(finite, error, 0.0))
    return Pair(high, xp.where(finite, error, 0.0))


Words = tuple[Array, ...]
"""The number that three words add up to, each below the last bit of the one before."""


def add_words(one: Words, other: Words) -> Words:
    """The sum of two numbers of three words, to nearly three times the precision."""
    high, error = two_sum(one[0], other[0])
    middle, first = two_sum(one[1], other[1])
    middle, second = two_sum(middle, error)
    low = (one[2] + other[2]) + (first + second)
    high, middle = fast_two_sum(high, middle)
    return high, *fast_two_sum(middle, low)


def total_in_words(words: Words, *, xp: Namespace) -> Words:
    """Sum over the first axis, as (1, rows) and in the order of `total`, in three words."""
    while words[0].shape[0] > 1:
        half = words[0].shape[0] // 2
        one, two, rest = (
            tuple(word[part, :] for word in words)
            for part in (slice(half), slice(half, 2 * half), slice(2 * half, None))
        )
        summed = add_words(one, two)
        if rest[0].shape[0]:
            summed = tuple(xp.concat([x, y], axis=0) for x, y in zip(summed, rest, strict=True))
        words = summed
    return words


def multiply_words(a: Words, b: Words, *, xp: Namespace) -> Words:
    """The product of two numbers of three words."""
    (h0, h1), (m0, m1), (n0, n1) = (
        two_prod(a[i], b[j], xp=xp) for i, j in ((0, 0), (0, 1), (1, 0))
    )
    rest = a[1] * b[1] + (a[0] * b[2] + a[2] * b[0])
    return three_words([h0, h1, m0, n0, m1, n1, rest])


def divide_words(a: Words, b: Words, *, xp: Namespace) -> Words:
    """The quotient of two numbers of three words, digit by digit; b is not zero."""
    quotients = []
    for _ in range(2):
        quotient = a[0] / b[0]
        p0, p1 = two_prod(-quotient, b[0], xp=xp)
        q0, q1 = two_prod(-quotient, b[1], xp=xp)
        a = three_words([a[0], p0, a[1], p1, q0, a[2], q1, -quotient * b[2]])
        quotients.append(quotient)
    high, middle = fast_two_sum(*quotients)
    return high, *fast_two_sum(middle, a[0] / b[0])
