"""The Bregman divergence of log-gamma, without a single value of log-gamma or digamma.

Log-gamma is ``x*log(x) - x`` and a rest, ``f(x) = lgamma(x) - x*log(x) + x``, which is convex too:
what a gamma distribution's shape does while its mean stays. A step of f is one logarithm,

    h(x) = f(x) - f(x + 1) = (x + 1)*log((x + 1)/x) - 1,

and its Bregman divergence is one term that cannot cancel, near or far:

    B_h(y; x) = (y + 1)*(w - log(1 + w)),  w = (y - x)/(x*(y + 1)).

After a few steps f is Stirling's series, ``-log(x)/2 + sum(c_m*x**-m)``, and the divergence of a
power is ``(y - x)**2`` times a polynomial in 1/x and 1/y with positive coefficients. Stirling's
coefficients are B(2j)/(2j*(2j - 1)), m = 2j - 1 (NIST DLMF 5.11.1).

Differences ``y - x`` are arguments of their own, as they may be known better than y and x.
"""

from __future__ import annotations

from typing import Any

from .._arrays.polynomials import log1pmx_near
from .kl_term import kl_div
from .logarithms import log_ratio

Array = Any

# From here on eleven terms of the series are enough for float64.
_STEPS = 8
_STIRLING = {
    1: 1 / 12,
    3: -1 / 360,
    5: 1 / 1260,
    7: -1 / 1680,
    9: 1 / 1188,
    11: -691 / 360360,
    13: 1 / 156,
    15: -3617 / 122400,
    17: 43867 / 244188,
    19: -174611 / 125400,
    21: 77683 / 5796,
}


def gamma_bregman(y: Array, x: Array, d: Array, /, *, xp: Any) -> Array:
    """``lgamma(y) - lgamma(x) - digamma(x)*d`` of positive numbers with ``d = y - x``."""
    return kl_div(y, x, xp=xp) + shape_bregman(y, x, d, xp=xp)


def shape_bregman(y: Array, x: Array, d: Array, /, *, xp: Any) -> Array:
    """The same of f, which is lgamma without ``x*log(x) - x``; at most 8 ulp."""
    p, q = 1 / (x + _STEPS), 1 / (y + _STEPS)
    terms, power = xp.zeros_like(p), p  # sum of i*p**i*q**(m - i), i = 1 ... m, for m = 1
    inner = p
    for m in range(1, max(_STIRLING) + 1):
        if m in _STIRLING:
            terms = terms + _STIRLING[m] * inner
        power = power * p
        inner = inner * q + (m + 1) * power
    total = d * p * (d * q) * terms
    total = total + 0.5 * _less_log(d * p, y + _STEPS, x + _STEPS, xp=xp)
    for k in reversed(range(_STEPS)):
        one, other = y + k, x + k
        w = d / other / (one + 1)
        part = _less_log(w, one / other, (one + 1) / (other + 1), xp=xp)
        total = total + (one + 1) * part
    return total


def _less_log(w: Array, numerator: Array, denominator: Array, *, xp: Any) -> Array:
    """``w - log(1 + w)``, where ``1 + w = numerator/denominator`` keeps its digits near 0."""
    near = (w > -0.6) & (w < 1.5)
    close = 0 - log1pmx_near(xp.where(near, w, 0.0))
    ratio = xp.where(near, 1.0, numerator) / xp.where(near, 1.0, denominator)
    return xp.where(near, close, xp.where(near, 0.0, w) - xp.log(ratio))


def shape_slope_gap(y: Array, x: Array, d: Array, /, *, xp: Any) -> Array:
    """``f'(y) - f'(x)``."""
    p, q = 1 / (x + _STEPS), 1 / (y + _STEPS)
    power = p
    inner = q + p  # sum of p**i*q**(m - i), i = 0 ... m, for m = 1
    terms = xp.zeros_like(p)
    for m in range(1, max(_STIRLING) + 1):
        if m in _STIRLING:
            terms = terms + m * _STIRLING[m] * inner
        power = power * p
        inner = inner * q + power
    total = d * p * q * (0.5 + terms)
    for k in reversed(range(_STEPS)):
        one, other = y + k, x + k
        w = d / other / (one + 1)
        part = _less_log(w, one / other, (one + 1) / (other + 1), xp=xp)
        total = total + (w / one + part)
    return total


def digamma_gap(y: Array, x: Array, d: Array, /, *, xp: Any) -> Array:
    """``digamma(y) - digamma(x)``."""
    return log_ratio(y, x, xp=xp) + shape_slope_gap(y, x, d, xp=xp)


def shape_curvature(x: Array, /, *, xp: Any) -> Array:
    """``f''(x) = trigamma(x) - 1/x``."""
    p = 1 / (x + _STEPS)
    square = p * p
    series = xp.zeros_like(p)
    for m in sorted(_STIRLING, reverse=True):
        series = series * square + m * (m + 1) * _STIRLING[m]
    total = square * (0.5 + p * series)
    for k in reversed(range(_STEPS)):
        one = x + k
        total = total + 1 / one / one / (one + 1)
    return total
