"""Families of extremes: Gumbel distributions, and Weibull's, which are those of logarithms.

With the scales' ratio ``r = scale_p/scale_q`` and ``x = (location_q - location_p)/scale_q +
lgamma(1 + r)`` the divergence is ``exp(x) - 1 - x`` and the Bregman divergence of lgamma from 1
to r, two terms that are not negative. A Weibull distribution's shape is the inverse of the
scale of its logarithm, whose location is that of the scale.

Where it is an exponent, x must be known to an ulp of 1, and not of itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._arrays.pairs import Pair, divide, scale, three_words, two_sum
from . import inverse_powers
from .expm1mx import expm1, expm1mx
from .family import POSITIVE, PROPER, REAL, Family
from .log_gamma import STEPS, STIRLING, digamma_gap, gamma_bregman
from .log_pair import log_odds, log_pair
from .logarithms import log_ratio

Array = Any
_INF = float("inf")

# digamma(2) = 1 - gamma and log(2*pi)/2.
_DIGAMMA_TWO = 0.42278433509846714
_HALF_LOG_TWO_PI = 0.9189385332046727


class Ratio(NamedTuple):
    """r as a pair, and ``r - 1``."""

    pair: Pair
    excess: Array

    @classmethod
    def of(cls, one: Array, other: Array, *, xp: Any) -> Ratio:
        pair = divide(Pair(one), Pair(other), xp=xp)
        return cls(pair, (one - other) / other)

    @property
    def value(self) -> Array:
        return self.pair.hi

    def bregman(self, *, xp: Any) -> Array:
        return gamma_bregman(self.value, xp.ones_like(self.value), self.excess, xp=xp)

    def slope(self, *, xp: Any) -> Array:
        """``digamma(r) - digamma(1)``."""
        return digamma_gap(self.value, xp.ones_like(self.value), self.excess, xp=xp)

    def digamma(self, *, xp: Any) -> Array:
        """``digamma(1 + r)``."""
        two = 2 * xp.ones_like(self.value)
        return _DIGAMMA_TWO + digamma_gap(self.value + 1, two, self.excess, xp=xp)


def log_gamma(r: Ratio, /, *, xp: Any) -> Pair:
    """``lgamma(1 + r)`` for r > 0: to all its digits next to r = 1, else to an ulp of 1."""
    near = xp.abs(r.excess) < 0.5
    rho, one = xp.where(near, r.excess, 0.0), xp.ones_like(r.excess)
    close = gamma_bregman(rho + 2, 2 * one, rho, xp=xp) + _DIGAMMA_TWO * rho

    small = r.value < STEPS
    factors = Pair(one)
    inside = r.pair.map(lambda word: xp.where(small, word, 0.0))
    for k in range(1, STEPS + 1):
        factors = _times(factors, inside + Pair(k * one), xp=xp)
    z = r.pair + Pair(xp.where(small, STEPS + 1.0, 1.0))
    value = _times(z + Pair(-0.5 * one), _log(z, xp=xp), xp=xp) - z
    value = value - _log(factors, xp=xp).map(lambda word: xp.where(small, word, 0.0))
    value = value + Pair(inverse_powers.value(STIRLING, 1 / z.hi, xp=xp) + _HALF_LOG_TWO_PI)
    far = value.map(lambda word: xp.where(near, 0.0, word))
    return Pair(xp.where(near, close, far.hi), far.lo)


def _times(a: Pair, b: Pair, *, xp: Any) -> Pair:
    product = scale(a.hi, b, xp=xp)
    if a.lo is None or product.lo is None:
        return product
    return Pair(product.hi, product.lo + a.lo * b.hi)


def _log(x: Pair, *, xp: Any) -> Pair:
    logarithm = log_pair(x.hi, xp=xp).pair
    return logarithm if x.lo is None else logarithm + Pair(x.lo / x.hi)


class Exponent(NamedTuple):
    """x as a pair, of which the exponential's remainder and slope are wanted."""

    x: Pair

    @classmethod
    def of(cls, gap: Pair, r: Ratio, *, xp: Any) -> Exponent:
        x, plain = gap + log_gamma(r, xp=xp), gap.hi
        known = xp.isfinite(x.hi) & xp.isfinite(plain)
        low = xp.where(known, x.hi, 0.0) * 0 if x.lo is None else x.lo
        return cls(Pair(xp.where(known, x.hi, plain), xp.where(known, low, 0.0)))

    def remainder(self, *, xp: Any) -> Array:
        value = expm1mx(self.x.hi, xp=xp)
        known = value < _INF  # not inf*0
        slope = expm1(xp.where(known, self.x.hi, 0.0), xp=xp)
        return value + xp.where(known, slope * self.x.lo, 0.0)

    def slope(self, *, xp: Any) -> Array:
        value = expm1(self.x.hi, xp=xp)
        known = value < _INF
        return value + xp.where(known, (1 + value) * self.x.lo, 0.0)


# --- Gumbel -------------------------------------------------------------------------------


def _gumbel_parts(
    m: Array, s: Array, n: Array, t: Array, *, xp: Any
) -> tuple[Array, Ratio, Exponent]:
    r = Ratio.of(s, t, xp=xp)
    gap = Pair(*two_sum(n, -m)) if xp.exact else Pair(n - m)
    gap = divide(gap, Pair(t), xp=xp)
    return gap.hi, r, Exponent.of(gap, r, xp=xp)


def _gumbel(m: Array, s: Array, n: Array, t: Array, /, *, xp: Any) -> Array:
    _, r, x = _gumbel_parts(m, s, n, t, xp=xp)
    return x.remainder(xp=xp) + r.bregman(xp=xp)


def _gumbel_slopes(m: Array, s: Array, n: Array, t: Array, /, *, xp: Any) -> list[Array]:
    gap, r, x = _gumbel_parts(m, s, n, t, xp=xp)
    grown, digamma, slope = x.slope(xp=xp), r.digamma(xp=xp), r.slope(xp=xp)
    by_location = grown / t
    return [
        -by_location,
        (grown * digamma + slope) / t,
        by_location,
        -(grown * (gap + r.value * digamma) + r.value * slope) / t,
    ]


GUMBEL = Family(_gumbel, _gumbel_slopes, (REAL, POSITIVE))

# --- Weibull ------------------------------------------------------------------------------


def _weibull_parts(
    a: Array, b: Array, c: Array, d: Array, *, xp: Any
) -> tuple[Array, Ratio, Exponent]:
    r = Ratio.of(c, a, xp=xp)
    if xp.exact:
        high, low, tail = three_words(log_odds(Pair(b), Pair(d), xp=xp))
        logarithm = Pair(high, low + tail)
    else:
        logarithm = Pair(log_ratio(b, d, xp=xp))
    return logarithm.hi, r, Exponent.of(scale(c, logarithm, xp=xp), r, xp=xp)


def _weibull(a: Array, b: Array, c: Array, d: Array, /, *, xp: Any) -> Array:
    _, r, x = _weibull_parts(a, b, c, d, xp=xp)
    return x.remainder(xp=xp) + r.bregman(xp=xp)


def _weibull_slopes(a: Array, b: Array, c: Array, d: Array, /, *, xp: Any) -> list[Array]:
    logarithm, r, x = _weibull_parts(a, b, c, d, xp=xp)
    grown = x.slope(xp=xp)
    by_ratio = grown * r.digamma(xp=xp) + r.slope(xp=xp)
    return [
        -by_ratio * r.value / a,
        grown * c / b,
        grown * logarithm + by_ratio / a,
        -grown * c / d,
    ]


WEIBULL = Family(_weibull, _weibull_slopes, (PROPER, PROPER))
