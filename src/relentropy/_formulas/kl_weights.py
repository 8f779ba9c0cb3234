"""Relative entropy of weights: probabilities or counts, normalised exactly or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, total
from .._arrays.protocols import Block, Measure
from .elementwise import KL_DIV
from .entries import Rate
from .expectation import in_base
from .kl_term import kl_div
from .sides import Weights
from .weight_shares import SumFold, WeightShares

_SIDE = Weights()
_SHARES = WeightShares()
_INF = float("inf")


class TermsFold(SumFold):
    """sum of the divergence's terms, p and q on p's scale."""

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Pair:
        entry = _SHARES.entry(block, _SHARES.numbers(stats, xp=xp), xp=xp)
        return total(entry.kl(), xp=xp)


@dataclass(frozen=True)
class KLFromWeights(Measure):
    """Relative entropy of normalised weights."""

    base: float | None
    fills = (0.0, 0.0)
    empty = (0.0,)

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (*_SHARES.passes(xp=xp), TermsFold())

    def finish(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        value = _SHARES.mean(stats[-1], stats, xp=xp)
        possible = _SHARES.possible(stats, xp=xp)
        return (in_base(xp.where(possible, value, float("nan")), self.base, xp=xp),)

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        return *_SHARES.numbers(stats, xp=xp), _SHARES.mean(stats[-1], stats, xp=xp)

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """(log(p/q') - KL)/sum(p) and (1 - p/q')/sum(q), from the exact difference."""
        *shares, value = numbers
        entry = _SHARES.entry(block, shares, xp=xp)
        by_p = by_q = None
        if need[0]:
            rate = xp.where(entry.only_x, _INF, entry.log_ratio - value)
            by_p = in_base(
                _SHARES.by_p(block, shares, Rate(rate, rate), xp=xp), self.base, xp=xp
            )
        if need[1]:
            rate = xp.where(entry.live | entry.only_x | entry.only_y, -entry.excess, 1.0)
            by_q = in_base(
                _SHARES.by_q(block, shares, Rate(rate, rate), xp=xp), self.base, xp=xp
            )
        return by_p, by_q


class GeneralisedFold(SumFold):
    """sum(kl_div(p, q)), and nan where a weight is none."""

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Pair:
        p, q = block
        terms = kl_div(p, q, xp=xp)
        invalid = _SIDE.invalid(p) | _SIDE.invalid(q)
        return total(xp.where(invalid, float("nan"), terms), xp=xp)


@dataclass(frozen=True)
class GeneralisedKL(Measure):
    """sum(p*log(p/q) - p + q) of weights that are not normalised."""

    base: float | None
    fills = (0.0, 0.0)
    empty = (0.0,)

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (GeneralisedFold(),)

    def finish(self, stats: tuple[Pair], *, xp: Namespace) -> tuple[Array, ...]:
        return (in_base(stats[0].value, self.base, xp=xp),)

    def numbers(self, stats: tuple[Pair], *, xp: Namespace) -> tuple[Array, ...]:
        return ()

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """log(p/q) and 1 - p/q, the terms' own."""
        return tuple(
            in_base(slope(*block, xp=xp), self.base, xp=xp) if needed else None
            for slope, needed in zip(KL_DIV.slopes, need, strict=True)
        )
