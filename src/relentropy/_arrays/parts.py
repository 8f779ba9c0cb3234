"""The state of a part of some rows, on its own: what is kept, sent, gathered and merged.

A fold's state is a structure of arrays of shape (1, rows): tuples with names or without, and
pairs. `words` takes it apart, and `rebuilt` puts other arrays in the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import dtypes
from .library import gather, quiet
from .namespace import Namespace, namespace
from .pairs import Pair
from .protocols import Fold, State

Array = Any


def words(state: State, path: str = "") -> Iterator[tuple[str, Array]]:
    """Every array of a state with its name, in the state's own order."""
    if isinstance(state, Pair):
        yield f"{path}.high".lstrip("."), state.hi
        yield f"{path}.low".lstrip("."), state.lo
    elif isinstance(state, tuple):
        names = getattr(state, "_fields", range(len(state)))
        for name, one in zip(names, state, strict=True):
            yield from words(one, f"{path}.{name}".lstrip("."))
    else:
        yield path, state


def rebuilt(state: State, arrays: Iterable[Array]) -> State:
    """A state of the same structure, of other arrays."""
    left = iter(arrays)

    def of(one: Any) -> Any:
        if isinstance(one, Pair):
            return Pair(next(left), next(left))
        if isinstance(one, tuple):
            inside = [of(each) for each in one]
            return type(one)(*inside) if hasattr(one, "_fields") else tuple(inside)
        return next(left)

    return of(state)


def mapped(fn: Callable[..., Array], *states: State) -> State:
    """``fn`` of the arrays that states have in the same place."""
    columns = zip(*([array for _, array in words(one)] for one in states), strict=True)
    return rebuilt(states[0], [fn(*arrays) for arrays in columns])


def complete(state: State, *, xp: Namespace) -> State:
    """The state with zeros for low words that are missing.

    Whether they are there depends on how a part came about, and parts are to have one form.
    """
    if isinstance(state, Pair):
        return Pair(state.hi, xp.zeros_like(state.hi) if state.lo is None else state.lo)
    if isinstance(state, tuple):
        inside = [complete(one, xp=xp) for one in state]
        return type(state)(*inside) if hasattr(state, "_fields") else tuple(inside)
    return state


@dataclass(frozen=True)
class Part:
    """What one pass found in a part of the rows."""

    state: State
    """Without missing low words."""
    chosen: Array
    """Whether anything of a row is selected, (1, rows)."""
    batch: tuple[int, ...]
    """The rows' shape."""
    exact: bool
    """Of the namespace: whether the data were as wide as what they are worked in."""

    @property
    def xp(self) -> Namespace:
        """What its arrays are worked with."""
        floats = ((dtypes.name_of(one.dtype), one) for _, one in words(self.state))
        name, first = next((name, one) for name, one in floats if name in dtypes.FLOATS)
        found = gather({"state": first})
        return namespace(found.library, found.raw, name, self.exact)

    def merge(self, other: Part, fold: Fold, *, xp: Namespace | None = None) -> Part:
        """The state of both parts together."""
        xp = xp or self.xp
        with quiet(xp.library):
            state = complete(fold.merge(self.state, other.state, xp=xp), xp=xp)
        return Part(state, self.chosen | other.chosen, self.batch, self.exact)

    def numbers(self) -> tuple[Array, ...]:
        """All its arrays."""
        return *(one for _, one in words(self.state)), self.chosen

    def of(self, numbers: Iterable[Array]) -> Part:
        """A part like this one of other arrays."""
        *state, chosen = numbers
        return Part(rebuilt(self.state, state), chosen, self.batch, self.exact)
