"""From a public function's arguments to a job and back.

`reduce`, `elementwise` and `normalised` are what public functions call: they settle the
library, the device, the dtypes and the shapes, evaluate the job with its library's
derivatives, and give the result the shape and type that the library's own functions would
have given it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._arrays import lazy
from ._arrays.axes import Layout
from ._arrays.drivers import merge_all
from ._arrays.dtypes import dtype_object
from ._arrays.library import quiet
from ._arrays.operands import Array, Operand
from ._arrays.parts import Part, finished
from ._arrays.prepared import Prepared
from ._arrays.protocols import EntryFunction, Map, Measure
from ._arrays.words import with_words, words_of
from ._autodiff.jobs import Arrays, EntryJob, Job, MapJob, RowJob
from ._autodiff.states import state_of
from ._engines import front


def reduce(
    measure: Measure,
    operands: dict[str, Operand[Array]],
    *,
    parameters: dict[str, Any] | None = None,
    axis: Any = -1,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
    stretch: bool = False,
    widen: bool = False,
    positions: bool = False,
) -> tuple[Array, ...]:
    """Return all outputs of a measure over the operands, reduced along ``axis``.

    Operands must have one size along it, unless ``stretch`` lets them broadcast there too.
    Parameters follow the operands, and are the same for all entries of a row; with
    ``positions`` an entry's place along the axis is the last of them. With ``widen`` 16-bit
    operands have results of float32.
    """
    # Calls without options are prepared once for each kind: for ten numbers, sorting arguments
    # costs more than the mathematics.
    key = None
    if where is None and dtype is None and not (parameters or widen or stretch or positions):
        arrays = tuple(operands.values())
        key = front.key_of(measure, arrays, axis, keepdims)
        value = front.cached(key, arrays)
        if value is not None:
            return (value,)
    call = Prepared(operands, where, dtype, parameters, widen=widen)
    layout = call.layout(axis, stretch=stretch)
    if positions:
        call.add_positions(layout)
    if call.library == "dask":
        outputs = _reduce_lazily(measure, tuple(operands), call, layout, stretch=stretch)
    else:
        job = RowJob(layout, call.result_dtype, call.xp, measure)
        value = front.first_call(key, job, call.operands, keepdims=keepdims)
        if value is not None:
            return (value,)
        outputs = evaluate(job, call.operands)
    if keepdims:
        outputs = tuple([call.raw.reshape(array, layout.kept) for array in outputs])
    return tuple([call.like_the_library(array) for array in outputs])


def _reduce_lazily(
    measure: Measure,
    operands: tuple[str, ...],
    call: Prepared,
    layout: Layout,
    *,
    stretch: bool,
) -> Arrays:
    """Return a measure's outputs as dask arrays."""
    if 0 in layout.shape:
        return tuple(
            call.raw.full(layout.batch, empty, dtype=call.result_dtype)
            for empty in measure.empty
        )
    chunks = Chunks(
        measure, operands, tuple(call.arrays), len(measure.passes(xp=call.xp)), call.result,
        layout.axes, stretch,
    )  # fmt: skip
    return lazy.reduce(chunks, call, layout)


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

    def whole(self, output: int, *blocks: Any) -> Any:
        return reduce(self.measure, axis=-1, **self._arguments(blocks))[output]

    def part(self, before: int, *blocks: Any) -> Part:
        stats, arguments = blocks[:before], self._arguments(blocks[before:])
        return part(self.measure, axis=self.axes, stats=stats, **arguments)[0]

    def merge(self, number: int, parts: list[Part]) -> Part:
        xp = parts[0].xp
        fold = self.measure.passes(xp=xp)[number]
        whole: Part = merge_all(parts, lambda one, other: one.merge(other, fold, xp=xp))
        return whole

    def finish(self, output: int, *parts: Part) -> Any:
        return outputs(self.measure, parts, self.dtype)[output]

    def _arguments(self, blocks: tuple[Any, ...]) -> dict[str, Any]:
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
    operands: dict[str, Operand[Array]],
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
    (value,) = evaluate(EntryJob(layout, call.result_dtype, call.xp, function), call.operands)
    return call.like_the_library(value)


def _elementwise_block(
    function: EntryFunction, names: tuple[str, ...], dtype: str, *blocks: Any
) -> Any:
    operands = dict(zip(names, blocks, strict=False))
    mask = blocks[len(names)] if len(blocks) > len(names) else None
    return elementwise(function, operands, where=mask, dtype=dtype)


def normalised(
    of: Map,
    operands: dict[str, Operand[Array]],
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
    (value,) = evaluate(MapJob(layout, call.result_dtype, call.xp, of), call.operands)
    return call.like_the_library(value)


def _normalised_block(of: Map, names: tuple[str, ...], dtype: str, *blocks: Any) -> Any:
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


def evaluate(job: Job, arrays: Arrays) -> Arrays:
    """Return a job's outputs, with derivatives where the library has them.

    numpy, and what is built on it, is kept from warning of the infinities and nans that
    formulas select away.
    """
    if job.xp.library == "torch":
        from ._autodiff import torch

        return torch.evaluate(job, arrays)
    if job.xp.library == "jax":
        from ._autodiff import jax

        return jax.evaluate(job, arrays)
    with quiet(job.xp.library):
        return job.value(arrays)
