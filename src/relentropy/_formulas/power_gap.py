"""How far a weighted geometric mean is from the arithmetic one: the term of all orders.

``A(x, y) = (x**a*y**(1 - a) - a*x - (1 - a)*y)/(a*(a - 1))`` is KL's term at a = 1, that of the
reverse at a = 0, and continuous through both; symmetric under x <-> y with a <-> 1 - a. With
s = abs(log(x/y)) and the order on the larger mass's side called v, w = 1 - v:

* s < 3, 0 <= a <= 1: the smaller mass times ``s**2*sum(s**k*c_k/(k + 2)!)`` with
  ``c_k = 1 + v + ... + v**k``, all of one sign;
* beyond: the larger mass times ``(s*E(-w*s) + expm1(-s))/v``, or, where v is small,
  ``(-expm1(-s) - s*exp(-w*s)*E(-v*s))/w``, E(z) = expm1(z)/z, which need no division by zero;
* a > 1: KL's term and ``x*h((1 - a)*d)/(a - 1)``, over a, with h(z) = exp(z) - 1 - z and
  d = log(y/x), two terms of one sign; a < 0 by symmetry.
"""

from __future__ import annotations

from typing import Any

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import exp
from .deformed import mean_exp
from .entries import Entry
from .expm1mx import expm1, expm1mx

_INF = float("inf")


def alpha_term(e: Entry, alpha: Array, *, xp: Namespace) -> Array:
    """A(x, y), with the limits where one of them is 0."""
    inside = (alpha >= 0) & (alpha <= 1)
    between = _between(e, xp.where(inside, alpha, 0.5), xp=xp)
    above = _above(e, xp.where(alpha > 1, alpha, 2.0), xp=xp)
    below = _above(e.swapped, xp.where(alpha < 0, 1 - alpha, 2.0), xp=xp)
    value = xp.where(alpha > 1, above, xp.where(alpha < 0, below, between))
    only_y = xp.where(alpha > 0, e.y / xp.where(alpha > 0, alpha, 1.0), _INF)
    only_x = xp.where(alpha < 1, e.x / xp.where(alpha < 1, 1 - alpha, 1.0), _INF)
    value = xp.where(e.live, value, 0.0)
    return xp.where(e.only_y, only_y, xp.where(e.only_x, only_x, value))


def _between(e: Entry, alpha: Array, *, xp: Namespace) -> Array:
    u = e.live_log_ratio
    reach, count = (3.0, 29) if xp.exact else (2.0**-5, 7)
    x_leads = u > 0
    s = xp.where(x_leads, u, -u)
    near = s < reach
    z = xp.where(near, s, 0.0)
    smaller, larger = xp.where(x_leads, e.y, e.x), xp.where(x_leads, e.x, e.y)

    series: Array | Any = None
    for of_x, of_y in zip(_sums(alpha, count), _sums(1 - alpha, count), strict=True):
        coefficient = xp.where(x_leads, of_x, of_y)
        series = coefficient if series is None else series * z + coefficient
    close = smaller * (z * z * series)

    v = xp.where(x_leads, alpha, 1 - alpha)
    w = xp.where(x_leads, 1 - alpha, alpha)
    small = v < 0.6
    decay = expm1(-s, xp=xp)
    lead = s * mean_exp(-w * s, xp=xp) + decay
    rest = -decay - s * (xp.exp(-w * s) * mean_exp(-v * s, xp=xp))
    apart = xp.where(small, rest / xp.where(small, w, 1.0), lead / xp.where(small, 1.0, v))
    return xp.where(near, close, larger * apart)


def _sums(v: Array, count: int) -> list[Array]:
    """``(1 + v + ... + v**k)/(k + 2)!`` for k = count - 1 down to 0."""
    found, sum_, factorial = [], 1.0 + 0.0 * v, 2.0
    for k in range(count):
        found.append(sum_ / factorial)
        sum_, factorial = 1.0 + v * sum_, factorial * (k + 3)
    return found[::-1]


def _above(e: Entry, alpha: Array, *, xp: Namespace) -> Array:
    d = -e.live_log_ratio
    order = alpha - 1
    z = xp.maximum(xp.minimum(-order * d, xp.limits.largest), -xp.limits.largest)
    near, high = (z < 2) & (z > -2), z >= 2
    small = xp.where(near, z, 0.0)
    close = e.x * (xp.abs(d) * _h_over(small, xp=xp))
    factor, exponent = e.powers(alpha)
    power = factor * exp(exponent.map(lambda word: xp.where(high, word, 0.0)), xp=xp)
    calm = high & (power < _INF)
    high_term = xp.where(calm, power - e.x * (1 + xp.where(calm, z, 0.0)), power)
    low_term = e.x * expm1mx(xp.where(near | high, -2.0, z), xp=xp)
    apart = xp.where(high, high_term, low_term) / order
    return (e.kl() + xp.where(near, close, apart)) / alpha


def _h_over(z: Array, *, xp: Namespace) -> Array:
    """``(exp(z) - 1 - z)/abs(z)``; 0 at 0."""
    none = z == 0
    safe = xp.where(none, 1.0, z)
    return xp.where(none, 0.0, expm1mx(safe, xp=xp) / xp.abs(safe))
