"""``(exp(k*x) - 1)/k``: x bent by an order k, and x itself at k = 0."""

from __future__ import annotations

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .expm1mx import expm1


def deformed(x: Array, k: Array, /, *, xp: Namespace) -> Array:
    """``expm1(k*x)/k``, continuous through k = 0; infinite x give the limits."""
    straight = k == 0
    divisor = xp.where(straight, 1.0, k)
    z = divisor * x
    # Where k*x loses digits to the end of the range, x is all there is.
    straight = straight | (z < xp.limits.subnormal) & (z > -xp.limits.subnormal)
    return xp.where(straight, x, expm1(z, xp=xp) / divisor)


def mean_exp(z: Array, /, *, xp: Namespace) -> Array:
    """``expm1(z)/z``, the mean of exp between 0 and z; 1 at 0."""
    none = z == 0
    safe = xp.where(none, 1.0, z)
    return xp.where(none, 1.0, expm1(safe, xp=xp) / safe)


def log1p_over(x: Array, /, *, xp: Namespace) -> Array:
    """``log1p(x)/x``; 1 at 0."""
    none = x == 0
    safe = xp.where(none, 1.0, x)
    return xp.where(none, 1.0, xp.log1p(safe) / safe)
