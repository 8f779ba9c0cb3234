"""Products with logarithms, and logarithms of ratios."""

from __future__ import annotations

from typing import Any

from .._arrays.array import Array
from .._arrays.namespace import Namespace


def xlogy(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    """``x*log(y)``, 0 where x = 0 unless y is nan."""
    return _product(x, y, xp.log, xp=xp)


def xlog1py(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    """``x*log(1 + y)``, 0 where x = 0 unless y is nan."""
    return _product(x, y, xp.log1p, xp=xp)


def _product(x: Array, y: Array, log: Any, *, xp: Namespace) -> Array:
    absent = (x == 0) & ~xp.isnan(y)
    return xp.where(absent, 0.0, x * log(xp.where(absent, 1.0, y)))


def entr(x: Array, /, *, xp: Namespace) -> Array:
    """``-x*log(x)``, 0 at 0 and -inf below."""
    inside = xp.where(x > 0, x, 1.0)
    value = xp.where(x == 0, 0.0, -x * xp.log(inside))
    value = xp.where(x < 0, -float("inf"), value)
    return xp.where(xp.isnan(x), x, value)


def log_ratio(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    """``log(x/y)`` of positive numbers with a small relative error, also where it is tiny.

    log1p of the relative difference, taken from the smaller number: the difference of close
    numbers is exact, and no choice between near and far is needed.
    """
    return _from_difference(x, y, x - y, xp=xp)


def signed_log_ratio(x: Array, y: Array, difference: Array, /, *, xp: Namespace) -> Array:
    """``log(x/y)`` given x - y; infinite where one of the two is zero, 0 where both are."""
    positive = (x > 0) & (y > 0)
    one, two = xp.where(positive, x, 1.0), xp.where(positive, y, 1.0)
    value = _from_difference(one, two, xp.where(positive, difference, 0.0), xp=xp)
    value = xp.where((x > 0) & (y == 0), float("inf"), value)
    return xp.where((x == 0) & (y > 0), -float("inf"), value)


def _from_difference(x: Array, y: Array, difference: Array, *, xp: Namespace) -> Array:
    # Choices instead of abs and minimum, whose derivatives at x = y are not the function's.
    below = difference < 0
    ratio = xp.where(below, -difference, difference) / xp.where(below, x, y)
    value = xp.log1p(ratio)
    if xp.exact:  # a wider working precision cannot overflow
        value = xp.where(ratio > xp.limits.ratio_max, xp.abs(xp.log(x) - xp.log(y)), value)
    return xp.where(below, -value, value)


def rel_entr(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    """``x*log(x/y)``, 0 at x = 0 and inf where x or y is outside its domain."""
    positive = (x > 0) & (y > 0)
    one, two = xp.where(positive, x, 1.0), xp.where(positive, y, 1.0)
    value = x * log_ratio(one, two, xp=xp)
    value = xp.where(positive, value, float("inf"))
    value = xp.where((x == 0) & (y >= 0), 0.0, value)
    return xp.where(xp.isnan(x) | xp.isnan(y), x + y, value)
