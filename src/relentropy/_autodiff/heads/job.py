"""A measure of language-model heads: rows of logits that never exist all at once.

A head's logits are ``hidden @ weight.T + bias``. They are made in tiles of some rows and some
of the vocabulary, and each tile goes into the state of its rows, which merges. Derivatives make
the same tiles again, by the same products, and need the rows' numbers alone.

Measures of several passes would need the products as often: theirs are made once, of few rows
and the whole vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..._arrays import dtypes
from ..._arrays.axes import Layout
from ..._arrays.drivers import merged
from ..._arrays.namespace import Namespace
from ..._arrays.parts import Part
from ..._arrays.protocols import Measure
from ..._formulas.logsumexp import LogSoftmax, log_softmax_entry
from ..jobs import Job, MapJob, RowJob
from ..states import state_of
from .products import NO_ROOM, Room, product

Array = Any
Arrays = tuple[Array, ...]
_STEP = 256  # of columns: tiles of whole lines of the cache, and of whole vectors
_LEAST = 16  # rows and columns of a tile: with fewer of them nothing but calls is done


class Side(NamedTuple):
    """One distribution of every row."""

    head: bool
    """A hidden state for every row and a weight for every column; else the entries."""
    bias: bool = False
    """Whether a bias follows the weight."""
    moves: bool = True
    """Whether derivatives are wanted by any of its arrays."""
    log: bool = True
    """Whether the entries are logits, which a temperature divides, or weights."""

    @property
    def arrays(self) -> int:
        return 2 + self.bias if self.head else 1


class Opened(NamedTuple):
    """A call's arrays, sorted."""

    sides: tuple[Arrays, ...]
    tokens: Array | None
    mask: Array | None


@dataclass(frozen=True)
class HeadJob:
    """A call without its arrays.

    Those are of the sides, hidden states and entries of shape (rows, ...), then the tokens of
    shape (rows, count) if there are any, and the mask of shape (rows,) if there is one.
    """

    measure: Measure
    sides: tuple[Side, ...]
    rows: int
    vocabulary: int
    """How many columns there are; weights and entries may have more, which are padding."""
    tokens: bool
    several: bool
    """Whether the log-probabilities of several tokens of every row are wanted, for which the
    measure is `LogSumExp`."""
    masked: bool
    temperature: float
    memory: int
    """What tiles may take, in bytes."""
    widened: int
    """The bytes of a row of all weights that are widened for their products."""
    dtype: Any
    xp: Namespace

    # --- arrays --------------------------------------------------------------------------

    def opened(self, arrays: Arrays) -> Opened:
        sides, at = [], 0
        for side in self.sides:
            sides.append(arrays[at : at + side.arrays])
            at += side.arrays
        tokens = arrays[at] if self.tokens else None
        return Opened(tuple(sides), tokens, arrays[at + self.tokens] if self.masked else None)

    @property
    def moving(self) -> tuple[bool, ...]:
        """Which arrays there may be derivatives by."""
        return tuple(side.moves for side in self.sides for _ in range(side.arrays)) + (
            False,
        ) * (self.tokens + self.masked)

    def cut(self, arrays: Arrays, rows: Any) -> Arrays:
        """The arrays of some rows; weights and biases are those of all."""
        opened = self.opened(arrays)
        parts: list[Array] = []
        for own in opened.sides:
            parts += [own[0][rows, ...], *own[1:]]
        return (*parts, *(one[rows, ...] for one in opened[1:] if one is not None))

    @property
    def skips(self) -> bool:
        """Whether rows that the mask excludes can be left out at little cost."""
        return self.masked and all(side.head for side in self.sides)

    def unmasked(self, rows: int) -> HeadJob:
        """The same of so many rows, all of which are selected."""
        return replace(self, rows=rows, masked=False)

    def known(self, arrays: Arrays) -> Arrays:
        """The arrays with hidden states of 0 where the mask excludes: 0*nan has no place."""
        found, at = list(arrays), 0
        for side in self.sides:
            for mask in self.masks(arrays) if side.head else ():
                found[at] = self.xp.where(mask, arrays[at], 0.0)
            at += side.arrays
        return tuple(found)

    def of_rows(self, count: int) -> HeadJob:
        """The same of so many rows."""
        return replace(self, rows=count)

    # --- tiles ---------------------------------------------------------------------------

    @property
    def _entry_bytes(self) -> tuple[int, int]:
        """What an entry takes in logits, and in their derivatives."""
        size = 8 if self.xp.exact and dtypes.name_of(self.xp.dtype) == "float64" else 4
        made = sum(side.head for side in self.sides)
        divided = sum(map(self._divided, self.sides))
        moving = sum(side.moves for side in self.sides)
        return size * made + 8 * divided, (8 if divided else size) * (moving + self.several)

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of a tile; as square as it can be, for the products' sake."""
        each = max(1, sum(self._entry_bytes))
        rows = _even(self.rows, max(_LEAST, math.isqrt(self.memory // each)))
        # With a part of the weight goes one of its gradient.
        columns = max(_LEAST, self.memory // (each * rows + 2 * self.widened))
        columns = max(1, min(self.vocabulary, columns // _STEP * _STEP or columns))
        if columns == self.vocabulary:  # what is left goes to the rows
            left = self.memory - 2 * self.widened * columns
            rows = _even(self.rows, max(rows, left // (each * columns)))
        return rows, columns

    @property
    def whole_rows(self) -> int:
        """Rows of a tile that has the whole vocabulary."""
        made, moving = self._entry_bytes
        if self.xp.library == "jax":  # whose derivatives have whole rows too
            made += moving
        most = self.memory // max(1, made * self.vocabulary)
        return _even(self.rows, max(1, most))

    @property
    def columns(self) -> list[slice]:
        return _slices(self.vocabulary, self.tile[1])

    @property
    def blocks(self) -> list[slice]:
        return _slices(self.rows, self.tile[0])

    def logits(self, arrays: Arrays, columns: slice, room: Room) -> Arrays:
        """A tile of each side, of all rows that the arrays have."""
        return tuple(
            self._entries(side, own, columns, part)
            for side, own, part in zip(
                self.sides, self.opened(arrays).sides, room.parts(len(self.sides)), strict=True
            )
        )

    def _entries(self, side: Side, own: Arrays, columns: slice, room: Room) -> Array:
        if not side.head:
            found = own[0][:, columns]
            return self._over_temperature(found, side, own, ours=False)
        hidden, weight, *bias = own
        found = product(hidden, weight[columns, :], self.wide(own), room, xp=self.xp)
        more = [self.xp.cast(one[columns], found.dtype)[None, :] for one in bias]
        if not room.serves:
            found = found + more[0] if more else found
        else:
            for one in more:  # in place: no second tile
                found += one
        return self._over_temperature(found, side, own, ours=room.serves)

    def _over_temperature(self, logits: Array, side: Side, own: Arrays, *, ours: bool) -> Array:
        """The quotients, in place where the logits are ours.

        In working precision, unless all that changes is the exponent: logits of two sides that
        are close would be rounded by more than they differ.
        """
        if not self._divided(side):
            return logits
        exact = is_power_of_two(self.temperature)
        logits = self.xp.cast(logits, self.wide(own) if exact else self.xp.dtype)
        if not (ours and exact):
            return logits / self.temperature
        logits /= self.temperature
        return logits

    def _divided(self, side: Side) -> bool:
        return side.log and self.temperature != 1

    def wide(self, own: Arrays) -> Any:
        """What a side's logits are: float32 at least."""
        name = dtypes.at_least_float32(
            dtypes.promote([dtypes.name_of(one.dtype) for one in own], "float32")
        )
        return dtypes.dtype_object(self.xp.library, self.xp.raw, name)

    def parameters(self, arrays: Arrays, columns: slice) -> Arrays:
        """Each row's token and each column's place in a tile, if the measure asks for them."""
        tokens = self.opened(arrays).tokens
        if self.several or tokens is None:
            return ()
        raw = self.xp.raw
        count = columns.stop - columns.start
        device = getattr(tokens, "device", None) if self.xp.library != "jax" else None
        return tokens - columns.start, raw.arange(count, dtype=raw.int32, device=device)

    def masks(self, arrays: Arrays) -> Arrays:
        mask = self.opened(arrays).mask
        return () if mask is None else (mask[:, None],)

    def row_job(self, columns: slice) -> RowJob:
        """The measure of a tile as a job of its own."""
        layout = Layout((self.rows, columns.stop - columns.start), (1,))
        return RowJob(layout, self.dtype, self.xp, self.measure)

    # --- value ---------------------------------------------------------------------------

    def value(self, arrays: Arrays, *, keep: bool = False) -> Arrays:
        """The outputs, rounded; with ``keep`` followed by the numbers that slopes want."""
        xp = self.xp
        if 0 in (self.rows, self.vocabulary):
            return self._nothing(arrays)
        if self.skips and xp.library in {"numpy", "cupy"}:  # who have no derivatives
            return self._of_chosen(arrays)
        several_passes = len(self.measure.passes(xp=xp)) > 1
        rows = _slices(self.rows, self.whole_rows) if several_passes else self.blocks
        found, room = [], Room(xp)
        for part in rows:
            job, own = self.of_rows(part.stop - part.start), self.cut(arrays, part)
            if several_passes:
                everything = slice(0, self.vocabulary)
                own = (*job.logits(own, everything, room), *job.masks(own))
                found.append(job.row_job(everything).value(own, keep=keep))
            else:
                found.append(job._merged(own, self.columns, room, keep=keep))
        if len(found) == 1:
            return found[0]
        return tuple(xp.concat(list(parts), 0) for parts in zip(*found, strict=True))

    def _of_chosen(self, arrays: Arrays) -> Arrays:
        """The outputs of the rows that the mask selects, and zeros."""
        mask = arrays[-1]
        index = self.xp.raw.nonzero(mask)[0]
        fewer = self.unmasked(int(index.shape[0]))
        outputs: list[Any] = []
        for one in fewer.value(fewer.cut(arrays[:-1], index)):
            shape = (self.rows, *one.shape[1:])
            outputs.append(self.xp.raw.zeros(shape, dtype=one.dtype, device=one.device))
            outputs[-1][index, ...] = one
        return tuple(outputs)

    def _merged(self, arrays: Arrays, tiles: list[slice], room: Room, *, keep: bool) -> Arrays:
        """The outputs of rows whose tiles follow one another."""
        xp, measure = self.xp, self.measure
        chosen = _Chosen(self, arrays)
        stats = (self._state(arrays, tiles, chosen, room),)
        values = measure.finish(stats, xp=xp)
        outputs = (chosen.log_probs(*stats[0]),) if self.several else values
        for mask in self.masks(arrays):
            excluded = xp.raw.reshape(mask, (1, -1))
            outputs = tuple(
                xp.where(excluded, output, empty)
                for output, empty in zip(outputs, self.empty, strict=True)
            )
        outputs = tuple(xp.cast(one, self.dtype) for one in outputs)
        kept = (*values[: measure.varying], *measure.numbers(stats, xp=xp)) if keep else ()
        kept = tuple(xp.raw.reshape(one, (self.rows,)) for one in kept)
        if self.several:
            return (xp.raw.permute_dims(outputs[0], (1, 0)), *kept)
        return tuple(xp.raw.reshape(one, (self.rows,)) for one in outputs) + kept

    def part(self, arrays: Arrays) -> Part:
        """The state of all rows, for a measure of one pass: to be merged with others."""
        parts, room = [], Room(self.xp)
        tiles = self.columns or [slice(0, 0)]
        for block in self.blocks:
            job, own = self.of_rows(block.stop - block.start), self.cut(arrays, block)
            state = job._state(own, tiles, _Chosen(job, own), room)
            layout = Layout((job.rows, self.vocabulary), (1,))
            mask = next(iter(self.masks(own)), None)
            parts.append(Part.of(state, layout, mask, xp=self.xp))
        columns = zip(*(one.numbers() for one in parts), strict=True)
        numbers = (self.xp.concat(list(column), 1) for column in columns)
        return parts[0].with_numbers(numbers, (self.rows,))

    def _state(self, arrays: Arrays, tiles: list[slice], chosen: _Chosen, room: Room) -> Any:
        (one,) = self.measure.passes(xp=self.xp)
        states = (self._state_of(arrays, tile, chosen, room) for tile in tiles)
        return merged(states, one, xp=self.xp)

    def _state_of(self, arrays: Arrays, columns: slice, chosen: _Chosen, room: Room) -> Any:
        tiles = self.logits(arrays, columns, room)
        chosen.look(tiles[0], columns)
        mask = next(iter(self.masks(arrays)), None)
        layout = Layout((self.rows, columns.stop - columns.start), (1,))
        operands = (*tiles, *self.parameters(arrays, columns))
        return state_of(self.measure, layout, operands, mask, xp=self.xp)

    @property
    def empty(self) -> tuple[float, ...]:
        return (0.0,) if self.several else self.measure.empty

    @property
    def outputs(self) -> int:
        return len(self.empty)

    def _nothing(self, arrays: Arrays) -> Arrays:
        like = arrays[0]
        device = getattr(like, "device", None) if self.xp.library != "jax" else None
        tokens = self.opened(arrays).tokens
        shape = tuple(tokens.shape) if self.several else (self.rows,)  # type: ignore[union-attr]
        return tuple(
            self.xp.raw.full(shape, one, dtype=self.dtype, device=device) for one in self.empty
        )

    def whole(self, arrays: Arrays, evaluate: Callable[[Job, Arrays], Arrays]) -> Arrays:
        """The same with all logits at once, as jobs that know their derivatives."""
        xp = self.xp
        if 0 in (self.rows, self.vocabulary):
            return self._nothing(arrays)
        everything = slice(0, self.vocabulary)
        arrays = self.known(arrays)
        tiles, masks = self.logits(arrays, everything, NO_ROOM), self.masks(arrays)
        if not self.several:
            operands = (*tiles, *self.parameters(arrays, everything), *masks)
            return evaluate(self.row_job(everything), operands)
        layout = Layout((self.rows, self.vocabulary), (1,))
        job = MapJob(layout, self.dtype, xp, LogSoftmax())
        (log_probs,) = evaluate(job, (*tiles, *masks))
        tokens: Array = self.opened(arrays).tokens
        known = _inside(tokens, everything)
        places = tokens * xp.cast(known, tokens.dtype)
        found = xp.raw.take_along_axis(log_probs, places, axis=1)
        found = xp.where(known, found, float("nan"))
        for mask in masks:
            found = xp.where(mask, found, 0.0)
        return (found,)


class _Chosen:
    """The logits of several tokens of every row, found on the way."""

    def __init__(self, job: HeadJob, arrays: Arrays) -> None:
        self.job = job
        self.tokens = job.opened(arrays).tokens if job.several else None
        self.logits: Array | None = None
        self.found: Array | None = None

    def look(self, tile: Array, columns: slice) -> None:
        if self.tokens is None:
            return
        xp = self.job.xp
        here = _inside(self.tokens, columns)
        places = (self.tokens - columns.start) * xp.cast(here, self.tokens.dtype)
        logits = xp.cast(xp.raw.take_along_axis(tile, places, axis=1), xp.dtype)
        if self.logits is None:
            self.logits, self.found = xp.where(here, logits, -float("inf")), here
        else:
            self.logits, self.found = xp.where(here, logits, self.logits), self.found | here

    def log_probs(self, top: Array, others: Array) -> Array:
        """Of shape (count, rows)."""
        xp = self.job.xp
        logits, found = (xp.raw.permute_dims(one, (1, 0)) for one in (self.logits, self.found))
        value = log_softmax_entry(logits, top, others, xp=xp)
        return xp.where(found, value, float("nan"))


def is_power_of_two(number: float) -> bool:
    return math.frexp(number)[0] == 0.5


def _inside(tokens: Array, columns: slice) -> Array:
    return (tokens >= columns.start) & (tokens < columns.stop)


def _even(count: int, most: int) -> int:
    """The size of parts of at most so many, as few and as equal as possible."""
    return -(-count // -(-count // most)) if count else 1


def _slices(count: int, step: int) -> list[slice]:
    return list(_parts(count, step))


def _parts(count: int, step: int) -> Iterator[slice]:
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
