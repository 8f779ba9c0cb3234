"""Families of extremes: Gumbel distributions, and Weibull's, which are those of logarithms.

With the scales' ratio ``r = scale_p/scale_q`` and ``x = (location_q - location_p)/scale_q +
lgamma(1 + r)`` the divergence is ``exp(x) - 1 - x`` and the Bregman divergence of lgamma from 1
to r, two terms that are not negative. A Weibull distribution's shape is the inverse of the
scale of its logarithm, whose location is that of the scale.

Where it is an exponent, x must be known to an ulp of 1, and not of itself.
"""

from __future__ import annotations

from typing import NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, divide, scale, three_words, two_sum
from . import inverse_powers
from .bregman import less_log
from .expm1mx import expm1, expm1mx
from .family import POSITIVE, PROPER, REAL, Family
from .log_gamma import STEPS, STIRLING, digamma_gap, gamma_bregman
from .log_pair import log_odds, log_pair, log_words
from .logarithms import log_ratio

_INF = float("inf")

# digamma(1), digamma(2) and log(2*pi)/2.
_DIGAMMA_ONE = -0.5772156649015329
_DIGAMMA_TWO = 0.42278433509846714
_HALF_LOG_TWO_PI = 0.9189385332046727


class Ratio(NamedTuple):
    """r as a pair, and ``r - 1``."""

    pair: Pair
    excess: Array

    @classmethod
    def of(cls, one: Array, other: Array, *, xp: Namespace) -> Ratio:
        pair = divide(Pair(one), Pair(other), xp=xp)
        return cls(pair, (one - other) / other)

    @property
    def value(self) -> Array:
        return self.pair.hi

    def step_bregman(self, *, xp: Namespace) -> Array:
        """That of lgamma from 2 to r + 1."""
        two = 2 * xp.ones_like(self.value)
        return gamma_bregman(self.value + 1, two, self.excess, xp=xp)

    def slopes(self, *, xp: Namespace) -> tuple[Array, Array]:
        """``digamma(1 + r)`` and ``digamma(r) - digamma(1)``."""
        two = 2 * xp.ones_like(self.value)
        gap = digamma_gap(self.value + 1, two, self.excess, xp=xp)
        return gap + _DIGAMMA_TWO, gap + self.excess / self.value


def log_gamma(r: Ratio, step_bregman: Array, /, *, xp: Namespace) -> Pair:
    """``lgamma(1 + r)`` for r > 0: to all its digits next to 0 and 1, else to an ulp of 1.

    Next to its zeros it is its tangent there and a Bregman divergence.
    """
    near, low = r.excess < 0.5, r.value < 0.5
    close = step_bregman + _DIGAMMA_TWO * r.excess
    least = xp.where(low, r.value, 0.0)
    from_one = gamma_bregman(least + 1, xp.ones_like(least), least, xp=xp)
    close = xp.where(low, from_one + _DIGAMMA_ONE * least, close)

    small = r.value < STEPS
    factors = Pair(xp.ones_like(r.value))
    inside = r.pair.map(lambda word: xp.where(small, word, 0.0))
    for k in range(1, STEPS + 1):
        factors = _times(factors, inside + Pair(k * xp.ones_like(r.value)), xp=xp)
    z = r.pair + Pair(xp.where(small, STEPS + 1.0, 1.0))
    far = _times(z + Pair(-0.5 * xp.ones_like(r.value)), _log(z, xp=xp), xp=xp) - z
    far = far - log_words(factors.hi, xp.ones_like(r.value), xp=xp).map(
        lambda word: xp.where(small, word, 0.0)
    )
    powers = inverse_powers.value(STIRLING, 1 / z.hi, xp=xp)
    if factors.lo is not None:
        powers = powers - xp.where(small, factors.lo / factors.hi, 0.0)
    far = (far + Pair(powers + _HALF_LOG_TWO_PI)).map(lambda word: xp.where(near, 0.0, word))
    return Pair(xp.where(near, close, far.hi), far.lo)


def _times(a: Pair, b: Pair, *, xp: Namespace) -> Pair:
    product = scale(a.hi, b, xp=xp)
    if a.lo is None or product.lo is None:
        return product
    return Pair(product.hi, product.lo + a.lo * b.hi)


def _log(x: Pair, *, xp: Namespace) -> Pair:
    logarithm = log_pair(x.hi, xp=xp).pair
    return logarithm if x.lo is None else logarithm + Pair(x.lo / x.hi)


class Parts(NamedTuple):
    """What a divergence and its derivatives are made of."""

    gap: Array
    """The standardised difference of locations."""
    r: Ratio
    x: Pair
    step_bregman: Array

    @classmethod
    def of(cls, gap: Pair, r: Ratio, *, xp: Namespace) -> Parts:
        step = r.step_bregman(xp=xp)
        x = gap + log_gamma(r, step, xp=xp)
        known = xp.isfinite(x.hi) & xp.isfinite(gap.hi)
        low = xp.zeros_like(x.hi) if x.lo is None else xp.where(known, x.lo, 0.0)
        return cls(gap.hi, r, Pair(xp.where(known, x.hi, gap.hi), low), step)

    def divergence(self, *, xp: Namespace) -> Array:
        value = expm1mx(self.x.hi, xp=xp)
        known = value < _INF  # not inf*0
        slope = expm1(xp.where(known, self.x.hi, 0.0), xp=xp)
        value = value + xp.where(known, slope * self.x.lo, 0.0)
        # From 1 to r it is that from 2 to r + 1, and that of -log.
        log = less_log(self.r.excess, self.r.value, xp.ones_like(self.r.value), xp=xp)
        return value + (self.step_bregman + log)

    def slope(self, *, xp: Namespace) -> Array:
        """``exp(x) - 1``."""
        value = expm1(self.x.hi, xp=xp)
        known = value < _INF
        return value + xp.where(known, (1 + value) * self.x.lo, 0.0)


# --- Gumbel -------------------------------------------------------------------------------


def _gumbel_parts(m: Array, s: Array, n: Array, t: Array, *, xp: Namespace) -> Parts:
    gap = Pair(*two_sum(n, -m)) if xp.exact else Pair(n - m)
    return Parts.of(divide(gap, Pair(t), xp=xp), Ratio.of(s, t, xp=xp), xp=xp)


def _gumbel(m: Array, s: Array, n: Array, t: Array, /, *, xp: Namespace) -> Array:
    return _gumbel_parts(m, s, n, t, xp=xp).divergence(xp=xp)


def _gumbel_slopes(m: Array, s: Array, n: Array, t: Array, /, *, xp: Namespace) -> list[Array]:
    parts = _gumbel_parts(m, s, n, t, xp=xp)
    grown, r = parts.slope(xp=xp), parts.r.value
    digamma, slope = parts.r.slopes(xp=xp)
    by_location = grown / t
    return [
        0 - by_location,
        (grown * digamma + slope) / t,
        by_location,
        0 - (grown * (parts.gap + r * digamma) + r * slope) / t,
    ]


GUMBEL = Family(_gumbel, _gumbel_slopes, (REAL, POSITIVE))

# --- Weibull ------------------------------------------------------------------------------


def _weibull_parts(
    a: Array, b: Array, c: Array, d: Array, *, xp: Namespace
) -> tuple[Array, Parts]:
    """The logarithm of the scales' ratio, and the parts."""
    if xp.exact:
        high, low, tail = three_words(log_odds(Pair(b), Pair(d), xp=xp))
        logarithm = Pair(high, low + tail)
    else:
        logarithm = Pair(log_ratio(b, d, xp=xp))
    gap = scale(c, logarithm, xp=xp)
    return logarithm.hi, Parts.of(gap, Ratio.of(c, a, xp=xp), xp=xp)


def _weibull(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> Array:
    return _weibull_parts(a, b, c, d, xp=xp)[1].divergence(xp=xp)


def _weibull_slopes(a: Array, b: Array, c: Array, d: Array, /, *, xp: Namespace) -> list[Array]:
    logarithm, parts = _weibull_parts(a, b, c, d, xp=xp)
    grown = parts.slope(xp=xp)
    digamma, slope = parts.r.slopes(xp=xp)
    by_ratio = (grown * digamma + slope) / a
    return [
        0 - by_ratio * parts.r.value,
        grown * c / b,
        grown * logarithm + by_ratio,
        0 - grown * c / d,
    ]


WEIBULL = Family(_weibull, _weibull_slopes, (PROPER, PROPER))
