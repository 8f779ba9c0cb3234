"""Small pieces that the reductions share."""

from __future__ import annotations

from functools import lru_cache

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, exp, total, two_sum


def finite_or_zero(x: Array, *, xp: Namespace) -> Array:
    """An anchor that can be subtracted: infinities and nan would spoil what they meet."""
    return xp.where(xp.isfinite(x), x, 0.0)


def exp_difference(a: Array, b: Array, *, xp: Namespace) -> Array:
    """``exp(a - b)`` of row maxima with a <= b; 1 where equal (also both infinite)."""
    return exp(difference(a, b, a == b, xp=xp), xp=xp)


def difference(a: Array, b: Array, none: Array, *, xp: Namespace) -> Pair:
    """``a - b`` as a pair, whose low word is 0 where it is infinite; 0 where there is none."""
    high, low = two_sum(xp.where(none, 0.0, a), -xp.where(none, 0.0, b))
    return Pair(high, xp.where(xp.isfinite(high), low, 0.0))


def sign(x: Array, *, xp: Namespace) -> Array:
    """-1, 0 or 1; nan stays (libraries disagree on that)."""
    return xp.where(x > 0, 1.0, xp.where(x < 0, -1.0, x))


def beside_top(weight: Array, at_top: Array, *, xp: Namespace) -> Array:
    """The sum of relative weights without one largest entry, whose weight is exactly 1.

    What ``log1p`` is to see must not have been rounded together with that 1.
    """
    others = total(xp.where(at_top, 0.0, weight), xp=xp).value
    count = xp.raw.sum(xp.cast(at_top, xp.dtype), axis=0, keepdims=True, dtype=xp.dtype)
    return others + (count - 1)


def in_base(value: Array, base: float | None, *, xp: Namespace) -> Array:
    """Nats to another base, by a reciprocal logarithm of twice the precision."""
    if base is None:
        return value
    high, low = reciprocal_log(base, xp.limits.splitter)
    return value * high + xp.where(xp.isfinite(value), value, 0.0) * low


def reciprocal_log(base: float, splitter: float) -> tuple[float, float]:
    """1/log(base) in two words; a constant to compilers, which see no further than this."""
    return _reciprocal_log(base, splitter)


@lru_cache(maxsize=64)
def _reciprocal_log(base: float, splitter: float) -> tuple[float, float]:
    from decimal import Decimal, localcontext

    import numpy as np

    with localcontext() as context:
        context.prec = 50
        exact = 1 / Decimal(base).ln()
        high = float(exact) if splitter > 2**20 else float(np.float32(exact))
        return high, float(exact - Decimal(high))
