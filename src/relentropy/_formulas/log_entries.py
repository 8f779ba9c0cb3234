"""Entries of logits."""

from __future__ import annotations

from dataclasses import dataclass

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, calm, exp, far_scale
from .._arrays.polynomials import js_log_reach, js_log_tail
from .entries import Entry, chosen, once
from .expm1mx import expm1, expm1mx
from .kl_term import kl_term

_INF = float("inf")


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
    xp: Namespace

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
        log = chosen(above, self.log_x, self.log_y, xp=xp)
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
        log = chosen(below, self.log_y, self.log_x, xp=xp)
        return xp.ones_like(self.x), calm(log + turned, log.hi + turned.hi, xp=xp)

    def _mirrored(self) -> Entry:
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
