"""The Bregman divergence of log-gamma, without a single value of log-gamma or digamma.

Log-gamma is ``x*log(x) - x`` and a rest, ``f(x) = lgamma(x) - x*log(x) + x``, which is convex too:
what a gamma distribution's shape does while its mean stays. A step of f is one logarithm,

    h(x) = f(x) - f(x + 1) = (x + 1)*log((x + 1)/x) - 1,

and its Bregman divergence is one term that cannot cancel, near or far:

    B_h(y; x) = (y + 1)*(w - log(1 + w)),  w = (y - x)/(x*(y + 1)).

After a few steps f is Stirling's series, ``-log(x)/2 + sum(c_m*x**-m)``, and the divergence of a
power is ``(y - x)**2`` times a polynomial in 1/x and 1/y with positive coefficients. Stirling's
coefficients are B(2j)/(2j*(2j - 1)), m = 2j - 1 (NIST DLMF 5.11.1).

Differences ``y - x`` are arguments of their own, as they may be known better than y and x. Where
two such divergences are to be subtracted, both are evaluated at once, as a `Change`.
"""

from __future__ import annotations

from typing import Any

from .._arrays.changes import Change
from .._arrays.pairs import Pair
from .._arrays.polynomials import log1pmx_near
from .kl_term import kl_term
from .logarithms import signed_log_ratio

Array = Any
Number = Any
"""An array, or a `Change` of arrays; then so is the result."""

# From here on eleven terms of the series are enough for float64.
_STEPS = 8
_STIRLING = (
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
    1 / 156,
    -3617 / 122400,
    43867 / 244188,
    -174611 / 125400,
    77683 / 5796,
)
_LAST = 2 * len(_STIRLING) - 1


def gamma_bregman(y: Array, x: Array, d: Array, /, *, xp: Any) -> Array:
    """``lgamma(y) - lgamma(x) - digamma(x)*d`` of positive numbers with ``d = y - x``."""
    return kl_term(y, Pair(x), Pair(d), xp=xp) + shape_bregman(y, x, d, xp=xp)


def shape_bregman(y: Number, x: Number, d: Number, /, *, xp: Any) -> Number:
    """The same of f, which is lgamma without ``x*log(x) - x``; at most 8 ulp."""
    p, q = 1 / (x + _STEPS), 1 / (y + _STEPS)
    power, inner = p, p  # the sum of i*p**i*q**(m - i), i = 1 ... m, for m = 1
    terms = _STIRLING[0] * inner
    for m in range(2, _LAST + 1):
        power = power * p
        inner = inner * q + m * power
        if m % 2:
            terms = terms + _STIRLING[m // 2] * inner
    excess = _excess(y + _STEPS, x + _STEPS, d, xp=xp)
    total = excess * (d * q) * terms + 0.5 * _less_log(excess, p, q, xp=xp)
    for k in reversed(range(_STEPS)):
        total = total + (y + (k + 1)) * _step(y + k, x + k, d, xp=xp)[1]
    return total


def shape_slope_gap(y: Number, x: Number, d: Number, /, *, xp: Any) -> Number:
    """``f'(y) - f'(x)``."""
    p, q = 1 / (x + _STEPS), 1 / (y + _STEPS)
    power, inner = p, q + p  # the sum of p**i*q**(m - i), i = 0 ... m, for m = 1
    terms = _STIRLING[0] * inner + 0.5
    for m in range(2, _LAST + 1):
        power = power * p
        inner = inner * q + power
        if m % 2:
            terms = terms + m * _STIRLING[m // 2] * inner
    total = _excess(y + _STEPS, x + _STEPS, d, xp=xp) * q * terms
    for k in reversed(range(_STEPS)):
        w, part = _step(y + k, x + k, d, xp=xp)
        total = total + (w / (y + k) + part)
    return total


def _step(y: Number, x: Number, d: Number, *, xp: Any) -> tuple[Number, Number]:
    """w of one step, and ``w - log(1 + w)``."""
    excess = _excess(y, x, d, xp=xp)
    w = excess / (y + 1)
    if isinstance(w, Change):
        # With 1 + w = (1 + 1/x)/(1 + 1/y), which has digits of its own where y and x are apart.
        by_x = 0 - x.gap / x.here / (x.there + 1)
        by_y = y.gap / y.there / (y.here + 1)
        apart = by_x + by_y + by_x * by_y
        apart = apart * (y.there / x.there) * ((x.there + 1) / (y.there + 1))
        near = (xp.abs(excess.here) < 0.5) & (xp.abs(excess.there) < 0.5)
        w = Change(w.here, w.there, xp.where(near, w.gap, apart))
    return w, _less_log(w, y / x, (y + 1) / (x + 1), xp=xp)


def _excess(y: Number, x: Number, d: Number, *, xp: Any) -> Number:
    """``d/x``, whose change is that of y/x where d is all but -x."""
    excess = d / x
    if not isinstance(excess, Change):
        return excess
    gap = xp.where(excess.there < -0.5, (y / x).gap, excess.gap)
    return Change(excess.here, excess.there, gap)


def _less_log(w: Number, numerator: Number, denominator: Number, *, xp: Any) -> Number:
    """``w - log(1 + w)``, where ``1 + w = numerator/denominator`` keeps its digits near 0."""
    if not isinstance(w, Change):
        return less_log(w, numerator, denominator, xp=xp)
    # With 1 + w = (1 + w')*(1 + v) the difference is v*w' + (v - log(1 + v)).
    here = numerator.here * denominator.there
    there = denominator.here * numerator.there
    v = w.gap * denominator.there / numerator.there
    apart = less_log(w.there, numerator.there, denominator.there, xp=xp)
    near = _near(v)
    gap = xp.where(
        near,
        xp.where(near, v, 0.0) * w.there - log1pmx_near(xp.where(near, v, 0.0)),
        w.gap - xp.log(xp.where(near, 1.0, here / there)),
    )
    return Change(apart + gap, apart, gap)


def less_log(w: Array, numerator: Array, denominator: Array, *, xp: Any) -> Array:
    """``w - log(1 + w)``, where ``1 + w = numerator/denominator`` keeps its digits near 0."""
    near = _near(w)
    close = 0 - log1pmx_near(xp.where(near, w, 0.0))
    ratio = xp.where(near, 1.0, numerator) / xp.where(near, 1.0, denominator)
    return xp.where(near, close, xp.where(near, 0.0, w) - xp.log(ratio))


def _near(w: Array) -> Array:
    """Where a polynomial serves."""
    return (w > -0.6) & (w < 1.5)


def digamma_gap(y: Array, x: Array, d: Array, /, *, xp: Any) -> Array:
    """``digamma(y) - digamma(x)``."""
    return signed_log_ratio(y, x, d, xp=xp) + shape_slope_gap(y, x, d, xp=xp)


def shape_curvature(x: Number, /, *, xp: Any) -> Number:
    """``f''(x) = trigamma(x) - 1/x``."""
    p = 1 / (x + _STEPS)
    square = p * p
    series = _LAST * (_LAST + 1) * _STIRLING[-1] * square
    for m in range(_LAST - 2, 0, -2):
        series = series + m * (m + 1) * _STIRLING[m // 2]
        series = series * (square if m > 1 else p)
    total = square * (series + 0.5)
    for k in reversed(range(_STEPS)):
        total = total + 1 / (x + k) / (x + k) / (x + (k + 1))
    return total


def binet(x: Array, /, *, xp: Any) -> Array:
    """What Stirling's series adds to ``(x - 1/2)*log(x) - x + log(2*pi)/2``, for x >= 8."""
    p = 1 / x
    value = _STIRLING[-1] * xp.ones_like(p)
    for coefficient in reversed(_STIRLING[:-1]):
        value = value * (p * p) + coefficient
    return value * p
