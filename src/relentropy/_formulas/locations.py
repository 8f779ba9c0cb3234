"""Families of a location and a scale, and of a scale alone."""

from __future__ import annotations

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .bregman import (
    exp_bregman,
    exp_bregman_by_y,
    log_bregman,
    log_bregman_by_x,
    log_bregman_by_y,
)
from .expm1mx import expm1, expm1mx
from .family import LOGARITHM, POSITIVE, PROPER, REAL, Family
from .logarithms import log_ratio

_INF, _NAN = float("inf"), float("nan")

# --- the normal distribution, by what its scale is given ----------------------------------


def _by_std(m: Array, s: Array, n: Array, t: Array, /, *, xp: Namespace) -> Array:
    """``z**2/2 + e**2/2 - log1pmx(e)``, z and e the differences over q's scale."""
    z, e = (m - n) / t, (s - t) / t
    return 0.5 * (z * z + e * e) + log_bregman(s, t, xp=xp)


def _std_slopes(m: Array, s: Array, n: Array, t: Array, /, *, xp: Namespace) -> list[Array]:
    z, e = (m - n) / t, (s - t) / t
    by_mean = z / t
    by_s = e * (1 / s + 1 / t)
    by_t = -(e * (1 + s / t) + z * z) / t
    return [by_mean, by_s, -by_mean, by_t]


def _by_variance(m: Array, v: Array, n: Array, w: Array, /, *, xp: Namespace) -> Array:
    d = m - n
    return 0.5 * (d * (d / w) + log_bregman(v, w, xp=xp))


def _variance_slopes(
    m: Array, v: Array, n: Array, w: Array, /, *, xp: Namespace
) -> list[Array]:
    d = m - n
    by_mean, e = d / w, (v - w) / w
    return [by_mean, 0.5 * (e / v), -by_mean, -0.5 * ((e + d * by_mean) / w)]


def _by_log_variance(m: Array, k: Array, n: Array, el: Array, /, *, xp: Namespace) -> Array:
    z = _standardised(m - n, el, xp=xp)
    return 0.5 * (z * z + exp_bregman(k, el, xp=xp))


def _log_variance_slopes(
    m: Array, k: Array, n: Array, el: Array, /, *, xp: Namespace
) -> list[Array]:
    z = _standardised(m - n, el, xp=xp)
    by_mean = _standardised(z, el, xp=xp)
    grown = exp_bregman_by_y(k, el, xp=xp)
    return [by_mean, 0.5 * grown, -by_mean, -0.5 * (grown + z * z)]


def _standardised(d: Array, log_variance: Array, *, xp: Namespace) -> Array:
    """``d/std``, in two steps of which none overflows where d is 0."""
    root = xp.exp(xp.minimum(-0.25 * log_variance, 2 * xp.limits.headroom))
    return d * root * root


NORMAL = {
    "std": Family(_by_std, _std_slopes, (REAL, POSITIVE)),
    "variance": Family(_by_variance, _variance_slopes, (REAL, POSITIVE)),
    "log_variance": Family(_by_log_variance, _log_variance_slopes, (REAL, LOGARITHM)),
}

# --- Laplace's distribution -----------------------------------------------------------------


def _laplace(m: Array, b: Array, n: Array, c: Array, /, *, xp: Namespace) -> Array:
    return _laplace_gap(m - n, b, xp=xp) / c + log_bregman(b, c, xp=xp)


def _laplace_gap(gap: Array, b: Array, /, *, xp: Namespace) -> Array:
    """``b*(exp(-d) - 1 + d)`` with d = abs(gap)/b, which is less than the gap."""
    size = xp.where(gap < 0, -gap, gap)
    d = size / b
    near = d < 2
    close = b * expm1mx(xp.where(near, -d, 0.0), xp=xp)
    return xp.where(near, close, size + b * expm1(xp.where(near, -2.0, -d), xp=xp))


def _laplace_slopes(m: Array, b: Array, n: Array, c: Array, /, *, xp: Namespace) -> list[Array]:
    gap = m - n
    # Choices instead of abs and sign, whose derivatives at 0 are not these functions'.
    below = gap < 0
    d = xp.where(below, -gap, gap) / b
    pulled = (0 - expm1(-d, xp=xp)) / c
    by_mean = xp.where(below, -pulled, pulled)
    near = d < 2
    z = xp.where(near, d, 0.0)
    w = xp.where(near, 2.0, xp.minimum(d, 1e5))  # not inf*0
    close = log_bregman_by_y(b, c, xp=xp) - xp.exp(-z) * expm1mx(z, xp=xp) / c
    by_b = xp.where(near, close, (1 + w) * xp.exp(-w) / c - 1 / b)
    by_c = -((b - c) / c + _laplace_gap(gap, b, xp=xp) / c) / c
    return [by_mean, by_b, -by_mean, by_c]


LAPLACE = Family(_laplace, _laplace_slopes, (REAL, POSITIVE))

# --- uniform distributions ------------------------------------------------------------------


def _uniform(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> Array:
    same, covered, wide = _intervals(a, b, c, d)
    more = xp.where(covered & wide, (d - b) + (a - c), 0.0)
    width = xp.where(wide, b - a, 1.0)
    ratio = more / width
    value = xp.log1p(ratio)
    if xp.exact:  # a wider working precision holds every quotient
        apart = xp.log(xp.where(more > 0, more, 1.0)) - xp.log(width)
        value = xp.where(ratio > xp.limits.ratio_max, apart, value)
    value = xp.where(covered & wide, value, xp.where(same, 0.0, _INF))
    return xp.where((b < a) | (d < c), _NAN, value)


def _uniform_slopes(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> list[Array]:
    same, covered, wide = _intervals(a, b, c, d)
    known = covered & wide & ~same
    lost = xp.where(same & (b >= a), 0.0, _NAN * xp.ones_like(a))
    one, other = (1 / xp.where(known, width, 1.0) for width in (b - a, d - c))
    return [xp.where(known, slope, lost) for slope in (one, -one, -other, other)]


def _intervals(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array, Array]:
    """Whether intervals are the same, the first is within the second, and has a length."""
    return (a == c) & (b == d), (c <= a) & (b <= d), b > a


UNIFORM = Family(_uniform, _uniform_slopes, (REAL, REAL))

# --- positive ones --------------------------------------------------------------------------


def _exponential(rate: Array, other: Array, /, *, xp: Namespace) -> Array:
    return log_bregman(other, rate, xp=xp)


def _exponential_slopes(rate: Array, other: Array, /, *, xp: Namespace) -> list[Array]:
    return [slope(other, rate, xp=xp) for slope in (log_bregman_by_x, log_bregman_by_y)]


EXPONENTIAL = Family(_exponential, _exponential_slopes, (PROPER,))


def _pareto(x: Array, a: Array, y: Array, b: Array, /, *, xp: Namespace) -> Array:
    covered = x >= y
    value = log_bregman(b, a, xp=xp) + b * _log_of_scales(x, y, xp=xp)
    return xp.where(covered, value, _INF)


def _pareto_slopes(x: Array, a: Array, y: Array, b: Array, /, *, xp: Namespace) -> list[Array]:
    same, covered = (x == y) & (a == b), x >= y
    log = _log_of_scales(x, y, xp=xp)
    found = [
        b / x,
        log_bregman_by_x(b, a, xp=xp),
        -b / y,
        log_bregman_by_y(b, a, xp=xp) + log,
    ]
    return [xp.where(same, 0.0, xp.where(covered, slope, _NAN)) for slope in found]


def _log_of_scales(x: Array, y: Array, *, xp: Namespace) -> Array:
    covered = x >= y
    return log_ratio(xp.where(covered, x, 1.0), xp.where(covered, y, 1.0), xp=xp)


PARETO = Family(_pareto, _pareto_slopes, (PROPER, PROPER))
