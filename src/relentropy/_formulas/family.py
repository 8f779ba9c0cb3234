"""What closed forms of parametric families have in common: domains, limits, derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._arrays.array import Array
from .._arrays.namespace import Namespace

_INF, _NAN = float("inf"), float("nan")


@dataclass(frozen=True)
class Domain:
    """Where a parameter may be."""

    low: float
    high: float
    inside: float
    """A value that stands in where a parameter is not."""
    closed: bool = False
    """Whether the lower end belongs to the family."""
    degenerate: float | None = None
    """A value with which the distribution is a point: its divergence from itself is 0, from
    and to all others inf."""

    def holds(self, x: Array) -> Array:
        if self.closed:
            return (x >= self.low) & (x < self.high)
        return (x > self.low) & (x < self.high)


REAL = Domain(-_INF, _INF, 0.0)
POSITIVE = Domain(0.0, _INF, 1.0, degenerate=0.0)
PROPER = Domain(0.0, _INF, 1.0)
LOGARITHM = Domain(-_INF, _INF, 0.0, degenerate=-_INF)


@dataclass(frozen=True)
class Family:
    """Relative entropy within a family, as a function of entries: parameters of p, then of q.

    ``divergence`` and ``gradient`` see parameters inside their domains alone; the gradient is
    one slope for each of them, together, as they share most of their parts.
    """

    divergence: Callable[..., Array]
    gradient: Callable[..., list[Array]]
    domains: tuple[Domain, ...]
    """Of one distribution's parameters."""

    @property
    def fills(self) -> tuple[float, ...]:
        return tuple(domain.inside for domain in self.domains) * 2

    def value(self, *parameters: Array, xp: Namespace) -> Array:
        known, kept = self._inside(parameters, xp=xp)
        found = self.divergence(*kept, xp=xp)
        return xp.where(known, found, self._limit(parameters, xp=xp))

    @property
    def slopes(self) -> tuple[Slope, ...]:
        return tuple(Slope(self, index) for index in range(2 * len(self.domains)))

    def together(self, *parameters: Array, xp: Namespace) -> list[Array]:
        """All slopes; 0 where equal points are, nan where there is no derivative."""
        known, kept = self._inside(parameters, xp=xp)
        limit = self._limit(parameters, xp=xp)
        edge = xp.where(limit == 0, 0.0, _NAN * xp.ones_like(limit))
        return [xp.where(known, slope, edge) for slope in self.gradient(*kept, xp=xp)]

    def _inside(
        self, parameters: tuple[Array, ...], *, xp: Namespace
    ) -> tuple[Array, list[Array]]:
        """Where all parameters are inside, and the parameters, replaced where not."""
        known = self.domains[0].holds(parameters[0])
        for x, domain in zip(parameters[1:], (self.domains * 2)[1:], strict=True):
            known = known & domain.holds(x)
        kept = [xp.where(known, x, f) for x, f in zip(parameters, self.fills, strict=True)]
        return known, kept

    def _limit(self, parameters: tuple[Array, ...], *, xp: Namespace) -> Array:
        """What a divergence is where a side has no density: nan, or that of points."""
        same = parameters[0] == parameters[0]
        valid = same
        count = len(self.domains)
        for i, x in enumerate(parameters):
            domain = self.domains[i % count]
            legal = domain.holds(x)
            if domain.degenerate is not None:
                legal = legal | (x == domain.degenerate)
            valid = valid & legal
        for one, other in zip(parameters[:count], parameters[count:], strict=True):
            same = same & (one == other)
        unlike = xp.where(same, 0.0, _INF * xp.ones_like(parameters[0]))
        return xp.where(valid, unlike, _NAN)


@dataclass(frozen=True)
class Slope:
    """The derivative by one parameter."""

    family: Family
    index: int

    def __call__(self, *parameters: Array, xp: Namespace) -> Array:
        return self.family.together(*parameters, xp=xp)[self.index]
