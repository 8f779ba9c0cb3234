"""The Bregman divergence of ``-log(x)/2`` and a series of inverse powers.

That is what log-gamma and the logarithm of a Bessel function become for large arguments, but
for terms that have divergences of their own. The divergence of a single power is

    B(y; x) = (y - x)**2 * sum(i * p**(i + 1) * q**(m + 1 - i), i = 1 ... m),  p = 1/x, q = 1/y,

with positive terms only. Coefficients are those of x**-1, x**-2, ..., None for a power that is
missing. Numbers may be a `Change`, ``excess`` is ``(y - x)/x``.
"""

from __future__ import annotations

from typing import TypeVar

from .._arrays.array import Array
from .._arrays.changes import Change
from .._arrays.namespace import Namespace
from .._arrays.polynomials import log1pmx_near
from .bregman import is_near
from .bregman import less_log as of_arrays

Number = TypeVar("Number", Array, Change)
"""An array, or a `Change` of arrays; then so is the result."""
Series = tuple[float | None, ...]


def bregman(
    series: Series, excess: Number, d: Number, p: Number, q: Number, /, *, xp: Namespace
) -> Number:
    """``f(y) - f(x) - f'(x)*d``."""
    power, inner = p, p  # the sum of i*p**i*q**(m - i) for m = 1
    terms = _first(series) * inner
    for m, coefficient in enumerate(series[1:], start=2):
        power = power * p
        inner = inner * q + m * power
        if coefficient is not None:
            terms = terms + coefficient * inner
    return excess * (d * q) * terms + 0.5 * less_log(excess, p, q, xp=xp)


def slope_gap(
    series: Series, excess: Number, p: Number, q: Number, /, *, xp: Namespace
) -> Number:
    """``f'(y) - f'(x)``."""
    power, inner = p, q + p  # the sum of p**i*q**(m - i) for m = 1
    terms = _first(series) * inner + 0.5
    for m, coefficient in enumerate(series[1:], start=2):
        power = power * p
        inner = inner * q + power
        if coefficient is not None:
            terms = terms + (m * coefficient) * inner
    return excess * q * terms


def curvature(series: Series, p: Number, /, *, xp: Namespace) -> Number:
    """``f''(x)``."""
    *rest, last = enumerate(series, start=1)
    terms = p * (last[0] * (last[0] + 1) * _known(last[1]))
    for m, coefficient in reversed(rest):
        if coefficient is not None:
            terms = terms + m * (m + 1) * coefficient
        terms = terms * p
    return p * p * (terms + 0.5)


def value(series: Series, p: Array, /, *, xp: Namespace) -> Array:
    """The powers themselves."""
    terms = p * _known(series[-1])
    for coefficient in reversed(series[:-1]):
        terms = terms * p if coefficient is None else (terms + coefficient) * p
    return terms


def _first(series: Series) -> float:
    return _known(series[0])


def _known(coefficient: float | None) -> float:
    assert coefficient is not None
    return coefficient


def less_log(w: Number, numerator: Number, denominator: Number, /, *, xp: Namespace) -> Number:
    """``w - log(1 + w)`` for ``1 + w = numerator/denominator``, also of changes."""
    if not isinstance(w, Change):
        return of_arrays(w, numerator, denominator, xp=xp)
    # With 1 + w = (1 + w')*(1 + v) the difference is v*w' + (v - log(1 + v)).
    here = numerator.here * denominator.there
    there = denominator.here * numerator.there
    v = w.gap * denominator.there / numerator.there
    near = is_near(v)
    close = xp.where(near, v, 0.0)
    close = close * w.there - log1pmx_near(close, xp=xp)
    apart = w.gap - xp.log(xp.where(near, 1.0, here / there))
    gap = xp.where(near, close, apart)
    value = of_arrays(w.there, numerator.there, denominator.there, xp=xp)
    return Change(value + gap, value, gap)
