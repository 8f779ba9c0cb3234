"""Entries of weights."""

from __future__ import annotations

from dataclasses import dataclass

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, divide, far_scale
from .._arrays.polynomials import js_reach, js_tail
from .entries import Entry, chosen, once
from .kl_term import kl_term
from .log_pair import log_words
from .logarithms import signed_log_ratio

_INF = float("inf")
Factors = tuple[tuple[Array, ...], tuple[Array, ...]]


@dataclass
class LinearEntry(Entry):
    """Known by its masses and their exact difference.

    Error-free transforms want them in the middle of the range, and sums of terms want a row's
    mass near 1: ``unit`` is the power of two between the two scales, None where they are one.
    """

    scaled_x: Pair
    scaled_y: Pair
    scaled_gap: Pair
    xp: Namespace
    unit: Array | None = None
    raw: tuple[Array, Array, Array, Factors] | None = None
    """The weights before scaling, what to add to the logarithm of their ratio and what scaled
    each side, where that may leave nothing of a weight."""

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
        smaller = chosen(above, self.scaled_y, self.scaled_x, xp=xp)
        larger = chosen(above, self.scaled_gap, -self.scaled_gap, xp=xp)
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
        # From a mass that scaling has left, where it has left one alone; between 0 and 1 from
        # the larger mass, as what is below it may be subnormal.
        below = xp.where(self.y > 0, xp.where(self.x > 0, alpha, 0.0), 1.0) < 0.5
        below = xp.where((alpha > 0) & (alpha < 1), self.y > self.x, below)
        order = xp.where(below, alpha, alpha - 1)
        factor = xp.where(below, self.y, self.x)
        if not xp.exact:
            return factor, Pair(order * self.live_log_ratio)
        masses = (self.scaled_x.hi, self.scaled_y.hi)
        seen = (masses[0] > 0) & (masses[1] > 0)
        close = xp.abs(self.live_log_ratio) < 1.0
        if self.raw is None:
            apart = log_words(*(xp.where(seen, mass, 1.0) for mass in masses), xp=xp)
        else:
            lifts = [self._lifted(mass, k) for k, mass in enumerate(masses)]
            (x, up), (y, down) = lifts
            apart = log_words(x, y, down - up, xp=xp)
        ratio = chosen(close, Pair(self.live_log_ratio), apart, xp=xp)
        return factor, far_scale(order, ratio, xp=xp)

    def _lifted(self, mass: Array, side: int) -> tuple[Array, Array]:
        """A mass, times a power of two where scaling has left nothing of it, and the power."""
        xp = self.xp
        assert self.raw is not None
        power = 512.0 if xp.limits.splitter > 2**20 else 64.0
        hidden = self.live & ~(mass > 0)
        lifted = xp.where(hidden, self.raw[side], 0.0) * 2.0**power
        for factor in self.raw[3][side]:
            lifted = lifted * factor
        mass = xp.where(hidden, lifted, mass)
        return xp.where(mass > 0, mass, 1.0), xp.where(hidden, power, 0.0)

    def _mirrored(self) -> Entry:
        raw = None
        if self.raw is not None:
            p, q, scales, factors = self.raw
            raw = (q, p, -scales, factors[::-1])
        return LinearEntry(
            self.scaled_y, self.scaled_x, -self.scaled_gap, self.xp, self.unit, raw
        )
