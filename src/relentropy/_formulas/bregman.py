"""Bregman divergences of convex functions of one variable.

Relative entropy within an exponential family is a sum of ``f(y) - f(x) - f'(x)*(y - x)`` of a
few convex functions f (Banerjee, Merugu, Dhillon and Ghosh 2005), in coordinates where no term
is negative, so that nothing cancels. `kl_term.kl_div(y, x)` is that of ``x*log(x)``.
"""

from __future__ import annotations

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, two_sum
from .._arrays.polynomials import log1pmx_near
from .expm1mx import expm1, expm1mx


def log_bregman(y: Array, x: Array, /, *, xp: Namespace) -> Array:
    """``y/x - 1 - log(y/x)``, that of -log, for positive numbers; at most 4 ulp."""
    excess = (y - x) / x
    value = less_log(excess, y, x, xp=xp)
    if not xp.exact:  # a wider working precision holds every quotient
        return value
    ratio = y / x
    kept = (ratio > xp.limits.ratio_min) & (ratio < xp.limits.ratio_max)
    one, two = xp.where(kept, 1.0, y), xp.where(kept, 1.0, x)
    apart = xp.where(kept, 0.0, excess) - (xp.log(one) - xp.log(two))
    return xp.where(kept, value, apart)


def less_log(w: Array, numerator: Array, denominator: Array, /, *, xp: Namespace) -> Array:
    """``w - log(1 + w)``, where ``1 + w = numerator/denominator`` keeps its digits near 0.

    From w alone where the quotient is between 0.4 and 2.5; elsewhere the logarithm may be
    subtracted.
    """
    near = is_near(w)
    close = 0 - log1pmx_near(xp.where(near, w, 0.0), xp=xp)
    ratio = xp.where(near, 1.0, numerator) / xp.where(near, 1.0, denominator)
    ratio = xp.minimum(ratio, xp.limits.largest)  # not inf - inf
    return xp.where(near, close, xp.where(near, 0.0, w) - xp.log(ratio))


def is_near(w: Array) -> Array:
    """Where the logarithm of 1 + w is close to w."""
    return (w > -0.6) & (w < 1.5)


def log_bregman_by_y(y: Array, x: Array, /, *, xp: Namespace) -> Array:
    """``1/x - 1/y``; the larger one divides first, so that nothing leaves the range early."""
    return ((y - x) / xp.maximum(x, y)) / xp.minimum(x, y)


def log_bregman_by_x(y: Array, x: Array, /, *, xp: Namespace) -> Array:
    """``(x - y)/x**2``."""
    return ((x - y) / x) / x


def exp_bregman(y: Array, x: Array, /, *, xp: Namespace) -> Array:
    """``exp(y - x) - 1 - (y - x)``: that of exp, over ``exp(x)``."""
    d = _difference(y, x, xp=xp)
    value = expm1mx(d.hi, xp=xp)
    if d.lo is None:
        return value
    return value + xp.where(value < float("inf"), expm1(d.hi, xp=xp) * d.lo, 0.0)


def exp_bregman_by_y(y: Array, x: Array, /, *, xp: Namespace) -> Array:
    """``exp(y - x) - 1``; by x it is the negative."""
    d = _difference(y, x, xp=xp)
    value = expm1(d.hi, xp=xp)
    if d.lo is None:
        return value
    return value + xp.where(value < float("inf"), (1 + value) * d.lo, 0.0)


def _difference(y: Array, x: Array, *, xp: Namespace) -> Pair:
    """``y - x``, whose rounding an exponential would multiply."""
    return Pair(*two_sum(y, -x)) if xp.exact else Pair(y - x)
