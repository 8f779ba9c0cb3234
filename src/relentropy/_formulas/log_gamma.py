"""The Bregman divergence of log-gamma, without a single value of log-gamma or digamma.

Log-gamma is ``x*log(x) - x`` and a rest, ``f(x) = lgamma(x) - x*log(x) + x``, which is convex
too: what a gamma distribution's shape does while its mean stays. A step of f is one logarithm,

    h(x) = f(x) - f(x + 1) = (x + 1)*log((x + 1)/x) - 1,

and its Bregman divergence is one term that cannot cancel, near or far:

    B_h(y; x) = (y + 1)*(w - log(1 + w)),  w = (y - x)/(x*(y + 1)).

After a few steps f is Stirling's series, ``-log(x)/2`` and powers, whose coefficients are
B(2j)/(2j*(2j - 1)) of x**(1 - 2j) (NIST DLMF 5.11.1).

Differences ``d = y - x`` are arguments of their own, as they may be known better than y and x.
Where two such divergences are to be subtracted, both are evaluated at once, as a `Change`.
"""

from __future__ import annotations

from .._arrays.array import Array
from .._arrays.changes import Change
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair
from . import inverse_powers
from .inverse_powers import Number, less_log
from .kl_term import kl_term
from .logarithms import signed_log_ratio

# From here on eleven terms of the series are enough for float64.
STEPS = 8
STIRLING = (
    1 / 12, None, -1 / 360, None, 1 / 1260, None, -1 / 1680, None, 1 / 1188, None,
    -691 / 360360, None, 1 / 156, None, -3617 / 122400, None, 43867 / 244188, None,
    -174611 / 125400, None, 77683 / 5796,
)  # fmt: skip


def gamma_bregman(y: Array, x: Array, d: Array, /, *, xp: Namespace) -> Array:
    """``lgamma(y) - lgamma(x) - digamma(x)*d`` of positive numbers; at most 8 ulp."""
    return kl_term(y, Pair(x), Pair(d), xp=xp) + shape_bregman(y, x, d, xp=xp)


def digamma_gap(y: Array, x: Array, d: Array, /, *, xp: Namespace) -> Array:
    """``digamma(y) - digamma(x)``; at most 6 ulp."""
    return signed_log_ratio(y, x, d, xp=xp) + shape_slope_gap(y, x, d, xp=xp)


def shape_bregman(y: Number, x: Number, d: Number, /, *, xp: Namespace) -> Number:
    """``f(y) - f(x) - f'(x)*d``; at most 8 ulp."""
    excess, p, q = _past_steps(y, x, d, xp=xp)
    total = inverse_powers.bregman(STIRLING, excess, d, p, q, xp=xp)
    for k in reversed(range(STEPS)):
        total = total + (y + (k + 1)) * _step(y + k, x + k, d, xp=xp)[1]
    return total


def shape_slope_gap(y: Number, x: Number, d: Number, /, *, xp: Namespace) -> Number:
    """``f'(y) - f'(x)``; at most 6 ulp."""
    excess, p, q = _past_steps(y, x, d, xp=xp)
    total = inverse_powers.slope_gap(STIRLING, excess, p, q, xp=xp)
    for k in reversed(range(STEPS)):
        w, part = _step(y + k, x + k, d, xp=xp)
        total = total + (w / (y + k) + part)
    return total


def shape_curvature(x: Number, /, *, xp: Namespace) -> Number:
    """``f''(x) = trigamma(x) - 1/x``; at most 6 ulp."""
    total = inverse_powers.curvature(STIRLING, 1 / (x + STEPS), xp=xp)
    for k in reversed(range(STEPS)):
        total = total + 1 / (x + k) / (x + k) / (x + (k + 1))
    return total


def _past_steps(
    y: Number, x: Number, d: Number, *, xp: Namespace
) -> tuple[Number, Number, Number]:
    """The relative difference past all steps, and the inverse of x and of y there."""
    x, y = x + STEPS, y + STEPS
    return _excess(y, x, d, xp=xp), 1 / x, 1 / y


def _step(y: Number, x: Number, d: Number, *, xp: Namespace) -> tuple[Number, Number]:
    """w of one step, and ``w - log(1 + w)``."""
    excess = _excess(y, x, d, xp=xp)
    w = excess / (y + 1)
    if isinstance(w, Change):
        # 1 + w = (1 + 1/x)/(1 + 1/y), whose factors' changes have digits where y is far from x.
        by_x = 0 - x.gap / x.here / (x.there + 1)
        by_y = y.gap / y.there / (y.here + 1)
        apart = by_x + by_y + by_x * by_y
        apart = apart * (y.there / x.there) * ((x.there + 1) / (y.there + 1))
        near = (xp.abs(excess.here) < 0.5) & (xp.abs(excess.there) < 0.5)
        w = Change(w.here, w.there, xp.where(near, w.gap, apart))
    return w, less_log(w, y / x, (y + 1) / (x + 1), xp=xp)


def _excess(y: Number, x: Number, d: Number, *, xp: Namespace) -> Number:
    """``d/x``, whose change is that of y/x where d is all but -x."""
    excess = d / x
    if not isinstance(excess, Change):
        return excess
    gap = xp.where(excess.there < -0.5, (y / x).gap, excess.gap)
    return Change(excess.here, excess.there, gap)
