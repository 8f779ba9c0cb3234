"""Families of a location and a scale."""

from __future__ import annotations

from typing import Any

from .bregman import exp_bregman, exp_bregman_by_y, log_bregman
from .family import LOGARITHM, POSITIVE, REAL, Family

Array = Any

# --- the normal distribution, by what its scale is given ----------------------------------


def _by_std(m: Array, s: Array, n: Array, t: Array, /, *, xp: Any) -> Array:
    """``z**2/2 + e**2/2 - log1pmx(e)``, z and e the differences over q's scale."""
    z, e = (m - n) / t, (s - t) / t
    return 0.5 * (z * z + e * e) + log_bregman(s, t, xp=xp)


def _std_slopes(m: Array, s: Array, n: Array, t: Array, /, *, xp: Any) -> list[Array]:
    z, e = (m - n) / t, (s - t) / t
    by_mean = z / t
    by_s = e * (1 + t / s) / t
    by_t = -(e * (1 + s / t) + z * z) / t
    return [by_mean, by_s, -by_mean, by_t]


def _by_variance(m: Array, v: Array, n: Array, w: Array, /, *, xp: Any) -> Array:
    d = m - n
    return 0.5 * (d * (d / w) + log_bregman(v, w, xp=xp))


def _variance_slopes(m: Array, v: Array, n: Array, w: Array, /, *, xp: Any) -> list[Array]:
    d = m - n
    by_mean, e = d / w, (v - w) / w
    return [by_mean, 0.5 * (e / v), -by_mean, -0.5 * ((e + d * by_mean) / w)]


def _by_log_variance(m: Array, k: Array, n: Array, el: Array, /, *, xp: Any) -> Array:
    z = _standardised(m - n, el, xp=xp)
    return 0.5 * (z * z + exp_bregman(k, el, xp=xp))


def _log_variance_slopes(m: Array, k: Array, n: Array, el: Array, /, *, xp: Any) -> list[Array]:
    z = _standardised(m - n, el, xp=xp)
    by_mean = _standardised(z, el, xp=xp)
    grown = exp_bregman_by_y(k, el, xp=xp)
    return [by_mean, 0.5 * grown, -by_mean, -0.5 * (grown + z * z)]


def _standardised(d: Array, log_variance: Array, *, xp: Any) -> Array:
    """``d/std``, in two steps of which none overflows where d is 0."""
    root = xp.exp(xp.minimum(-0.25 * log_variance, 2 * xp.limits.headroom))
    return d * root * root


NORMAL = {
    "std": Family(_by_std, _std_slopes, (REAL, POSITIVE)),
    "variance": Family(_by_variance, _variance_slopes, (REAL, POSITIVE)),
    "log_variance": Family(_by_log_variance, _log_variance_slopes, (REAL, LOGARITHM)),
}
