"""Estimates of relative entropy from the log-probabilities of one sample.

All are functions of the log-ratio u = log p(x) - log r(x), a pair: k2 and k3 are squares of it
where it is small, and exp(-u) overflows where it is large, so that its rounding would be theirs
many times over. A weight w goes into the exponential, which alone may leave the range where w
makes up for it.

Schulman (2020) for k1, k2 and k3. The control variate r/p - 1, which has no mean, makes k3 of
k1; with a fitted coefficient c it makes k1 + c*(r/p - 1) = k3 - (1 - c)*(r/p - 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, exp
from .._arrays.protocols import flat
from .expectation import difference, sign
from .expm1mx import expm1, expm1mx
from .times import times

_INF, _NAN = float("inf"), float("nan")
# From here on the exponential is several times all that is subtracted from it.
_APART = 4.0


class Sample(NamedTuple):
    u: Pair
    none: Array
    """Where both models have no mass, and u is 0."""
    weight: Array
    log_weight: Array
    excess: Array | Any
    """1 - c of the control variate, None for the others."""

    @property
    def gone(self) -> Array:
        return self.log_weight == -_INF

    def weighted(self, value: Array, *, xp: Namespace) -> Array:
        """``w * value``; a weight of exactly 0 takes away what is infinite, but not nan."""
        infinite = xp.abs(value) == _INF
        product = self.weight * xp.where(infinite, 0.0, value)
        return xp.where(infinite & (self.log_weight > -_INF), value, product)

    def inverse(self, *, xp: Namespace) -> Array:
        """``w * exp(-u)``: the sample's ratio r/p."""
        exponent = difference(self.log_weight, self.u.hi, self.gone, xp=xp)
        if self.u.lo is not None:
            exponent = Pair(exponent.hi, exponent.lo - self.u.lo)
        return xp.where(self.gone, 0.0 * self.weight, exp(exponent, xp=xp))


class Estimator(Protocol):
    """An estimate, and its derivative by u; both times the weight."""

    def value(self, sample: Sample, *, xp: Namespace) -> Array: ...

    def slope(self, sample: Sample, *, xp: Namespace) -> Array: ...


class K1:
    """u, of either sign."""

    def value(self, sample: Sample, *, xp: Namespace) -> Array:
        return sample.weighted(sample.u.value, xp=xp)

    def slope(self, sample: Sample, *, xp: Namespace) -> Array:
        return sample.weighted(xp.ones_like(sample.u.hi), xp=xp)


class Absolute:
    """abs(u)."""

    def value(self, sample: Sample, *, xp: Namespace) -> Array:
        return sample.weighted(xp.abs(sample.u.value), xp=xp)

    def slope(self, sample: Sample, *, xp: Namespace) -> Array:
        return sample.weighted(sign(sample.u.hi, xp=xp), xp=xp)


class K2:
    """u**2/2."""

    def value(self, sample: Sample, *, xp: Namespace) -> Array:
        u = sample.u
        square = 0.5 * (u.hi * u.hi)
        if u.lo is not None:
            square = square + xp.where(xp.isfinite(u.hi), u.hi, 0.0) * u.lo
        return sample.weighted(square, xp=xp)

    def slope(self, sample: Sample, *, xp: Namespace) -> Array:
        return sample.weighted(sample.u.value, xp=xp)


class K3:
    """exp(-u) - 1 + u, the generator of relative entropy: nothing below 0."""

    def value(self, sample: Sample, *, xp: Namespace) -> Array:
        near, x, low = self._near(sample, xp=xp)
        close = expm1mx(x, xp=xp) + expm1(x, xp=xp) * low
        grown = sample.inverse(xp=xp)
        rest = sample.weighted(1 - sample.u.hi, xp=xp)
        apart = grown - xp.where(grown == _INF, 0.0, rest)  # not inf - inf
        return xp.where(near, sample.weighted(close, xp=xp), apart)

    def slope(self, sample: Sample, *, xp: Namespace) -> Array:
        near, x, low = self._near(sample, xp=xp)
        close = -expm1(x, xp=xp) - xp.exp(x) * low
        apart = sample.weighted(xp.ones_like(x), xp=xp) - sample.inverse(xp=xp)
        return xp.where(near, sample.weighted(close, xp=xp), apart)

    @staticmethod
    def _near(sample: Sample, *, xp: Namespace) -> tuple[Array, Array, Array]:
        """Where -u is small or negative, and there its two words; else zeros."""
        near = sample.u.hi > -_APART
        x = xp.where(near, -sample.u.hi, 0.0)
        none = xp.zeros_like(x)
        low = none if sample.u.lo is None else xp.where(near, -sample.u.lo, 0.0)
        return near, x, low


class ControlVariate(K3):
    """k3 less what a fit finds in it of r/p - 1."""

    def value(self, sample: Sample, *, xp: Namespace) -> Array:
        by_one = super().slope(sample, xp=xp)
        return super().value(sample, xp=xp) + times(sample.excess, by_one, xp=xp)

    def slope(self, sample: Sample, *, xp: Namespace) -> Array:
        by_two = sample.inverse(xp=xp)
        return super().slope(sample, xp=xp) + times(sample.excess, by_two, xp=xp)


ESTIMATORS: dict[str, Estimator] = {
    "k1": K1(),
    "k2": K2(),
    "k3": K3(),
    "abs": Absolute(),
    "control_variate": ControlVariate(),
}


@dataclass(frozen=True)
class Estimate:
    """The estimate of every sample, as a function of entries.

    Its operands are log p, log r and, if there are any, log-weights and then 1 - c.
    """

    estimator: str
    straight_through: bool = False
    bound: float | None = None
    """What the log-ratio is clipped to, in both directions."""
    weighted: bool = False
    detach_weights: bool = False
    max_weight: float | None = None

    @property
    def fills(self) -> tuple[float, ...]:
        return (0.0,) * len(self.slopes)

    def value(self, log_p: Array, log_r: Array, *more: Array, xp: Namespace) -> Array:
        sample = self._sample(log_p, log_r, *more, xp=xp)
        return ESTIMATORS[self.estimator].value(sample, xp=xp)

    @property
    def slopes(self) -> tuple[Any, ...]:
        fitted = self.estimator == "control_variate"
        weights = (self._by_weight,) if self.weighted else ()
        return (self._by_p, self._by_r, *weights, *((flat,) if fitted else ()))

    def _by_p(self, log_p: Array, log_r: Array, *more: Array, xp: Namespace) -> Array:
        sample = self._sample(log_p, log_r, *more, xp=xp)
        if self.straight_through:
            slope = ESTIMATORS["k2"].slope(sample, xp=xp)
        else:
            slope = ESTIMATORS[self.estimator].slope(sample, xp=xp)
            if self.bound is not None:
                inside = xp.abs(log_p - log_r) <= self.bound
                slope = xp.where(inside | xp.isnan(slope), slope, 0.0)
        return xp.where(sample.none, 0.0, xp.where(xp.isnan(sample.u.hi), _NAN, slope))

    def _by_r(self, *operands: Array, xp: Namespace) -> Array:
        return 0 - self._by_p(*operands, xp=xp)

    def _by_weight(self, log_p: Array, log_r: Array, *more: Array, xp: Namespace) -> Array:
        if self.detach_weights or self.straight_through:
            return xp.zeros_like(log_p)
        value = self.value(log_p, log_r, *more, xp=xp)
        if self.max_weight is None:
            return value
        return xp.where(more[0] > math.log(self.max_weight), 0.0, value)

    def _sample(self, log_p: Array, log_r: Array, *more: Array, xp: Namespace) -> Sample:
        none = (log_p == -_INF) & (log_r == -_INF)
        u = difference(log_p, log_r, none, xp=xp)
        impossible = (log_p == _INF) | (log_r == _INF)
        u = Pair(xp.where(impossible, _NAN, u.hi), u.lo)
        if self.bound is not None:
            inside = xp.abs(u.hi) <= self.bound
            clipped = xp.maximum(xp.minimum(u.hi, self.bound), -self.bound)
            u = Pair(clipped, None if u.lo is None else xp.where(inside, u.lo, 0.0))
        log_weight = more[0] if self.weighted else xp.zeros_like(log_p)
        weight = xp.exp(log_weight)
        if self.max_weight is not None:
            most = math.log(self.max_weight)
            weight = xp.where(log_weight > most, self.max_weight, weight)
            log_weight = xp.minimum(log_weight, most)
        excess = more[-1] if self.estimator == "control_variate" else None
        return Sample(u, none, weight, log_weight, excess)


@dataclass(frozen=True)
class ControlRatio(Estimate):
    """The control variate itself, w*(r/p - 1)."""

    def value(self, log_p: Array, log_r: Array, *more: Array, xp: Namespace) -> Array:
        sample = self._sample(log_p, log_r, *more, xp=xp)
        return 0 - ESTIMATORS["k3"].slope(sample, xp=xp)
