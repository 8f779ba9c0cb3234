"""What all states have in common: blocks come in, parts merge, and dictionaries go out."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from .. import _arguments
from .._arrays import dtypes
from .._arrays.library import is_dask, on_host
from .._arrays.parts import Part
from .._arrays.protocols import Measure
from .._call import lazy_part, outputs, part
from ._dictionaries import (
    FORMAT,
    VERSION,
    kind_of,
    member,
    number,
    part_from_dict,
    part_to_dict,
    sizes,
    written,
)

Array = Any
Self = TypeVar("Self", bound="State")


class Found(NamedTuple):
    """What blocks have left behind."""

    parts: tuple[tuple[int, Part], ...]
    """Each of ``2**level`` blocks, with its level; the highest first, and no level twice."""
    result: str
    """The dtype of results."""

    @property
    def first(self) -> Part:
        return self.parts[0][1]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class State(ABC):
    """State of a measure, for rows of which only parts have been read.

    The base of `KLState`, `EntropyState`, `CrossEntropyState` and `LogSumExpState`. States are
    immutable: adding to a state returns a new one.

    Notes
    -----
    A state holds a handful of numbers for each row, of the library and on the device of the
    blocks, and up to ``log2(blocks)`` such sets: parts merge with parts of as many blocks, so
    that no rounding error is carried through all blocks, whatever their order. States have no
    derivatives; tensors are detached. Blocks of dask are computed, chunk by chunk and without
    bringing rows together.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.streaming import EntropyState, State
    >>> state = EntropyState().update(np.array([0.1, 0.2])).update(np.array([0.7]))
    >>> isinstance(state, State), round(float(state.finish()), 6)
    (True, 0.801819)
    """

    axis: int | tuple[int, ...] | None = -1
    dtype: Any = None
    _found: Found | None = field(default=None, init=False, repr=False)

    kind: ClassVar[str] = ""
    """What dictionaries call it."""
    _operands: ClassVar[tuple[str, ...]] = ()
    """The names of what a block consists of."""
    _stretches: ClassVar[bool] = False
    """Whether they may have size one along the axis."""

    def __post_init__(self) -> None:
        dtype = None if self.dtype is None else dtypes.requested(self.dtype)
        self._settle(axis=_arguments.axes(self.axis), dtype=dtype)

    @property
    @abstractmethod
    def _measure(self) -> Measure:
        """The state's measure, of one pass."""

    @property
    def rows(self) -> tuple[int, ...] | None:
        """Shape of the rows; None before the first block."""
        return None if self._found is None else self._found.first.batch

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return 0 if self._found is None else sum(2**level for level, _ in self._found.parts)

    def merge(self: Self, other: Self) -> Self:
        """Return the state of both states' data; also ``self + other``.

        Parameters
        ----------
        other : State
            A state of the same kind and options, of other parts of the same rows.

        Returns
        -------
        State
            A new state, with the blocks of both.

        Raises
        ------
        TypeError
            If the other state's kind, library or dtype differs.
        ValueError
            If its options or its rows differ.
        """
        self._require_like(other)
        if other._found is None:
            return self
        if self._found is None:
            return other
        require_same(self._found, other._found, "other")
        return self._with((*self._found.parts, *other._found.parts), self._found.result)

    def __add__(self: Self, other: Self) -> Self:
        return self.merge(other)

    def __radd__(self: Self, other: Any) -> Self:
        # What `sum` starts with.
        return self if type(other) is int and other == 0 else NotImplemented

    def finish(self) -> Any:
        """Return the value of all data so far, one for each row; blocks may follow.

        Returns
        -------
        array
            Values of the shape ``rows``, of the blocks' library and device.

        Raises
        ------
        ValueError
            If there is no block yet, and so there are no rows.
        """
        return self._outputs()[0]

    def to_dict(self) -> dict[str, Any]:
        """Return a plain dictionary of the state, which JSON preserves bit for bit.

        Returns
        -------
        dict
            Strings, integers, bools, lists and None. Numbers are written by `float.hex`: exact
            and the same in every language, while JSON has no infinity and no nan. The format is
            numbered by ``version``, and later releases read earlier versions.
        """
        options = {
            name: list(one) if isinstance(one, tuple) else written(one)
            for name, one in self.options().items()
        }
        found = self._found
        data = None
        if found is not None:
            data = {
                "result": found.result,
                "rows": list(found.first.batch),
                "parts": [
                    {"blocks": 2**level, **part_to_dict(one)} for level, one in found.parts
                ],
            }
        return {
            "format": FORMAT, "version": VERSION, "kind": self.kind, "options": options,
            "data": data,
        }  # fmt: skip

    @classmethod
    def from_dict(cls: type[Self], data: dict[str, Any], like: Any = None) -> Self:
        """Return the state of a dictionary that `to_dict` wrote.

        Parameters
        ----------
        data : dict
            The result of `to_dict`, before or after JSON.
        like : array, optional
            An array of the state's library and on its device; by default numpy's.

        Returns
        -------
        State
            A state equal to the one that was written. `State.from_dict` reads all kinds.

        Raises
        ------
        TypeError
            If the library, or the device, lacks the dtype in which the state is computed.
        ValueError
            If the dictionary is invalid, of a later version, or of another kind.
        """
        kind = kind_of(data)
        known = {one.kind: one for one in (cls, *cls.__subclasses__()) if one.kind}
        if kind not in known:
            wanted = " or ".join(map(repr, known))
            raise ValueError(f"a dictionary of kind {wanted} is wanted, not {kind!r}")
        options: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one
            for name, one in member(data, "options", dict).items()
        }
        wanted_options = {one.name for one in fields(known[kind]) if one.init}
        if set(options) != wanted_options:
            raise ValueError(
                f"options must be {sorted(wanted_options)}, not {sorted(map(str, options))}"
            )
        if options.get("base") is not None:
            options["base"] = number(options["base"], "base")
        state = known[kind](**options)
        if "data" not in data:
            raise ValueError("data has no 'data': it is not what to_dict gave")
        return state if data["data"] is None else state._of_parts(data["data"], like)

    def _of_parts(self: Self, data: Any, like: Any) -> Self:
        """With what `to_dict` has written of the blocks."""
        result, batch = member(data, "result", str), sizes(data, "rows")
        possible = dtypes.FLOATS if self.dtype is None else (self.dtype,)
        if result not in possible:
            raise ValueError(f"result must be {' or '.join(possible)}, not {result!r}")
        form = self._form()
        found: list[tuple[int, Part]] = []
        for one in member(data, "parts", list):
            blocks = member(one, "blocks", int)
            level = blocks.bit_length() - 1
            if blocks != 1 << max(level, 0) or any(level == other for other, _ in found):
                raise ValueError("blocks must be different powers of two")
            found.append((level, part_from_dict(one, form, batch, like)))
        if not found:
            raise ValueError("parts must not be empty")
        found.sort(key=lambda pair: -pair[0])
        return self._holding(Found(tuple(found), result))

    def __eq__(self, other: object) -> bool:
        """Return whether kind, options and every number are equal, bit for bit."""
        if type(other) is not type(self) or self.options() != other.options():
            return False
        one, two = self._found, other._found
        if one is None or two is None:
            return one is two
        if (one.result, [level for level, _ in one.parts]) != (
            two.result, [level for level, _ in two.parts],
        ):  # fmt: skip
            return False
        return all(
            a.batch == b.batch and a.exact == b.exact and _same(a, b)
            for (_, a), (_, b) in zip(one.parts, two.parts, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        default = type(self)().options()
        said = [
            f"{name}={one!r}" for name, one in self.options().items() if one != default[name]
        ]
        if self._found is not None:
            said += [f"rows={self.rows}", f"blocks={self.blocks}"]
        return f"<{type(self).__name__} {' '.join(said)}".rstrip() + ">"

    def __dask_tokenize__(self) -> Any:
        return self.to_dict()

    def options(self) -> dict[str, Any]:
        """Return the options of the state, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init}

    def _updated(self: Self, blocks: tuple[Any, ...], where: Any) -> Self:
        operands = dict(zip(self._operands, blocks, strict=True))
        options = {"axis": self.axis, "where": where, "dtype": self.dtype}
        if any(map(is_dask, blocks)):
            delayed, result = lazy_part(
                self._measure, operands, stretch=self._stretches, **options
            )
            return self._and(delayed.compute(), result)
        return self._and(*part(self._measure, operands, stretch=self._stretches, **options))

    def _and(self: Self, found: Part, result: str) -> Self:
        """With one more part, of one block."""
        new = Found(((0, found),), result)
        if self._found is None:
            return self._with(new.parts, result)
        require_same(self._found, new, "the block")
        return self._with((*self._found.parts, *new.parts), result)

    def _with(self: Self, parts: tuple[tuple[int, Part], ...], result: str) -> Self:
        """A state of these parts, of which those of one level merge."""
        slots: dict[int, Part] = {}
        for level, one in parts:
            while level in slots:
                one = self._merged(slots.pop(level), one)
                level += 1
            slots[level] = one
        return self._holding(Found(tuple(sorted(slots.items(), reverse=True)), result))

    def _holding(self: Self, found: Found) -> Self:
        state = replace(self)
        object.__setattr__(state, "_found", found)
        return state

    def _form(self) -> Part:
        """A part of no rows, which says what arrays there are."""
        operands = {name: np.empty((0, 0)) for name in self._operands}
        return part(self._measure, operands, axis=0)[0]

    def _merged(self, one: Part, other: Part) -> Part:
        exact = one.exact or other.exact
        one, other = replace(one, exact=exact), replace(other, exact=exact)
        xp = one.xp
        (fold,) = self._measure.passes(xp=xp)
        return one.merge(other, fold, xp=xp)

    def _outputs(self) -> tuple[Array, ...]:
        if self._found is None:
            raise ValueError("no block has been given, and so there are no rows to finish")
        parts = (one for _, one in self._found.parts[::-1])
        whole = functools.reduce(self._merged, parts)
        found = outputs(self._measure, (whole,), self._found.result)
        numpys = whole.xp.library == "numpy"
        return tuple(one[()] if numpys and one.ndim == 0 else one for one in found)

    def _settle(self, **options: Any) -> None:
        """Options in the form in which they are compared."""
        for name, one in options.items():
            object.__setattr__(self, name, one)

    def _require_like(self, other: Any) -> None:
        if type(other) is not type(self):
            raise TypeError(
                f"other must be a {type(self).__name__}, not {type(other).__name__}"
            )
        theirs = other.options()
        for name, own in self.options().items():
            if theirs[name] != own:
                raise ValueError(
                    f"states of {name}={own!r} and {name}={theirs[name]!r} do not merge"
                )


def require_same(found: Found, new: Found, name: str) -> None:
    """Rows, library and dtype as they were."""
    one, other = found.first, new.first
    if one.xp.library != other.xp.library:
        raise TypeError(
            f"{name} is of {other.xp.library}, and the state of {one.xp.library}; convert one "
            "of them (State.from_dict(state.to_dict(), like=array) converts a state)"
        )
    if found.result != new.result:
        raise TypeError(
            f"{name} has results of {new.result}, and the state of {found.result}; convert, or "
            "say dtype= when the state is made"
        )
    if one.xp.dtype != other.xp.dtype:
        raise TypeError(
            f"{name} is worked in {other.xp.dtype}, and the state in {one.xp.dtype}"
        )
    if one.batch != other.batch:
        raise ValueError(f"{name} has rows of shape {other.batch}, and the state {one.batch}")


def _same(one: Part, other: Part) -> bool:
    """Whether all numbers are; nan is as good as nan."""
    pairs = zip(one.numbers(), other.numbers(), strict=True)
    return all(
        np.array_equal(a, b, equal_nan=a.dtype != bool)
        for a, b in ((on_host(x), on_host(y)) for x, y in pairs)
    )
