"""What formulas are to the drivers: folds, measures, elementwise functions and maps.

A block is a tuple of arrays, one for each operand, of shape (n, rows); numbers of a row have
the shape (1, rows). Derivatives are per unit of the cotangent: whoever calls multiplies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .array import Array
from .namespace import Namespace

State = Any
Block = tuple[Array, ...]


class Fold(Protocol):
    """One pass over the data: a state for every block, and states that merge."""

    def step(self, block: Block, stats: tuple[State, ...], *, xp: Namespace) -> State:
        """The state of one block, given the results of the passes before."""

    def merge(self, one: State, other: State, *, xp: Namespace) -> State:
        """The state of two blocks together; any order."""


class Reduction(Protocol):
    """Passes over the data, and what they end in."""

    @property
    def fills(self) -> tuple[float | None, ...]:
        """For each operand, what an entry becomes that ``where`` excludes.

        None for a parameter, which is the same for all entries of a row, and kept.
        """

    @property
    def empty(self) -> tuple[float, ...]:
        """The outputs for a row of which nothing is selected."""

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]: ...

    def finish(self, stats: tuple[State, ...], *, xp: Namespace) -> tuple[Array, ...]:
        """The result, and further outputs if there are any, each (1, rows)."""


class Measure(Reduction, Protocol):
    """A reduction whose first outputs have derivatives (the others are constants by it)."""

    @property
    def varying(self) -> int:
        """How many outputs have derivatives: one by `grad`, or several by `slopes`."""
        return 1

    @property
    def differentiated(self) -> Measure:
        """The same measure, with the sums that its derivative needs."""
        return self

    @property
    def takes_pairs(self) -> bool:
        """Whether logits may be pairs."""
        return False

    def numbers(self, stats: tuple[State, ...], *, xp: Namespace) -> tuple[Array, ...]:
        """What `grad` needs of a row, each (1, rows) and in working precision."""

    def grad(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[Array | None, ...]:
        """The result's derivative by every entry of each operand that needs one.

        Where the result is nan, whatever it gives becomes nan.
        """
        if type(self).slopes is Measure.slopes:
            raise NotImplementedError(f"{type(self).__name__} defines neither grad nor slopes")
        return self.slopes(block, numbers, need, xp=xp)[0]

    def slopes(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[tuple[Array | None, ...], ...]:
        """The same for every output that varies."""
        return (self.grad(block, numbers, need, xp=xp),)


class EntryFunction(Protocol):
    """A function of entries, and its derivative by each operand.

    One whose derivatives share most of their parts may have ``together(*operands, xp=xp)``,
    which gives all of them and is called instead.
    """

    @property
    def value(self) -> Callable[..., Array]:
        """``value(*operands, xp=xp)``."""

    @property
    def slopes(self) -> tuple[Callable[..., Array], ...]:
        """``slopes[i](*operands, xp=xp)``; those that nobody needs are not called."""

    @property
    def fills(self) -> tuple[float, ...]:
        """For each operand, what an entry becomes that ``where`` excludes.

        Empty where the function takes no mask.
        """
        return ()


@dataclass(frozen=True)
class Elementwise:
    """An `EntryFunction` of functions."""

    value: Callable[..., Array]
    slopes: tuple[Callable[..., Array], ...]
    fills: tuple[float, ...] = ()


def flat(first: Array, /, *others: Array, xp: Namespace) -> Array:
    """The slope by an operand that nothing moves with."""
    return xp.zeros_like(first)


class Slopes(NamedTuple):
    """How a map's entry i moves with one operand's entries t.

    By ``outer_i*t_i - inner_i*mean``, where mean is ``sum_j(weight_j*t_j)`` over the row.
    """

    outer: Array
    inner: Array
    weight: Array


class Map(Protocol):
    """Softmax and what is like it: entries that depend on their row through few numbers."""

    @property
    def numbers(self) -> Reduction:
        """A reduction that ends in the row's numbers."""

    def entry(self, block: Block, numbers: tuple[Array, ...], *, xp: Namespace) -> Array: ...

    def slopes(
        self,
        block: Block,
        numbers: tuple[Array, ...],
        need: tuple[bool, ...],
        *,
        xp: Namespace,
    ) -> tuple[Slopes | None, ...]:
        """For each operand that needs a derivative."""
