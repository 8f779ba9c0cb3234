"""From a public function's arguments to a job and back.

`reduce`, `elementwise` and `normalised` are what public functions call: they settle the
library, the device, the dtypes and the shapes, have the job done as its library wants it, and
give the result the shape and type that the library's own functions would have given it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._arrays import lazy
from ._arrays.drivers import merge_all
from ._arrays.dtypes import dtype_object
from ._arrays.library import quiet
from ._arrays.parts import Part, finished
from ._arrays.prepared import Prepared
from ._arrays.protocols import EntryFunction, Map, Measure
from ._arrays.words import with_words, words_of
from ._autodiff.jobs import Arrays, EntryJob, Job, MapJob, RowJob
from ._autodiff.states import state_of
from ._engines import front
from ._engines.repeated import again, key_of, remember

Array = Any


def reduce(
    measure: Measure,
    operands: dict[str, Any],
    *,
    parameters: dict[str, Any] | None = None,
    axis: Any = -1,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
    stretch: bool = False,
    widen: bool = False,
    positions: bool = False,
) -> Arrays:
    """All outputs of a measure over the operands, reduced along ``axis``.

    Operands must have one size along it, unless ``stretch`` lets them broadcast there too.
    Parameters follow the operands, and are the same for all entries of a row; with
    ``positions`` an entry's place along the axis is the last of them. With ``widen`` 16-bit
    operands have results of float32.
    """
    key = None
    if where is None and dtype is None and not (parameters or widen or stretch or positions):
        given = tuple(operands.values())
        key = key_of(measure, given, axis, keepdims)
        same = None if key is None else again(key, given)
        if same is not None:
            return (same,)
    call = Prepared(operands, where, dtype, parameters, widen=widen)
    layout = call.layout(axis, stretch=stretch)
    if positions:
        call.add_positions(layout)
    names = tuple(call.arrays)

    def as_asked(array: Array) -> Array:
        array = call.raw.reshape(array, layout.kept) if keepdims else array
        return call.like_the_library(array)

    if call.library == "dask" and 0 in layout.shape:
        found = tuple(
            call.raw.full(layout.batch, empty, dtype=call.result_dtype)
            for empty in measure.empty
        )
    elif call.library == "dask":
        chunks = Chunks(
            measure, tuple(operands), names, len(measure.passes(xp=call.xp)), call.result,
            layout.axes, stretch,
        )  # fmt: skip
        found = lazy.reduce(chunks, call, layout)
    else:
        job = RowJob(layout, call.result_dtype, call.xp, measure)
        found = done(job, call.operands)
        if key is not None:
            shape = layout.kept if keepdims else layout.batch
            known = front.known(job, measure, call.operands, shape)
            if known is not None:
                remember(key, known)
    return tuple(as_asked(output) for output in found)


@dataclass(frozen=True)
class Chunks:
    """What is done with the chunks of a measure's operands: `lazy.Chunks`."""

    measure: Measure
    operands: tuple[str, ...]
    names: tuple[str, ...]
    """Of the operands, and of the parameters behind them."""
    count: int
    """Of passes."""
    dtype: str
    axes: tuple[int, ...]
    stretch: bool

    @property
    def outputs(self) -> int:
        return len(self.measure.empty)

    @property
    def passes(self) -> int:
        return self.count

    def whole(self, output: int, *blocks: Array) -> Array:
        return reduce(self.measure, axis=-1, **self._arguments(blocks))[output]

    def part(self, before: int, *blocks: Any) -> Part:
        stats, arguments = blocks[:before], self._arguments(blocks[before:])
        return part(self.measure, axis=self.axes, stats=stats, **arguments)[0]

    def merge(self, number: int, parts: list[Part]) -> Part:
        xp = parts[0].xp
        fold = self.measure.passes(xp=xp)[number]
        whole: Part = merge_all(parts, lambda one, other: one.merge(other, fold, xp=xp))
        return whole

    def finish(self, output: int, *parts: Part) -> Array:
        return outputs(self.measure, parts, self.dtype)[output]

    def _arguments(self, blocks: tuple[Array, ...]) -> dict[str, Any]:
        """Operands come first, then parameters and the mask."""
        given = dict(zip(self.names, blocks, strict=False))
        return {
            "operands": {name: given[name] for name in self.operands},
            "parameters": {
                name: one for name, one in given.items() if name not in self.operands
            },
            "where": blocks[len(self.names)] if len(blocks) > len(self.names) else None,
            "dtype": self.dtype,
            "stretch": self.stretch,
        }


def elementwise(
    function: EntryFunction,
    operands: dict[str, Any],
    *,
    where: Any = None,
    dtype: Any = None,
    widen: bool = False,
) -> Array:
    """A function of every entry of the broadcast operands; 0 where the mask excludes.

    With ``widen`` 16-bit operands have results of float32.
    """
    call = Prepared(operands, where, dtype, widen=widen)
    layout = call.layout(None, reducing=False)
    names = tuple(call.arrays)
    if call.library == "dask":
        return lazy.elementwise(_elementwise_block, function, names, call)
    (value,) = done(EntryJob(layout, call.result_dtype, call.xp, function), call.operands)
    return call.like_the_library(value)


def _elementwise_block(
    function: EntryFunction, names: tuple[str, ...], dtype: str, *blocks: Array
) -> Array:
    operands = dict(zip(names, blocks, strict=False))
    mask = blocks[len(names)] if len(blocks) > len(names) else None
    return elementwise(function, operands, where=mask, dtype=dtype)


def normalised(
    of: Map,
    operands: dict[str, Any],
    *,
    axis: Any = None,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    """A map of every entry, given few numbers of its row; 0 where the mask excludes."""
    call = Prepared(operands, where, dtype)
    layout = call.layout(axis)
    names = tuple(call.arrays)
    if call.library == "dask" and 0 not in layout.shape:
        return lazy.normalised(_normalised_block, of, names, call, layout)
    (value,) = done(MapJob(layout, call.result_dtype, call.xp, of), call.operands)
    return call.like_the_library(value)


def _normalised_block(of: Map, names: tuple[str, ...], dtype: str, *blocks: Array) -> Array:
    operands = dict(zip(names, blocks, strict=False))
    mask = blocks[len(names)] if len(blocks) > len(names) else None
    return normalised(of, operands, axis=-1, where=mask, dtype=dtype)


def part(
    measure: Measure,
    operands: dict[str, Any],
    *,
    parameters: dict[str, Any] | None = None,
    axis: Any = -1,
    where: Any = None,
    dtype: Any = None,
    stretch: bool = False,
    widen: bool = False,
    stats: tuple[Part, ...] = (),
) -> tuple[Part, str]:
    """One pass of a measure over operands that are a part of their rows, without derivatives.

    The first pass; with ``stats``, which are what the passes before have ended in for the whole
    rows, the next. Beside it the name of the dtype that results are to have.
    """
    call = Prepared(operands, where, dtype, parameters, widen=widen)
    layout = call.layout(axis, stretch=stretch)
    arrays, xp = tuple(call.arrays.values()), call.xp
    if call.library == "torch":
        arrays = tuple(one.detach() for one in arrays)
    states = tuple(one.state for one in stats)
    with quiet(xp.library):
        state = state_of(measure, layout, arrays, call.mask, xp=xp, stats=states)
        if call.library == "torch":  # views would be sent with all that they are views of
            state = with_words(state, tuple(one.clone() for one in words_of(state)))
        return Part.of(state, layout, call.mask, xp=xp), call.result


def lazy_part(
    measure: Measure,
    operands: dict[str, Any],
    *,
    axis: Any = -1,
    where: Any = None,
    dtype: Any = None,
    stretch: bool = False,
) -> tuple[Any, str]:
    """The same of dask arrays and the first pass alone: the part when it is computed."""
    call = Prepared(operands, where, dtype)
    layout = call.layout(axis, stretch=stretch)
    chunks = Chunks(
        measure, tuple(operands), tuple(call.arrays), 1, call.result, layout.axes, stretch
    )
    return lazy.one_part(chunks, call, layout), call.result


def outputs(measure: Measure, parts: tuple[Part, ...], dtype: str) -> Arrays:
    """What merged parts of all passes end in, in the dtype of that name."""
    xp = parts[-1].xp
    with quiet(xp.library):
        return finished(measure, parts, dtype_object(xp.library, xp.raw, dtype), xp=xp)


def done(job: Job, arrays: Arrays) -> Arrays:
    """A job's outputs, with derivatives where the library has them.

    numpy, and what is built on it, is kept from warning of the infinities and nans that
    formulas select away.
    """
    if job.xp.library == "torch":
        from ._autodiff.torch import evaluate

        return evaluate(job, arrays)
    if job.xp.library == "jax":
        from ._autodiff.jax import evaluate

        return evaluate(job, arrays)
    with quiet(job.xp.library):
        return job.value(arrays)
