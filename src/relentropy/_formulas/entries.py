"""What a divergence adds up: the masses of two distributions at one place, and how they differ.

A divergence is zero where the two agree, so an `Entry` carries their difference and the
logarithm of their ratio with all digits of their own, instead of leaving both to be computed
from two rounded masses. The two kinds of input know different things exactly (weights the
difference, logits the log-ratio); what is written for an entry needs no second version.

Masses are on one scale for both sides, which is whoever sums entries' business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.pairs import Pair, calm, divide, exp, far_scale
from .._arrays.polynomials import js_log_reach, js_log_tail, js_reach, js_tail
from .deformed import deformed
from .expm1mx import expm1, expm1mx
from .kl_term import kl_term
from .log_pair import log_words
from .logarithms import signed_log_ratio

Array = Any
_INF = float("inf")


class once:  # noqa: N801 - used as a decorator
    """A property that is computed when it is first asked for.

    Python's own takes a lock, which torch's compiler does not know.
    """

    def __init__(self, compute: Callable[[Any], Array]) -> None:
        self.compute, self.name = compute, compute.__name__

    def __get__(self, owner: Any, kind: Any = None) -> Array:
        value = self.compute(owner)
        setattr(owner, self.name, value)
        return value


class Rate(NamedTuple):
    """How fast something changes with a mass: by the mass, and by its logarithm."""

    plain: Array
    weighted: Array


class Entry(ABC):
    """x of the first distribution and y of the second; (n, rows) arrays of them."""

    x: Array
    y: Array
    xp: Any

    @property
    @abstractmethod
    def live(self) -> Array:
        """Whether both have mass (which may be too small for x and y to show)."""

    @property
    @abstractmethod
    def only_x(self) -> Array:
        """Whether only the first has."""

    @property
    @abstractmethod
    def only_y(self) -> Array:
        """Whether only the second has."""

    @property
    @abstractmethod
    def gap(self) -> Array:
        """x - y."""

    @property
    @abstractmethod
    def log_ratio(self) -> Array:
        """log(x/y); infinite where one side has no mass, 0 where none has."""

    @property
    @abstractmethod
    def excess(self) -> Array:
        """x/y - 1; inf where only x is, 0 where none is."""

    @abstractmethod
    def gap_times(self, factor: Array) -> Array:
        """(x - y)*factor, also where the gap alone has lost digits to the end of the range."""

    @property
    @abstractmethod
    def root_x(self) -> Array:
        """sqrt(x), also where x is too small to be seen."""

    @abstractmethod
    def x_times(self, slope: Array) -> Array:
        """x*slope, 0 where x has no mass; also where x alone is subnormal."""

    def x_bent(self, alpha: Array, order: Array) -> Array:
        """x*(exp(order*log(x/y)) - 1)/order with order = alpha - 1, where both have mass.

        The product is a power of both, which stays in the range where its factors leave it.
        """
        xp, u = self.xp, self.live_log_ratio
        z = order * u
        near = (z < 1) & (z > -1)
        close = self.x_times(deformed(xp.where(near, u, 0.0), order, xp=xp))
        factor, exponent = self.powers(alpha)
        exponent = exponent.map(lambda word: xp.where(near | ~self.live, 0.0, word))
        apart = (factor * exp(exponent, xp=xp) - self.x) / xp.where(order == 0, 1.0, order)
        return xp.where(near, close, apart)

    @abstractmethod
    def kl(self) -> Array:
        """x*log(x/y) - x + y."""

    @abstractmethod
    def kl_to_mixture(self, v: float, w: float) -> Array:
        """x*log(x/m) - x + m with m = v*x + w*y and v + w = 1."""

    @abstractmethod
    def jensen_shannon(self) -> Array:
        """(x*log(x/m) + y*log(y/m))/2 with m = (x + y)/2."""

    @abstractmethod
    def chi2(self) -> Array:
        """(x - y)**2/y."""

    @abstractmethod
    def powers(self, alpha: Array) -> tuple[Array, Pair]:
        """A factor f and an exponent z with ``x**alpha*y**(1 - alpha) = f*exp(z)`` where live.

        From the side whose exponent is smaller, which is what rounding errors grow with.
        """

    @abstractmethod
    def swapped(self) -> Entry:
        """The same with the sides exchanged."""

    @once
    def live_log_ratio(self) -> Array:
        """log(x/y), 0 where it is not finite."""
        return self.xp.where(self.live, self.log_ratio, 0.0)

    @once
    def spread(self) -> tuple[Array, Array]:
        """x + y, and (x - y)/(x + y), 0 where there is no mass."""
        total = self.x + self.y
        return total, self.gap / self.xp.where(total > 0, total, 1.0)

    def _far_jensen_shannon(self) -> Array:
        """For masses so different that the logarithms of their shares hardly cancel."""
        xp, (total, t) = self.xp, self.spread
        above = t > 0
        high, low = xp.where(above, self.x, self.y), xp.where(above, self.y, self.x)
        known = low > 0
        share = xp.where(known, 2 * low, total) / xp.where(total > 0, total, 1.0)
        share = xp.where(total > 0, share, 1.0)
        return 0.5 * (high * xp.log1p(xp.abs(t)) + xp.where(known, low, 0.0) * xp.log(share))


def _chosen(condition: Array, one: Pair, other: Pair, *, xp: Any) -> Pair:
    """The choice between two pairs."""
    lows = (0.0 * pair.hi if pair.lo is None else pair.lo for pair in (one, other))
    return Pair(xp.where(condition, one.hi, other.hi), xp.where(condition, *lows))


@dataclass
class LinearEntry(Entry):
    """Known by its masses and their exact difference.

    Error-free transforms want them in the middle of the range, and sums of terms want a row's
    mass near 1: ``unit`` is the power of two between the two scales, None where they are one.
    """

    scaled_x: Pair
    scaled_y: Pair
    scaled_gap: Pair
    xp: Any
    unit: Array | None = None
    raw: tuple[Array, Array, Array] | None = None
    """The weights before scaling and what to add to the logarithm of their ratio, where
    scaling may leave nothing of a weight."""

    def _lowered(self, word: Array) -> Array:
        return word if self.unit is None else word * self.unit

    @once
    def x(self) -> Array:
        return self._lowered(self.scaled_x.hi)

    @once
    def y(self) -> Array:
        return self._lowered(self.scaled_y.hi)

    @once
    def gap(self) -> Array:
        return self._lowered(self.scaled_gap.value)

    @once
    def _has_x(self) -> Array:
        return self.scaled_x.hi > 0 if self.raw is None else self.raw[0] > 0

    @once
    def _has_y(self) -> Array:
        return self.scaled_y.hi > 0 if self.raw is None else self.raw[1] > 0

    @once
    def live(self) -> Array:
        return self._has_x & self._has_y

    @property
    def only_x(self) -> Array:
        return self._has_x & ~self._has_y

    @property
    def only_y(self) -> Array:
        return ~self._has_x & self._has_y

    @once
    def log_ratio(self) -> Array:
        xp, gap = self.xp, self.scaled_gap.value
        value = signed_log_ratio(self.scaled_x.hi, self.scaled_y.hi, gap, xp=xp)
        if not xp.exact:
            return value
        # log1p again, of what rounding the quotient took from it: terms are squares of this.
        above = gap > 0
        smaller = _chosen(above, self.scaled_y, self.scaled_x, xp=xp)
        larger = _chosen(above, self.scaled_gap, -self.scaled_gap, xp=xp)
        known = (smaller.hi > 0) & (larger.hi > 0)
        smaller = Pair(xp.where(known, smaller.hi, 1.0), xp.where(known, smaller.lo, 0.0))
        quotient = divide(larger, smaller, xp=xp)
        rest = quotient.lo / (1 + quotient.hi)
        value = value + xp.where(known & (quotient.hi < 2.0), xp.where(above, rest, -rest), 0.0)
        if self.raw is None:
            return value
        hidden = self.live & ~((self.scaled_x.hi > 0) & (self.scaled_y.hi > 0))
        p, q = (xp.where(hidden, one, 1.0) for one in self.raw[:2])
        return xp.where(hidden, xp.log(p) - xp.log(q) + self.raw[2], value)

    @once
    def excess(self) -> Array:
        seen = self.scaled_y.hi > 0
        ratio = self.scaled_gap.value / self.xp.where(seen, self.scaled_y.hi, 1.0)
        return self.xp.where(seen, ratio, self.xp.where(self._has_x, _INF, 0.0))

    def gap_times(self, factor: Array) -> Array:
        return self._lowered(self.scaled_gap.value * factor)

    @property
    def root_x(self) -> Array:
        return self.xp.sqrt(self.x)

    def x_times(self, slope: Array) -> Array:
        known = self.x > 0
        return self.xp.where(known, self.x * self.xp.where(known, slope, 0.0), 0.0)

    def kl(self) -> Array:
        value = kl_term(self.scaled_x.hi, self.scaled_y, self.scaled_gap, xp=self.xp)
        value = self._lowered(value)
        if self.raw is None:
            return value
        hidden = self.live & ~(self.scaled_y.hi > 0)
        return self.xp.where(hidden, self.x * self.live_log_ratio - self.gap, value)

    def kl_to_mixture(self, v: float, w: float) -> Array:
        m = Pair(v * self.x + w * self.y)
        return kl_term(self.x, m, Pair(w * self.gap), xp=self.xp)

    def jensen_shannon(self) -> Array:
        total, t = self.spread
        near = self.xp.abs(t) < js_reach(xp=self.xp)
        s = self.xp.where(near, t, 0.0)
        close = total * (s * s) * js_tail(s * s, xp=self.xp)
        return self.xp.where(near, close, self._far_jensen_shannon())

    def chi2(self) -> Array:
        return self.xp.where(self.only_x, _INF, self.gap * self.excess)

    def powers(self, alpha: Array) -> tuple[Array, Pair]:
        xp = self.xp
        # From a mass that scaling has left, where it has left one alone.
        below = xp.where(self.y > 0, xp.where(self.x > 0, alpha, 0.0), 1.0) < 0.5
        order = xp.where(below, alpha, alpha - 1)
        factor = xp.where(below, self.y, self.x)
        if not xp.exact:
            return factor, Pair(order * self.live_log_ratio)
        masses = (self.scaled_x.hi, self.scaled_y.hi)
        seen = (masses[0] > 0) & (masses[1] > 0)
        apart = log_words(*(xp.where(seen, mass, 1.0) for mass in masses), xp=xp)
        close = (xp.abs(self.live_log_ratio) < 1.0) | ~seen
        ratio = _chosen(close, Pair(self.live_log_ratio), apart, xp=xp)
        return factor, far_scale(order, ratio, xp=xp)

    def swapped(self) -> Entry:
        raw = None if self.raw is None else (self.raw[1], self.raw[0], -self.raw[2])
        return LinearEntry(
            self.scaled_y, self.scaled_x, -self.scaled_gap, self.xp, self.unit, raw
        )


@dataclass
class LogEntry(Entry):
    """Known by logarithms of its masses and of their ratio, as pairs."""

    log_x: Pair
    """0 where x has no mass."""
    log_y: Pair
    ratio: Pair
    """log(x/y), 0 where a side has no mass."""
    x: Array
    y: Array
    no_x: Array
    no_y: Array
    xp: Any

    @once
    def live(self) -> Array:
        return ~(self.no_x | self.no_y)

    @property
    def only_x(self) -> Array:
        return ~self.no_x & self.no_y

    @property
    def only_y(self) -> Array:
        return self.no_x & ~self.no_y

    @once
    def log_ratio(self) -> Array:
        ends = self.xp.where(self.only_x, _INF, self.xp.where(self.only_y, -_INF, 0.0 * self.x))
        return self.xp.where(self.live, self.ratio.value, ends)

    @once
    def gap(self) -> Array:
        xp = self.xp
        u = self.live_log_ratio
        near = self.live & (u < 1) & (u > -1)
        v = xp.where(near, u, 0.0)
        # From the larger mass, by the smaller's distance from it. (A choice instead of abs,
        # whose derivative at 0 is not the function's.)
        above = v > 0
        larger = xp.where(above, -self.x, self.y)
        shrunk = larger * expm1(xp.where(above, -v, v), xp=xp)
        return xp.where(near, shrunk, self.x - self.y)

    @once
    def excess(self) -> Array:
        return expm1(self.log_ratio, xp=self.xp)

    def gap_times(self, factor: Array) -> Array:
        xp, u, value = self.xp, self.live_log_ratio, self.gap * factor
        if not xp.exact:
            return value
        # In two halves, where the larger mass is subnormal and the factor large.
        above = u > 0
        larger = xp.where(above, self.x, self.y)
        low = self.live & (larger < xp.limits.subnormal)
        log = _chosen(above, self.log_x, self.log_y, xp=xp)
        half = exp(log.map(lambda word: xp.where(low, 0.5 * word, 0.0)), xp=xp)
        share = expm1(xp.where(above, -u, u), xp=xp)
        share = xp.where(above, -share, share)
        return xp.where(low, (half * (share * factor)) * half, value)

    def kl(self) -> Array:
        xp, u = self.xp, self.live_log_ratio
        near = (u < 2) & (u > -2)
        close = self.x * expm1mx(xp.where(near, -u, 0.0), xp=xp)
        apart = self.x * u - self.gap
        value = xp.where(near, close, apart)
        value = xp.where(self.only_y, self.y, value)
        return xp.where(self.only_x, _INF, value)

    @property
    def root_x(self) -> Array:
        half = self.log_x.map(lambda word: 0.5 * word)
        return self.xp.where(self.no_x, 0.0, exp(half, xp=self.xp))

    def x_times(self, slope: Array) -> Array:
        xp = self.xp
        steep = xp.abs(slope) == _INF  # no mass is so small as to make it finite
        finite = xp.where(steep, 0.0, slope)
        value = self.x * finite
        if xp.exact:  # in two halves, where the mass alone is subnormal
            low = ~self.no_x & (self.x < xp.limits.subnormal)
            half = exp(self.log_x.map(lambda word: xp.where(low, 0.5 * word, 0.0)), xp=xp)
            value = xp.where(low, (half * finite) * half, value)
        return xp.where(self.no_x, 0.0, xp.where(steep, slope, value))

    def kl_to_mixture(self, v: float, w: float) -> Array:
        xp, u = self.xp, self.live_log_ratio
        near = self.live & (u < 1) & (u > -1)
        # By the ratio alone, so that the error of x enters once.
        z = w * expm1(xp.where(near, -u, 0.0), xp=xp)
        one = xp.ones_like(z)
        close = self.x * kl_term(one, Pair(one + z), Pair(-z), xp=xp)
        m = Pair(v * self.x + w * self.y)
        apart = kl_term(self.x, m, Pair(w * self.gap), xp=xp)
        return xp.where(near, close, apart)

    def jensen_shannon(self) -> Array:
        xp, u = self.xp, self.live_log_ratio
        reach = js_log_reach(xp=xp)
        near = self.live & (u < reach) & (u > -reach)
        z = xp.where(near, u, 0.0)
        close = (self.x + self.y) * (z * z) * js_log_tail(z * z, xp=xp)
        return xp.where(near, close, self._far_jensen_shannon())

    def chi2(self) -> Array:
        xp, u = self.xp, self.live_log_ratio
        far = self.live & (u > 1)
        factor, exponent = self.powers(2.0 + 0.0 * u)
        # y may be too small to be seen where x**2/y is not.
        squared = factor * exp(exponent.map(lambda word: xp.where(far, word, 0.0)), xp=xp)
        close = self.gap * xp.where(far | self.only_x, 0.0, self.excess)
        value = xp.where(far, squared - (self.x + self.gap), close)
        return xp.where(self.only_x, _INF, value)

    def powers(self, alpha: Array) -> tuple[Array, Pair]:
        xp = self.xp
        below = alpha < 0.5
        turned = far_scale(xp.where(below, alpha, alpha - 1), self.ratio, xp=xp)
        log = _chosen(below, self.log_y, self.log_x, xp=xp)
        return xp.ones_like(self.x), calm(log + turned, log.hi + turned.hi, xp=xp)

    def swapped(self) -> Entry:
        return LogEntry(
            log_x=self.log_y,
            log_y=self.log_x,
            ratio=-self.ratio,
            x=self.y,
            y=self.x,
            no_x=self.no_y,
            no_y=self.no_x,
            xp=self.xp,
        )
