"""One side of a divergence: a distribution given by logits or by weights.

Both are measured from the row's largest entry: a relative weight in [0, 1], and the gap
``-log(relative weight) >= 0``, which is small and accurate for entries close to the largest.
What is written for a `Side` needs no second version for the other kind of input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, exp
from .expectation import finite_or_zero
from .log_pair import log_words
from .logarithms import log_ratio
from .logsumexp import relative
from .times import times

_INF = float("inf")


class Side(Protocol):
    """How entries, and the largest entries of two parts of a row, compare."""

    absent: float
    """What stands for no mass."""

    def weight(self, x: Array, top: Array, *, xp: Namespace) -> Array:
        """Mass relative to the largest entry; 0 where absent."""

    def gap(self, x: Array, top: Array, *, xp: Namespace) -> Array:
        """-log(weight), 0 where absent."""

    def below(self, x: Array, top: Array, *, xp: Namespace) -> Pair:
        """log(weight) for exponents, off by an ulp of 1 at most; where absent any number."""

    def product(
        self, x: Array, top: Array, weight: Array, factor: Array, *, xp: Namespace
    ) -> Array:
        """weight * factor, with its digits where the weight alone is subnormal."""

    def invalid(self, x: Array) -> Array:
        """Entries that no distribution has."""

    def by_entry(
        self, x: Array, top: Array, weight: Array, mass: Array, rate: Array, *, xp: Namespace
    ) -> Array:
        """The derivative by x, where that by x's logit is ``weight/mass * rate``."""

    def excess(
        self, x: Array, top: Array, weight: Array, mass: Array, share: Array, *, xp: Namespace
    ) -> Array:
        """The same for a rate of ``1 - share/(weight/mass)``: by x's logit, a difference."""


@dataclass(frozen=True)
class Logits:
    absent = -_INF

    def weight(self, x: Array, top: Array, *, xp: Namespace) -> Array:
        return xp.where(x == -_INF, 0.0, exp(relative(x, top, xp=xp), xp=xp))

    def gap(self, x: Array, top: Array, *, xp: Namespace) -> Array:
        return xp.where(x == -_INF, 0.0, finite_or_zero(top, xp=xp) - x)

    def below(self, x: Array, top: Array, *, xp: Namespace) -> Pair:
        return relative(x, top, xp=xp)

    def product(
        self, x: Array, top: Array, weight: Array, factor: Array, *, xp: Namespace
    ) -> Array:
        if not xp.exact:
            return weight * factor
        low = (weight < xp.limits.subnormal) & (x > -_INF)
        gap = relative(x, top, xp=xp).map(lambda word: xp.where(low, 0.5 * word, 0.0))
        half = exp(gap, xp=xp)
        return xp.where(low, (half * factor) * half, weight * factor)

    def invalid(self, x: Array) -> Array:
        return ~(x < _INF)

    def by_entry(
        self, x: Array, top: Array, weight: Array, mass: Array, rate: Array, *, xp: Namespace
    ) -> Array:
        limit, steep = rate, xp.abs(rate) == _INF  # no mass is so small as to make it finite
        rate = xp.where(steep, 0.0, rate)
        value = self.product(x, top, weight, rate, xp=xp) / mass
        value = xp.where(weight < _INF, value, times(rate, weight, xp=xp))
        return xp.where(x == -_INF, 0.0, xp.where(steep, limit, value))

    def excess(
        self, x: Array, top: Array, weight: Array, mass: Array, share: Array, *, xp: Namespace
    ) -> Array:
        return weight / mass - share


@dataclass(frozen=True)
class Weights:
    absent = 0.0

    def weight(self, x: Array, top: Array, *, xp: Namespace) -> Array:
        return x / self._anchor(top, xp=xp)

    def gap(self, x: Array, top: Array, *, xp: Namespace) -> Array:
        known = x > 0
        anchor = self._anchor(top, xp=xp)
        return xp.where(known, log_ratio(anchor, xp.where(known, x, anchor), xp=xp), 0.0)

    def below(self, x: Array, top: Array, *, xp: Namespace) -> Pair:
        anchor = self._anchor(top, xp=xp)
        weight = xp.where((x > 0) & (x < _INF), x, anchor)
        return log_words(weight, anchor, xp=xp)

    def product(
        self, x: Array, top: Array, weight: Array, factor: Array, *, xp: Namespace
    ) -> Array:
        return weight * factor

    def invalid(self, x: Array) -> Array:
        return ~((x >= 0) & (x < _INF))

    def by_entry(
        self, x: Array, top: Array, weight: Array, mass: Array, rate: Array, *, xp: Namespace
    ) -> Array:
        return rate / mass / self._anchor(top, xp=xp)

    def excess(
        self, x: Array, top: Array, weight: Array, mass: Array, share: Array, *, xp: Namespace
    ) -> Array:
        absent = (share == 0) & (x == 0)
        rate = 1 - share / xp.where(absent, 1.0, weight / mass)
        return self.by_entry(x, top, weight, mass, rate, xp=xp)

    @staticmethod
    def _anchor(top: Array, *, xp: Namespace) -> Array:
        return xp.where((top > 0) & (top < _INF), top, 1.0)


def side(is_log: bool) -> Side:
    return Logits() if is_log else Weights()
