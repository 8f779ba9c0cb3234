"""The polynomials that everything near equality is evaluated with.

Their coefficients, with intervals and errors, are in `coefficients`. Rounded, they serve
float32. Where working precision is wider than the data, a short Taylor series near zero is
enough: beyond, subtracting loses fewer bits than there are to spare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import coefficients
from .array import Array

if TYPE_CHECKING:
    from .namespace import Namespace


def _horner(coefficients: tuple[float, ...], x: Array, *, xp: Namespace) -> Array:
    value = coefficients[0] * x
    if xp.writes_in_place():  # two operations of three move half as much, and allocate nothing
        value += coefficients[1]
        for coefficient in coefficients[2:]:
            value *= x
            value += coefficient
        return value
    value = value + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value


def atanh_reach(*, xp: Namespace) -> float:
    """Up to which abs(s) `atanh_tail` is meant to be used."""
    return 0.5 if xp.exact else 2.0**-6


def atanh_tail(y: Array, *, xp: Namespace) -> Array:
    """``(atanh(s)/s - 1)/s**2`` for ``y = s**2``, abs(s) up to `atanh_reach`."""
    terms = coefficients.ATANH_TAIL_FAR if xp.exact else coefficients.ATANH_TAIL_SHORT
    return _horner(terms, y, xp=xp)


def exp_reach(*, xp: Namespace) -> float:
    """Up to which abs(x) `exp_tail` is meant to be used."""
    return 2.0 if xp.exact else 2.0**-5


def exp_tail(x: Array, *, xp: Namespace) -> Array:
    """``(exp(x) - 1 - x)/x**2`` for abs(x) up to `exp_reach`."""
    terms = coefficients.EXP_TAIL_FAR if xp.exact else coefficients.EXP_TAIL_SHORT
    return _horner(terms, x, xp=xp)


def js_reach(*, xp: Namespace) -> float:
    """Up to which abs(t) `js_tail` is meant to be used."""
    return 0.6 if xp.exact else 2.0**-5


def js_tail(y: Array, *, xp: Namespace) -> Array:
    """``((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2)`` for ``y = t**2``."""
    terms = coefficients.JS_TAIL if xp.exact else coefficients.JS_TAIL_SHORT
    return _horner(terms, y, xp=xp)


def js_log_reach(*, xp: Namespace) -> float:
    """Up to which abs(u) `js_log_tail` is meant to be used."""
    return 1.5 if xp.exact else 2.0**-5


def js_log_tail(z: Array, *, xp: Namespace) -> Array:
    """``t**2*js_tail(t**2)/u**2`` with t = tanh(u/2), for ``z = u**2``."""
    terms = coefficients.JS_LOG_TAIL if xp.exact else coefficients.JS_LOG_TAIL_SHORT
    return _horner(terms, z, xp=xp)


def log1pmx_near(x: Array, *, xp: Namespace) -> Array:
    """``log(1 + x) - x`` for x from -0.66 to 2, where ``x/(2 + x)`` is at most a half."""
    r = x / (2 + x)
    y = r * r
    return r * (2 * y * _horner(coefficients.ATANH_TAIL_FAR, y, xp=xp) - x)
