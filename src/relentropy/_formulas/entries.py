"""What a divergence adds up: the masses of two distributions at one place, and how they differ.

A divergence is zero where the two agree, so an `Entry` carries their difference and the
logarithm of their ratio with all digits of their own, instead of leaving both to be computed
from two rounded masses. The two kinds of input know different things exactly (weights the
difference, logits the log-ratio); what is written for an entry needs no second version.

Masses are on one scale for both sides, which is whoever sums entries' business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .._arrays.pairs import Pair, exp, scale
from .expm1mx import expm1, expm1mx
from .kl_term import kl_term
from .logarithms import signed_log_ratio

Array = Any
_INF = float("inf")


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
    def kl(self) -> Array:
        """x*log(x/y) - x + y."""

    @abstractmethod
    def chi2(self) -> Array:
        """(x - y)**2/y."""

    @abstractmethod
    def tilted(self, order: Array) -> tuple[Array, Pair]:
        """A factor f and an exponent z with ``x*(x/y)**order = f*exp(z)`` where live."""

    @abstractmethod
    def swapped(self) -> Entry:
        """The same with the sides exchanged."""

    @cached_property
    def live_log_ratio(self) -> Array:
        """log(x/y), 0 where it is not finite."""
        return self.xp.where(self.live, self.log_ratio, 0.0)


@dataclass
class LinearEntry(Entry):
    """Known by its masses and their exact difference."""

    x: Array
    y_pair: Pair
    gap_pair: Pair
    xp: Any

    @cached_property
    def y(self) -> Array:
        return self.y_pair.hi

    @cached_property
    def gap(self) -> Array:
        return self.gap_pair.value

    @cached_property
    def live(self) -> Array:
        return (self.x > 0) & (self.y > 0)

    @property
    def only_x(self) -> Array:
        return (self.x > 0) & ~(self.y > 0)

    @property
    def only_y(self) -> Array:
        return ~(self.x > 0) & (self.y > 0)

    @cached_property
    def log_ratio(self) -> Array:
        return signed_log_ratio(self.x, self.y, self.gap, xp=self.xp)

    @cached_property
    def excess(self) -> Array:
        known = self.y > 0
        ratio = self.gap / self.xp.where(known, self.y, 1.0)
        return self.xp.where(known, ratio, self.xp.where(self.only_x, _INF, 0.0))

    def kl(self) -> Array:
        return kl_term(self.x, self.y_pair, self.gap_pair, xp=self.xp)

    def chi2(self) -> Array:
        return self.xp.where(self.only_x, _INF, self.gap * self.excess)

    def tilted(self, order: Array) -> tuple[Array, Pair]:
        # The smaller exponent: its rounding errors are what the product loses.
        below = order < -0.5
        power = self.xp.where(below, 1 + order, order)
        return self.xp.where(below, self.y, self.x), Pair(power * self.live_log_ratio)

    def swapped(self) -> Entry:
        return LinearEntry(self.y, Pair(self.x), -self.gap_pair, self.xp)


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

    @cached_property
    def live(self) -> Array:
        return ~(self.no_x | self.no_y)

    @property
    def only_x(self) -> Array:
        return ~self.no_x & self.no_y

    @property
    def only_y(self) -> Array:
        return self.no_x & ~self.no_y

    @cached_property
    def log_ratio(self) -> Array:
        ends = self.xp.where(self.only_x, _INF, self.xp.where(self.only_y, -_INF, 0.0 * self.x))
        return self.xp.where(self.live, self.ratio.value, ends)

    @cached_property
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

    @cached_property
    def excess(self) -> Array:
        return expm1(self.log_ratio, xp=self.xp)

    def kl(self) -> Array:
        xp, u = self.xp, self.live_log_ratio
        near = (u < 1) & (u > -1)
        close = self.x * expm1mx(xp.where(near, -u, 0.0), xp=xp)
        apart = self.x * u - self.gap
        value = xp.where(near, close, apart)
        value = xp.where(self.only_y, self.y, value)
        return xp.where(self.only_x, _INF, value)

    def chi2(self) -> Array:
        xp, u = self.xp, self.live_log_ratio
        far = self.live & (u > 1)
        factor, exponent = self.tilted(xp.ones_like(u))
        # y may be too small to be seen where x**2/y is not.
        squared = factor * exp(exponent.map(lambda word: xp.where(far, word, 0.0)), xp=xp)
        close = self.gap * xp.where(far | self.only_x, 0.0, self.excess)
        value = xp.where(far, squared - (self.x + self.gap), close)
        return xp.where(self.only_x, _INF, value)

    def tilted(self, order: Array) -> tuple[Array, Pair]:
        moved = self.log_x + scale(order, self.ratio, xp=self.xp)
        return self.xp.ones_like(self.x), moved

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
