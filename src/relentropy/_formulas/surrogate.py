"""The clipped surrogate of policy optimisation, of one token.

The ratio of the two policies is the exponential of u = log p - log p_old, a pair. What happens
beyond a bound is decided by ``expm1(u)``, which knows a ratio near 1 with all its digits. The
bound that applies goes with the sign of the advantage A; the other one is of no consequence, so
that a ratio may overflow where it is clipped or where A is 0.

Schulman et al. (2017); bounds that differ, Yu et al. (2025); dual clip, Ye et al. (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, exp
from .._arrays.protocols import Elementwise, flat
from .expectation import difference
from .expm1mx import expm1

_INF, _NAN = float("inf"), float("nan")


class _Token(NamedTuple):
    u: Pair
    """The log-ratio; 0 for a token that is impossible under both policies."""
    ratio: Array
    above: Array
    """Whether the ratio is above its upper bound, and the advantage positive."""
    below: Array
    """Whether it is below its lower bound, and the advantage negative."""
    far: Array
    """Whether it is above the bound for negative advantages."""


@dataclass(frozen=True)
class Surrogate:
    """``-min(ratio*A, clip(ratio)*A)``, at most ``-dual*A`` where A is negative.

    Its operands are log p, log p_old and A. Only log p moves: the others are data.
    """

    low: float
    high: float
    dual: float | None = None

    @property
    def fills(self) -> tuple[float, ...]:
        return (0.0, 0.0, 0.0)

    @property
    def slopes(self) -> tuple[Any, ...]:
        return (self._slope, flat, flat)

    def value(self, log_p: Array, log_old: Array, advantage: Array, *, xp: Namespace) -> Array:
        token = self._token(log_p, log_old, advantage, xp=xp)
        ratio = xp.where(token.above, 1.0 + self.high, token.ratio)
        ratio = xp.where(token.below, 1.0 - self.low, ratio)
        if self.dual is not None:
            ratio = xp.where(token.far, self.dual, ratio)
        return self._product(ratio, token, advantage, xp=xp)

    def _slope(self, log_p: Array, log_old: Array, advantage: Array, *, xp: Namespace) -> Array:
        token = self._token(log_p, log_old, advantage, xp=xp)
        none = (log_p == -_INF) & (log_old == -_INF)
        still = token.above | token.below | token.far | none
        return self._product(xp.where(still, 0.0, token.ratio), token, advantage, xp=xp)

    def _token(
        self, log_p: Array, log_old: Array, advantage: Array, *, xp: Namespace
    ) -> _Token:
        u = _log_ratio(log_p, log_old, xp=xp)
        grown = expm1(u.hi, xp=xp)
        if u.lo is not None:
            grown = xp.where(grown == _INF, grown, grown + (1 + grown) * u.lo)
        above = (grown > self.high) & (advantage > 0)
        below = (grown < -self.low) & (advantage < 0)
        far = above & below  # never
        if self.dual is not None:
            far = (grown > self.dual - 1) & (advantage < 0)
        return _Token(u, exp(u, xp=xp), above, below, far)

    @staticmethod
    def _product(ratio: Array, token: _Token, advantage: Array, *, xp: Namespace) -> Array:
        """``-ratio*A``; 0 where A is, whatever the ratio, but nan where there is none."""
        ratio = xp.where(advantage == 0, 0.0, ratio)
        return xp.where(xp.isnan(token.u.hi), _NAN, 0 - ratio * advantage)


@dataclass(frozen=True)
class Clipped(Surrogate):
    """1 where one of the two bounds takes the surrogate's gradient away, else 0."""

    @property
    def slopes(self) -> tuple[Any, ...]:
        return (flat, flat, flat)

    def value(self, log_p: Array, log_old: Array, advantage: Array, *, xp: Namespace) -> Array:
        token = self._token(log_p, log_old, advantage, xp=xp)
        return xp.where(token.above | token.below, xp.ones_like(token.ratio), 0.0)


def _log_ratio(log_p: Array, log_old: Array, *, xp: Namespace) -> Pair:
    none = (log_p == -_INF) & (log_old == -_INF)
    return difference(log_p, log_old, none, xp=xp)


def _ratio(log_p: Array, log_old: Array, /, *, xp: Namespace) -> Array:
    return exp(_log_ratio(log_p, log_old, xp=xp), xp=xp)


def _first(value: Array, other: Array, /, *, xp: Namespace) -> Array:
    return value


def _one(value: Array, other: Array, /, *, xp: Namespace) -> Array:
    return xp.ones_like(value)


# A constant for whoever looks at a policy's ratios: it moves with nothing.
RATIO = Elementwise(_ratio, (flat, flat), (0.0, 0.0))
# The first operand's value with the second one's derivative.
CARRIED = Elementwise(_first, (flat, _one), (0.0, 0.0))
# The divergence at a position, whose derivative by the log-probability of the way there is the
# divergence: E[KL] moves with where one gets to, too.
REACHED = Elementwise(_first, (_one, _first), (0.0, 0.0))
