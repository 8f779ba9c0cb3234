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
from typing import Any, Generic, NamedTuple, TypeVar

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, exp
from .deformed import deformed

_INF = float("inf")
_T = TypeVar("_T")


class once(Generic[_T]):  # noqa: N801 - used as a decorator
    """A property that is computed when it is first asked for.

    Python's own takes a lock, which torch's compiler does not know.
    """

    def __init__(self, compute: Callable[[Any], _T]) -> None:
        self.compute, self.name = compute, compute.__name__

    def __get__(self, owner: Any, kind: Any = None) -> _T:
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
    xp: Namespace

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

    @once
    def swapped(self) -> Entry:
        """The same with the sides exchanged, which keeps what it computes as well."""
        return self._mirrored()

    @abstractmethod
    def _mirrored(self) -> Entry: ...

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


def chosen(condition: Array, one: Pair, other: Pair, *, xp: Namespace) -> Pair:
    """The choice between two pairs."""
    lows = (0.0 * pair.hi if pair.lo is None else pair.lo for pair in (one, other))
    return Pair(xp.where(condition, one.hi, other.hi), xp.where(condition, *lows))
