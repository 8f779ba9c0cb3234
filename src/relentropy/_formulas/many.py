"""The Jensen-Shannon divergence of several distributions.

All are seen from the first, whose difference to each other one is known with all its digits;
so is then the difference of each to the mixture, to the digits of the largest of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .._arrays.array import ZERO, Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Pair, add_sums, total
from .._arrays.protocols import Block, Fold, Measure
from .entries import Entry, Rate
from .expectation import in_base
from .f_divergence import Source, source_of
from .generators import log_ratio_of
from .kl_term import kl_term

_INF, _NAN = float("inf"), float("nan")


@dataclass(frozen=True)
class PairedFold:
    """The same pass over the first operand and each of the others."""

    fold: Fold

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> tuple[Any, ...]:
        first, *others = block
        return tuple(
            self.fold.step((first, other), tuple(stat[k] for stat in stats), xp=xp)
            for k, other in enumerate(others)
        )

    def merge(self, one: Any, other: Any, *, xp: Namespace) -> tuple[Any, ...]:
        return tuple(self.fold.merge(a, b, xp=xp) for a, b in zip(one, other, strict=True))


class Sums(NamedTuple):
    value: Pair
    means: tuple[Array, ...]
    """sum(p*log(p/m)) of each distribution; 0 where nobody asks for derivatives."""


class Mixture(NamedTuple):
    """Masses of all distributions at one place, of their mixture, and the differences."""

    masses: list[Array]
    middle: Array
    gaps: list[Array]
    """Of each distribution and the mixture."""


@dataclass(frozen=True)
class ManyJensenShannon(Measure):
    """sum(w_k*KL(p_k, m)) with m = sum(w_k*p_k)."""

    weights: tuple[float, ...]
    from_logits: bool
    base: float | None
    means: bool = False
    empty = (0.0,)

    @property
    def source(self) -> Source:
        return source_of((self.from_logits,) * 2, True)

    @property
    def fills(self) -> tuple[float | None, ...]:
        return (self.source.fills[0],) * len(self.weights)

    @property
    def differentiated(self) -> ManyJensenShannon:
        return replace(self, means=True)

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]:
        paired = (PairedFold(one) for one in self.source.passes(xp=xp))
        return (*paired, _TermsFold(self))

    def entries(self, block: Block, stats: Any, *, xp: Namespace) -> list[Entry]:
        first, *others = block
        return [
            self.source.entry((first, other), numbers, xp=xp)
            for other, numbers in zip(others, stats, strict=True)
        ]

    def mixture(self, entries: list[Entry]) -> Mixture:
        first, *rest = self.weights
        pairs = list(zip(rest, entries, strict=True))
        middle, gap = first * entries[0].x, ZERO
        for weight, entry in pairs:
            middle = middle + weight * entry.y
            gap = gap + weight * entry.gap
        masses = [entries[0].x, *(entry.y for entry in entries)]
        return Mixture(masses, middle, [gap, *(gap - entry.gap for entry in entries)])

    def numbers_of_pairs(self, stats: Any, *, xp: Namespace) -> list[tuple[Array, ...]]:
        count = len(self.source.passes(xp=xp))
        return [
            self.source.numbers(tuple(stat[k] for stat in stats[:count]), xp=xp)
            for k in range(len(self.weights) - 1)
        ]

    def finish(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        value = in_base(self._mean(stats[-1].value, stats, xp=xp), self.base, xp=xp)
        for k in range(len(self.weights) - 1):
            possible = self.source.possible(tuple(stat[k] for stat in stats[:-1]), xp=xp)
            value = xp.where(possible, value, _NAN)
        return (value,)

    def _mean(self, terms: Pair, stats: tuple[Any, ...], *, xp: Namespace) -> Array:
        return self.source.mean(terms, tuple(stat[0] for stat in stats[:-1]), xp=xp)

    def numbers(self, stats: tuple[Any, ...], *, xp: Namespace) -> tuple[Array, ...]:
        flat = [word for one in self.numbers_of_pairs(stats, xp=xp) for word in one]
        means = (self._mean(Pair(one), stats, xp=xp) for one in stats[-1].means)
        return *flat, *means

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """By the shares of the k-th w_k*(log(p_k/m) - KL(p_k, m))."""
        others, count = len(self.weights) - 1, self.source.count
        pairs = [numbers[k * count : (k + 1) * count] for k in range(others)]
        means = numbers[others * count :]
        entries = self.entries(block, pairs, xp=xp)
        mixture = self.mixture(entries)
        first = log_ratio_of(mixture.masses[0], mixture.middle, mixture.gaps[0], xp=xp)
        found: list[Array | None] = []
        for k, weight in enumerate(self.weights):
            if not need[k]:
                found.append(None)
                continue
            at = max(k - 1, 0)
            slope = first
            if k:  # also where a mass is too small to be seen beside the others
                slope = log_ratio_of(mixture.masses[k], mixture.middle, mixture.gaps[k], xp=xp)
                hidden = entries[at].live & (slope == -_INF)
                slope = xp.where(hidden, first - entries[at].live_log_ratio, slope)
            lost = entries[at].live & (slope == -_INF)
            slope = xp.where(lost, -xp.limits.headroom, slope)  # times no mass at all
            rate = weight * (slope - means[k])
            two = (block[0], block[at + 1])
            back = self.source.by_q if k else self.source.by_p
            one = entries[at].swapped if k else entries[at]
            both = Rate(rate, one.x_times(rate))
            found.append(in_base(back(two, pairs[at], both, xp=xp), self.base, xp=xp))
        return tuple(found)


@dataclass(frozen=True)
class _TermsFold:
    measure: ManyJensenShannon

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Sums:
        pairs = self.measure.numbers_of_pairs(stats, xp=xp)
        mixture = self.measure.mixture(self.measure.entries(block, pairs, xp=xp))
        term, means = ZERO, []
        rows = zip(self.measure.weights, mixture.masses, mixture.gaps, strict=True)
        for weight, mass, gap in rows:
            own = kl_term(mass, Pair(mixture.middle), Pair(gap), xp=xp)
            term = term + weight * own
            if self.measure.means:
                slope = log_ratio_of(mass, mixture.middle, gap, xp=xp)
                means.append(total(xp.where(mass > 0, mass * slope, 0.0), xp=xp).value)
        return Sums(total(term, xp=xp), tuple(means))

    def merge(self, one: Sums, other: Sums, *, xp: Namespace) -> Sums:
        means = tuple(a + b for a, b in zip(one.means, other.means, strict=True))
        return Sums(add_sums(one.value, other.value, xp=xp), means)
