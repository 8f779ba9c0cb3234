"""Bregman divergences of convex functions of one variable.

Relative entropy within an exponential family is a sum of ``f(y) - f(x) - f'(x)*(y - x)`` of a
few convex functions f (Banerjee, Merugu, Dhillon and Ghosh 2005), in coordinates where no term
is negative, so that nothing cancels. `kl_term.kl_div(y, x)` is that of ``x*log(x)``.
"""

from __future__ import annotations

from typing import Any

from .._arrays.pairs import Pair, two_sum
from .._arrays.polynomials import log1pmx_near
from .expm1mx import expm1, expm1mx

Array = Any


def log_bregman(y: Array, x: Array, /, *, xp: Any) -> Array:
    """``y/x - 1 - log(y/x)``, that of -log, for positive numbers; at most 4 ulp.

    From the relative difference where y is between 0.4 and 2.5 times x; elsewhere the logarithm
    may be subtracted.
    """
    excess = (y - x) / x
    near = (excess > -0.6) & (excess < 1.5)
    close = 0 - log1pmx_near(xp.where(near, excess, 0.0))
    one, two = xp.where(near, 1.0, y), xp.where(near, 1.0, x)
    ratio = one / two
    if xp.exact:  # a wider working precision holds every quotient
        kept = (ratio > xp.limits.ratio_min) & (ratio < xp.limits.ratio_max)
        apart = xp.log(one) - xp.log(two)
        log = xp.where(kept, xp.log(xp.where(kept, ratio, 1.0)), apart)
    else:
        log = xp.log(ratio)
    far = xp.where(near, 1.0, excess) - log
    return xp.where(near, close, far)


def log_bregman_by_y(y: Array, x: Array, /, *, xp: Any) -> Array:
    """``1/x - 1/y``; the larger one divides first, so that nothing leaves the range early."""
    return ((y - x) / xp.maximum(x, y)) / xp.minimum(x, y)


def log_bregman_by_x(y: Array, x: Array, /, *, xp: Any) -> Array:
    """``(x - y)/x**2``."""
    return ((x - y) / x) / x


def exp_bregman(y: Array, x: Array, /, *, xp: Any) -> Array:
    """``exp(y - x) - 1 - (y - x)``: that of exp, over ``exp(x)``."""
    d = _difference(y, x, xp=xp)
    value = expm1mx(d.hi, xp=xp)
    if d.lo is None:
        return value
    return value + xp.where(value < float("inf"), expm1(d.hi, xp=xp) * d.lo, 0.0)


def exp_bregman_by_y(y: Array, x: Array, /, *, xp: Any) -> Array:
    """``exp(y - x) - 1``; by x it is the negative."""
    d = _difference(y, x, xp=xp)
    value = expm1(d.hi, xp=xp)
    if d.lo is None:
        return value
    return value + xp.where(value < float("inf"), (1 + value) * d.lo, 0.0)


def _difference(y: Array, x: Array, *, xp: Any) -> Pair:
    """``y - x``, whose rounding an exponential would multiply."""
    return Pair(*two_sum(y, -x)) if xp.exact else Pair(y - x)
