"""From a public function's arguments to a job and back.

`reduce`, `elementwise` and `normalised` are what public functions call: they settle the
library, the device, the dtypes and the shapes, have the job done as its library wants it, and
give the result the shape and type that the library's own functions would have given it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ._arrays import lazy
from ._arrays.library import quiet
from ._arrays.prepared import Prepared
from ._arrays.protocols import EntryFunction, Map, Measure
from ._autodiff.jobs import Arrays, EntryJob, Job, MapJob, RowJob
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
        found = None if key is None else again(key, given)
        if found is not None:
            return (found,)
    call = Prepared(operands, where, dtype, parameters, widen=widen)
    layout = call.layout(axis, stretch=stretch)
    if positions:
        call.add_positions(layout)
    names = tuple(call.arrays)

    def finished(array: Array) -> Array:
        array = call.raw.reshape(array, layout.kept) if keepdims else array
        return call.like_the_library(array)

    if call.library == "dask" and 0 in layout.shape:
        outputs = tuple(
            call.raw.full(layout.batch, empty, dtype=call.result_dtype)
            for empty in measure.empty
        )
    elif call.library == "dask":
        outputs = lazy.reduce(
            partial(_reduce_block, len(operands)), measure, names, call, layout
        )
    else:
        job = RowJob(layout, call.result_dtype, call.xp, measure)
        outputs = done(job, call.operands)
        if key is not None:
            shape = layout.kept if keepdims else layout.batch
            known = front.known(job, measure, call.operands, shape)
            if known is not None:
                remember(key, known)
    return tuple(finished(output) for output in outputs)


def _reduce_block(
    count: int, measure: Measure, names: tuple[str, ...], dtype: str, *blocks: Array
) -> Arrays:
    """One chunk of a lazy array, whose rows are along the last axis.

    The first ``count`` blocks are operands, then come parameters and the mask.
    """
    given = list(zip(names, blocks, strict=False))
    mask = blocks[len(names)] if len(blocks) > len(names) else None
    return reduce(
        measure, dict(given[:count]), parameters=dict(given[count:]), where=mask, dtype=dtype
    )


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
