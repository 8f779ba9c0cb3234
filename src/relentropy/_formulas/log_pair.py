"""Logits of weights, to more than twice the working precision.

Where one side of a divergence is weights and the other logits, the weights' logarithms must
be known to far more than their last bit: a logit that was rounded from such a logarithm can
agree with it to an 80th of that bit, and what is left is all that the two sides differ by.

With w = f*2**k, f in [sqrt(1/2), sqrt(2)), and s = (f - 1)/(f + 1), the logarithm is
``k*log(2) + 2*s + 2*s**3*(1/3 + s**2/5 + ...)`` in pair arithmetic.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, three_words, two_prod, two_sum

# Terms past the tenth are below the high word's last bit and need no low word.
_PAIRED, _TERMS = 11, 22


class Logarithm(NamedTuple):
    """A logarithm as a pair, and what the pair lacks; None where it lacks nothing."""

    pair: Pair
    tail: Array | None = None


def log_pair(w: Array, /, *, xp: Namespace) -> Logarithm:
    """log(w) in three words in an exact namespace; -inf at 0, nan below."""
    if not xp.exact:
        return Logarithm(Pair(xp.log(w)))
    inside = (w > 0) & (w < float("inf"))
    fraction, exponent = _split(xp.where(inside, w, 1.0), xp=xp)
    rounded = xp.rounded(fraction + 1)  # a compiler would fold the sum with the next away
    total = Pair(rounded, fraction - (rounded - 1))
    words = _log_quotient(Pair(fraction - 1, xp.zeros_like(fraction)), total, xp=xp)
    high, low, tail = three_words(_with_powers(words, exponent, xp=xp))
    outside = xp.log(xp.where(inside, 1.0, w))
    pair = Pair(xp.where(inside, high, outside), xp.where(inside, low, 0.0))
    return Logarithm(pair, xp.where(inside, tail, 0.0))


def log_words(x: Array, y: Array, /, power: Array | float = 0.0, *, xp: Namespace) -> Pair:
    """log(x/y*2**power) of positive numbers, off by an ulp of 1 at most, however large it is.

    What exponents need: ``exp(a*log(x))`` is then as good for x = 1e-300 as for x = 1/2.
    """
    if not xp.exact:
        return Pair(xp.log(x / y))
    (one, up), (other, down) = (_split(w, xp=xp) for w in (x, y))
    exponent = up - down + power
    long, short, _ = _LOG_TWO[xp.limits.splitter > 2**20]
    rest = (xp.log(one) - xp.log(other)) + exponent * short
    return Pair(*two_sum(exponent * long, rest))


def log_odds(one: Pair, other: Pair, /, *, xp: Namespace) -> list[Array]:
    """log(one/other) of positive weights as words, the sum of which is as good as `log_pair`.

    One series for both, so that odds close to 1 have all these digits too. Only weights of at
    least 1/4 may have a low word.
    """
    first, up = _split_pair(one, xp=xp)
    second, down = _split_pair(other, xp=xp)
    exponent = up - down
    # Both are between sqrt(1/2) and sqrt(2), and are to differ by no more than that.
    above = first.hi > 1.4142135623730951 * second.hi
    below = second.hi > 1.4142135623730951 * first.hi
    first = first.map(lambda word: xp.where(above, 0.5 * word, xp.where(below, 2 * word, word)))
    exponent = exponent + xp.where(above, 1.0, xp.where(below, -1.0, exponent * 0))
    words = _log_quotient(first - second, first + second, xp=xp)
    return _with_powers(words, exponent, xp=xp)


def _with_powers(words: list[Array], exponent: Array, *, xp: Namespace) -> list[Array]:
    """The words of a logarithm and those of ``exponent * log(2)``."""
    long, short, rest = _LOG_TWO[xp.limits.splitter > 2**20]
    return [exponent * long, words[0], words[1], exponent * short, *words[2:], exponent * rest]


def _split(w: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """w as a fraction in [sqrt(1/2), sqrt(2)) and a power of two, by exact products."""
    exponent = xp.zeros_like(w)
    step = 512 if xp.limits.splitter > 2**20 else 64
    steps = [step]  # once more: subnormal numbers reach below the normal range
    while step:
        steps.append(step)
        step //= 2
    for step in steps:
        above, below = w >= 2.0**step, w < 2.0 ** (1 - step)
        w = xp.where(above, w * 2.0**-step, xp.where(below, w * 2.0**step, w))
        exponent = xp.where(above, exponent + step, xp.where(below, exponent - step, exponent))
    upper = w > 1.4142135623730951
    return xp.where(upper, 0.5 * w, w), xp.where(upper, exponent + 1, exponent)


def _split_pair(w: Pair, *, xp: Namespace) -> tuple[Pair, Array]:
    fraction, exponent = _split(w.hi, xp=xp)
    if w.lo is None:
        return Pair(fraction), exponent
    large = w.hi >= 0.25
    scale = xp.where(large, fraction / xp.where(large, w.hi, fraction), 1.0)
    return Pair(fraction, w.lo * scale), exponent


def _log_quotient(difference: Pair, total: Pair, *, xp: Namespace) -> list[Array]:
    """log((1 + s)/(1 - s)) as words, where s is ``difference / total``.

    2*s in three, the rest of the series, a hundredth of it, in two.
    """
    first, remainder = _quotient(difference, total, xp=xp)
    second, remainder = _quotient(remainder, total, xp=xp)
    third = remainder.hi / total.hi
    s = Pair(*two_sum(first, second))
    y = _times(s, s, xp=xp)
    coefficients = _COEFFICIENTS[xp.limits.splitter > 2**20]
    tail = coefficients[-1][0] * xp.ones_like(first)
    for high, _ in reversed(coefficients[_PAIRED:-1]):
        tail = tail * y.hi + high
    series = Pair(tail, xp.zeros_like(first))
    for high, low in reversed(coefficients[:_PAIRED]):
        series = _plus_constant(_times(series, y, xp=xp), high, low, xp=xp)
    cubic = _times(_times(series, y, xp=xp), s, xp=xp)
    words: tuple[Array, ...] = (first, cubic.hi, second, cubic.lo, third)
    return [2 * word for word in words]


def _quotient(x: Pair, total: Pair, *, xp: Namespace) -> tuple[Array, Pair]:
    """``x / total`` rounded, and the remainder."""
    quotient = x.hi / total.hi
    remainder = x - Pair(*two_prod(quotient, total.hi, xp=xp))
    return quotient, remainder - Pair(*two_prod(quotient, total.lo, xp=xp))


def _times(a: Pair, b: Pair, *, xp: Namespace) -> Pair:
    high, low = two_prod(a.hi, b.hi, xp=xp)
    return Pair(high) + Pair(low + (a.hi * b.lo + a.lo * b.hi))


def _plus_constant(x: Pair, high: float, low: float, *, xp: Namespace) -> Pair:
    """``high`` is the larger by far; the barrier keeps compilers from folding it away."""
    total = xp.rounded(x.hi + high)
    return Pair(total, ((x.hi - (total - high)) + x.lo) + low)


def _coefficients(double: bool) -> tuple[tuple[float, float], ...]:
    """1/(2k + 3) as pairs of working precision."""
    rounded = np.float64 if double else np.float32
    result = []
    for k in range(_TERMS):
        exact = Fraction(1, 2 * k + 3)
        high = float(rounded(float(exact)))
        result.append((high, float(exact - Fraction(high))))
    return tuple(result)


def _log_two(double: bool) -> tuple[float, float, float]:
    """log(2) in three words, the first short enough for exact products with exponents."""
    with localcontext() as context:
        context.prec = 80
        rest = Fraction(Decimal(2).ln())
    words = []
    for bits in (40, 40, 53) if double else (14, 14, 24):
        scaled = rest * 2**bits
        power = 0
        while abs(scaled) < 2 ** (bits - 1):
            scaled, power = scaled * 2, power + 1
        word = Fraction(round(scaled)) / 2 ** (bits + power)
        words.append(float(word))
        rest -= word
    return words[0], words[1], words[2]


_COEFFICIENTS = {double: _coefficients(double) for double in (True, False)}
_LOG_TWO = {double: _log_two(double) for double in (True, False)}
