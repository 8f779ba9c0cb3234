"""The arrays that a state is made of, in a fixed order, whatever they are nested in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .array import Array
from .namespace import Namespace
from .pairs import Pair
from .protocols import State


def words_of(state: State) -> tuple[Any, ...]:
    """All arrays of a state; a low word that is not there is left out."""
    return tuple(_words(state))


def _words(state: State) -> Iterator[Array]:
    if isinstance(state, Pair):
        state = (state.hi, state.lo)
    if isinstance(state, tuple):
        for part in state:
            yield from _words(part)
    elif state is not None:
        yield state


def names_of(state: State, path: str = "") -> Iterator[str]:
    """What the arrays of a complete state are called, in the same order."""
    if isinstance(state, Pair):
        yield from (f"{path}.high".lstrip("."), f"{path}.low".lstrip("."))
    elif isinstance(state, tuple):
        names = getattr(state, "_fields", range(len(state)))
        for name, part in zip(names, state, strict=True):
            yield from names_of(part, f"{path}.{name}".lstrip("."))
    else:
        yield path


def complete(state: State, *, xp: Namespace) -> State:
    """The state with zeros for low words that are not there.

    Whether they are depends on how a state came about, and parts are to have one form.
    """
    if isinstance(state, Pair):
        return Pair(state.hi, xp.zeros_like(state.hi) if state.lo is None else state.lo)
    if isinstance(state, tuple):
        parts = [complete(part, xp=xp) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state


def with_words(state: State, words: tuple[Array, ...]) -> State:
    """The same state of other arrays."""
    return _rebuilt(state, iter(words))


def _rebuilt(state: State, words: Iterator[Array]) -> State:
    if isinstance(state, Pair):
        return Pair(next(words), None if state.lo is None else next(words))
    if isinstance(state, tuple):
        parts = [_rebuilt(part, words) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return None if state is None else next(words)
