"""``x*log(x/y) - x + y``: what one pair of weights adds to a relative entropy."""

from __future__ import annotations

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, two_prod, two_sum
from .._arrays.polynomials import atanh_reach, atanh_tail


def kl_div(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    """``x*log(x/y) - x + y``; inf where x or y is outside its domain."""
    infinity = float("inf")
    inside = (x >= 0) & (y >= 0) & (x < infinity) & (y < infinity)
    a, b = xp.where(inside, x, 1.0), xp.where(inside, y, 1.0)
    if xp.exact:
        # Scaled by a power of two, so that remainders of products neither over- nor underflow;
        # numbers too far apart for that need no remainder.
        ratio = a / b
        apart = (ratio > xp.limits.ratio_max) | (ratio < xp.limits.ratio_min) & (a > 0)
        loose = _apart(xp.where(apart, a, 1.0), xp.where(b > 0, b, 1.0), xp=xp)
        loose = xp.where(b > 0, loose, infinity)
        a, b = xp.where(apart, 1.0, a), xp.where(apart, 1.0, b)
        factor = power_of_two_scale(xp.maximum(a, b), xp=xp)
        a, b = a * factor, b * factor
        value = kl_term(a, Pair(b), Pair(*two_sum(a, -b)), xp=xp) / factor
        value = xp.where(apart, loose, value)
    else:
        value = kl_term(a, Pair(b), Pair(a - b), xp=xp)
    value = xp.where(inside, value, infinity)
    value = xp.where((x == infinity) & (y == infinity), float("nan"), value)
    value = xp.where((x < 0) | (y < 0), infinity, value)
    return xp.where(xp.isnan(x) | xp.isnan(y), x + y, value)


def kl_term(x: Array, y: Pair, d: Pair, /, *, low: Array | None = None, xp: Namespace) -> Array:
    """The term for finite non-negative x and y, given ``d = x - y`` as a pair.

    ``low`` is what rounding x left, which d and y know of.

    With s = (x - y)/(x + y) it is ``d*s*(1 + s*(1 + s)*P(s**2))``, P the tail of atanh, which
    is used for abs(s) <= 1/2 (x and y within a factor of three). Beyond, the logarithm of the
    rounded ratio, with what rounding the ratio left put back.
    """
    t = x + y.hi
    near = (xp.abs(d.hi) <= atanh_reach(xp=xp) * t) & (t > 0)
    s = xp.where(near, d.hi, 0.0) / xp.where(near, t, 1.0)
    a = xp.where(near, d.hi, 0.0) * s
    bent = a * (s * (1 + s) * atanh_tail(s * s, xp=xp))
    if d.lo is not None:
        bent = bent + 2 * s * xp.where(near, d.lo, 0.0)
    one, two = xp.where(near, 1.0, x), y.map(lambda word: xp.where(near, 0.0, word))
    far = _far(one, two, d, low, xp=xp)
    return xp.where(near, a + bent, xp.where(t == 0, 0.0, far))


def _far(x: Array, y: Pair, d: Pair, low: Array | None, *, xp: Namespace) -> Array:
    absent, known = x == 0, y.hi > 0
    x, divisor = xp.where(absent, 1.0, x), xp.where(known, y.hi, 1.0)
    if not xp.exact:  # no quotient of widened numbers leaves the range, no remainder counts
        value = xp.where(known, x * xp.log(x / divisor) - d.hi, float("inf"))
        return xp.where(absent, y.hi, value)
    r = xp.where(known, x / divisor, float("inf"))
    inside = (r < xp.limits.ratio_max) & (r > xp.limits.ratio_min)
    r = xp.where(inside, r, 2.0)
    h = xp.where(inside, y.hi, 0.5 * x)
    product, error = two_prod(r, h, xp=xp)
    e = (x - product) - error
    if y.lo is not None:
        e = e + xp.where(inside, y.lo - r * y.lo, 0.0)
    logarithm = xp.log(r)
    e = e if low is None else e + low * logarithm
    difference = h - x
    lost = (-x) - (difference - h)
    above = (x * (logarithm - 1) + h) + e
    below = (difference + x * logarithm) + (e + lost)
    value = xp.where(r > 1, above, below)
    apart = xp.where(known, _apart(x, divisor, xp=xp), float("inf"))
    return xp.where(absent, y.hi, xp.where(inside, value, apart))


def _apart(x: Array, y: Array, *, xp: Namespace) -> Array:
    """For numbers whose ratio leaves the range."""
    return x * (xp.log(x) - xp.log(y) - 1) + y


def power_of_two_scale(largest: Array, /, *, xp: Namespace) -> Array:
    """The power of two that brings a magnitude into the middle of the range."""
    return _power_by_size(largest, xp.limits.scalings, xp=xp)


def product_scale(largest: Array, /, *, xp: Namespace) -> Array:
    """The same for numbers that are multiplied with their own sums."""
    return _power_by_size(largest, xp.limits.product_scalings, xp=xp)


def _power_by_size(
    largest: Array, scalings: tuple[tuple[float, float], ...], *, xp: Namespace
) -> Array:
    *steps, (_, power) = scalings
    factor = xp.ones_like(largest) * power
    for threshold, power in reversed(steps):
        factor = xp.where(largest >= threshold, power, factor)
    return factor
