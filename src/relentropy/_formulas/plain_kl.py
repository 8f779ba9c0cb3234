"""``target*(log(target) - input)``: the terms of torch's loss, and their plain sum.

``input`` is a logarithm, ``target`` a weight or a logarithm too. A term is an entry's mass
times its log-ratio, which is where such a loss cancels: it is kept as a pair, and so are the
terms that a sum of both signs is made of. Nothing is normalised, and nothing is added to make
a term non-negative: where masses differ, if only by having been rounded, the sum is no
divergence.

An entry without mass on both sides contributes nothing, also not to derivatives by ``target``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, minus, scale, total
from .._arrays.protocols import Block, Elementwise, Measure
from .expectation import difference
from .log_pair import log_pair
from .weight_shares import SumFold

_INF, _NAN = float("inf"), float("nan")

# --- target as a weight -------------------------------------------------------------------


def weight_term(b: Array, t: Array, /, *, xp: Namespace) -> Array:
    """``t*(log(t) - b)``, 0 at t = 0 and nan below."""
    return _weight_pair(b, t, xp=xp).value


def _weight_pair(b: Array, t: Array, *, xp: Namespace) -> Pair:
    """The term and its rounding error, which is 0 where the product overflows."""
    inside = _both_finite(b, t) & (t > 0)
    t_inside = xp.where(inside, t, 1.0)
    term = scale(t_inside, _log_ratio(xp.where(inside, b, 0.0), t_inside, xp=xp), xp=xp)
    absent = (t == 0) & (b < _INF)
    outside = xp.where(inside, 1.0, t)
    limit = xp.where(absent, 0.0, outside * (xp.log(outside) - xp.where(inside, 0.0, b)))
    high = xp.where(inside, term.hi, limit)
    if term.lo is None:
        return Pair(high)
    return Pair(high, xp.where(inside & xp.isfinite(term.lo), term.lo, 0.0))


def _weight_term_by_input(b: Array, t: Array, /, *, xp: Namespace) -> Array:
    return xp.where(xp.isnan(b), b, xp.where(t >= 0, 0.0 - t, _NAN))


def _weight_term_by_target(b: Array, t: Array, /, *, xp: Namespace) -> Array:
    inside = _both_finite(b, t) & (t > 0)
    t_inside = xp.where(inside, t, 1.0)
    rate = _plus_one(_log_ratio(xp.where(inside, b, 0.0), t_inside, xp=xp))
    absent = (t == 0) & (b == -_INF)
    outside = xp.where(inside | absent, 1.0, t)
    limit = xp.log(outside) - xp.where(inside | absent, 0.0, b)
    return xp.where(inside, rate, limit)


def _log_ratio(b: Array, t: Array, *, xp: Namespace) -> Pair:
    """log(t) - b of finite numbers."""
    logarithm = log_pair(t, xp=xp)
    gap = minus(logarithm.pair, b, xp=xp)
    return gap if logarithm.tail is None else gap + Pair(logarithm.tail)


# --- target as a logarithm ----------------------------------------------------------------


def log_term(b: Array, t: Array, /, *, xp: Namespace) -> Array:
    """``exp(t)*(t - b)``, 0 where t is -inf."""
    inside = _both_finite(b, t)
    gap = difference(t, b, ~inside, xp=xp).value
    value = _times_mass(xp.where(inside, t, 0.0), gap, xp=xp)
    return xp.where(inside, value, _log_limit(b, t, inside, xp=xp))


def _log_term_by_input(b: Array, t: Array, /, *, xp: Namespace) -> Array:
    return xp.where(xp.isnan(b), b, 0.0 - xp.exp(t))


def _log_term_by_target(b: Array, t: Array, /, *, xp: Namespace) -> Array:
    inside = _both_finite(b, t)
    rate = _plus_one(difference(t, b, ~inside, xp=xp))
    value = _times_mass(xp.where(inside, t, 0.0), rate, xp=xp)
    return xp.where(inside, value, _log_limit(b, t, inside, xp=xp))


def _log_limit(b: Array, t: Array, inside: Array, *, xp: Namespace) -> Array:
    """Where one is infinite; no mass is so small as to make an infinite gap finite."""
    none = t == -_INF
    gap = xp.where(inside | none, 0.0, t) - xp.where(inside | none, 0.0, b)
    return xp.where(none & ~(b < _INF), _NAN, gap)


def _times_mass(t: Array, factor: Array, *, xp: Namespace) -> Array:
    """``exp(t)*factor``, also where the exponential alone leaves the range."""
    extreme = xp.abs(t) > 2 * xp.limits.headroom
    half = xp.exp(xp.where(extreme, 0.5 * t, 0.0))
    mass = xp.exp(xp.where(extreme, 0.0, t))
    gone = (factor == 0) & extreme  # not 0*inf
    product = (half * xp.where(gone, 1.0, factor)) * half * mass
    return xp.where(gone, 0.0, product)


# --- both ---------------------------------------------------------------------------------


def _both_finite(b: Array, t: Array) -> Array:
    return (b > -_INF) & (b < _INF) & (t > -_INF) & (t < _INF)


def _plus_one(x: Pair) -> Array:
    """``1 + x``; where that cancels the first sum is exact."""
    total = 1.0 + x.hi
    return total if x.lo is None else total + x.lo


FROM_WEIGHTS = Elementwise(weight_term, (_weight_term_by_input, _weight_term_by_target))
FROM_LOGS = Elementwise(log_term, (_log_term_by_input, _log_term_by_target))


@dataclass(frozen=True)
class PlainSumFold(SumFold):
    """The terms' sum; each (1, rows)."""

    target_is_log: bool

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Pair:
        if self.target_is_log:
            return total(log_term(*block, xp=xp), xp=xp)
        terms = _weight_pair(*block, xp=xp)
        return total(terms.hi, low=terms.lo, xp=xp)


@dataclass(frozen=True)
class PlainSum(Measure):
    """The terms' sum over a count, which a mean has and a sum has not."""

    target_is_log: bool
    divisor: float = 1.0

    @property
    def fills(self) -> tuple[float, ...]:
        return 0.0, -_INF if self.target_is_log else 0.0

    @property
    def empty(self) -> tuple[float, ...]:
        return (0.0 if self.divisor else _NAN,)

    def passes(self, *, xp: Namespace) -> tuple[PlainSumFold]:
        return (PlainSumFold(self.target_is_log),)

    def finish(self, stats: tuple[Pair], *, xp: Namespace) -> tuple[Array, ...]:
        return (stats[0].value / self.divisor,)

    def numbers(self, stats: tuple[Pair], *, xp: Namespace) -> tuple[Array, ...]:
        return ()

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """The terms' own derivatives."""
        terms = FROM_LOGS if self.target_is_log else FROM_WEIGHTS
        return tuple(
            slope(*block, xp=xp) / self.divisor if needed else None
            for slope, needed in zip(terms.slopes, need, strict=True)
        )
