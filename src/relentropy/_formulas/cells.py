"""The entries of a joint table as masses, of weights or of logits, and their sums.

An entry is two operands: a weight and the power of two that scales its table, or a logit and
the table's largest. Tables of any scale have the same information, so that the second is a
constant by derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import Words, add_words, exp, total_in_words
from .._arrays.protocols import Block, Measure
from .expectation import finite_or_zero
from .kl_term import product_scale
from .logsumexp import relative
from .sides import side
from .times import times


class Entries(Protocol):
    @property
    def fills(self) -> tuple[float, float]:
        """An entry without mass."""

    def mass(self, block: Block, *, xp: Namespace) -> Array:
        """The masses of a block's entries, all on one scale."""

    def invalid(self, block: Block) -> Array:
        """Entries that no table has."""

    def by_entry(self, rate: Array, block: Block, *, xp: Namespace) -> Array:
        """The derivative by an entry, where that by its mass is ``rate``."""


@dataclass(frozen=True)
class Weights:
    fills = (0.0, 1.0)

    def mass(self, block: Block, *, xp: Namespace) -> Array:
        return block[0] * block[1]

    def invalid(self, block: Block) -> Array:
        return side(False).invalid(block[0])

    def by_entry(self, rate: Array, block: Block, *, xp: Namespace) -> Array:
        return rate * block[1]


@dataclass(frozen=True)
class Logits:
    fills = (-float("inf"), 0.0)

    def mass(self, block: Block, *, xp: Namespace) -> Array:
        return exp(relative(block[0], block[1], xp=xp), xp=xp)

    def invalid(self, block: Block) -> Array:
        return side(True).invalid(block[0])

    def by_entry(self, rate: Array, block: Block, *, xp: Namespace) -> Array:
        return times(self.mass(block, xp=xp), rate, xp=xp)


def only_first(by: Array, need: tuple[bool, ...], *, xp: Namespace) -> tuple[Array | None, ...]:
    """A gradient by the first operand; the result does not change with the others."""
    first, *rest = need
    return by if first else None, *(xp.zeros_like(by) if needed else None for needed in rest)


@dataclass(frozen=True)
class Unit(Measure):
    """What the entries of a table are measured by: the second output, a constant."""

    is_log: bool
    empty = (1.0, 1.0)

    @property
    def fills(self) -> tuple[float]:
        return (side(self.is_log).absent,)

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (LargestFold(),)

    def finish(self, stats: tuple[Array], *, xp: Namespace) -> tuple[Array, ...]:
        (largest,) = stats
        scale = finite_or_zero if self.is_log else product_scale
        return largest, scale(largest, xp=xp)

    def numbers(self, stats: tuple[Array], *, xp: Namespace) -> tuple[Array, ...]:
        return ()

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        return only_first(xp.zeros_like(block[0]), need, xp=xp)


class LargestFold:
    """The largest entry."""

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Array:
        return xp.max(block[0])

    def merge(self, one: Array, other: Array, *, xp: Namespace) -> Array:
        return xp.maximum(one, other)


@dataclass(frozen=True)
class Marginal(Measure):
    """The sum of entries, and what rounding lost of it in two more words.

    nan where one of them is no entry.
    """

    entries: Entries
    empty = (0.0, 0.0, 0.0)

    @property
    def fills(self) -> tuple[float, float]:
        return self.entries.fills

    def passes(self, *, xp: Namespace) -> tuple[Any, ...]:
        return (_MarginalFold(self.entries),)

    def finish(self, stats: tuple[Words], *, xp: Namespace) -> tuple[Array, ...]:
        (words,) = stats
        finite = xp.isfinite(words[0])  # the others have no limit to tend to
        return words[0], *(xp.where(finite, word, 0.0) for word in words[1:])

    def numbers(self, stats: tuple[Words], *, xp: Namespace) -> tuple[Array, ...]:
        return ()

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        by = self.entries.by_entry(xp.ones_like(block[0]), block, xp=xp)
        return only_first(by, need, xp=xp)


@dataclass(frozen=True)
class _MarginalFold:
    entries: Entries

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> Words:
        mass = self.entries.mass(block, xp=xp)
        mass = xp.where(self.entries.invalid(block), float("nan"), mass)
        return total_in_words((mass, xp.zeros_like(mass), xp.zeros_like(mass)), xp=xp)

    def merge(self, one: Words, other: Words, *, xp: Namespace) -> Words:
        return add_words(one, other)
