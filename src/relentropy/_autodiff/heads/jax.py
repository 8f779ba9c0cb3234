"""Heads under jax: a scan over tiles of rows, forwards and backwards.

A tile has the whole vocabulary, and the gradients of its rows are those of the whole form. What
all rows share, weights and biases, has its gradient added up in float32 at least.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from .. import jax as rows
from ..jobs import Arrays
from .job import HeadJob

Array = Any


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _value(job: HeadJob, *arrays: Array) -> Arrays:
    size, starts = _tiles(job)

    def step(found: Arrays, start: Array) -> tuple[Arrays, None]:
        values = _of_tile(job, size, *_cut(job, arrays, start, size))
        return _put(found, values, start), None

    like = jax.eval_shape(partial(_of_tile, job, size), *_cut(job, arrays, 0, size))
    empty = tuple(jnp.zeros((job.rows, *one.shape[1:]), one.dtype) for one in like)
    found: Arrays
    found, _ = jax.lax.scan(step, empty, starts)
    return found


def _forward(job: HeadJob, *arrays: Array) -> tuple[Arrays, Arrays]:
    return _value(job, *arrays), arrays


def _backward(job: HeadJob, arrays: Arrays, seeds: Arrays) -> tuple[Array | None, ...]:
    size, starts = _tiles(job)
    moving = [i for i, moves in enumerate(job.moving) if moves]
    shared = _shared(job)

    def step(found: Arrays, tile: Array) -> tuple[Arrays, None]:
        start, first = tile
        own = list(_cut(job, arrays, start, size))

        def values(*given: Array) -> Arrays:
            for i, one in zip(moving, given, strict=True):
                own[i] = one
            return _of_tile(job, size, *own)

        _, pull = jax.vjp(values, *(own[i] for i in moving))
        # The last tile may reach back into the one before, whose rows have been counted.
        new = start + jnp.arange(size) >= first
        parts = (jax.lax.dynamic_slice_in_dim(one, start, size) for one in seeds)
        gradients = pull(
            tuple(jnp.where(new.reshape(-1, *(1,) * (one.ndim - 1)), one, 0) for one in parts)
        )
        return tuple(
            total + part
            if shared[i]
            else _put((total,), (_slice(total, start, size) + part,), start)[0]
            for i, total, part in zip(moving, found, gradients, strict=True)
        ), None

    zeros = tuple(
        _sum_of(arrays[i]) if shared[i] else jnp.zeros_like(arrays[i]) for i in moving
    )
    firsts = jnp.arange(len(starts)) * size
    sums, _ = jax.lax.scan(step, zeros, (starts, firsts))
    found: list[Array | None] = [None] * len(arrays)
    for i, one in zip(moving, sums, strict=True):
        found[i] = one.astype(arrays[i].dtype)
    return tuple(found)


_value.defvjp(_forward, _backward)
_compiled = jax.jit(_value, static_argnums=0)


def evaluate(job: HeadJob, arrays: Arrays) -> Arrays:
    """The job's outputs."""
    if 0 in (job.rows, job.vocabulary):
        return job.value(arrays)
    found: Arrays = _compiled(job, *arrays)
    return found


def _tiles(job: HeadJob) -> tuple[int, Array]:
    """How many rows a tile has, and where each begins; the last one ends with the rows."""
    size = job.whole_rows
    starts = range(0, job.rows, size)
    return size, jnp.asarray([min(start, job.rows - size) for start in starts])


def _shared(job: HeadJob) -> list[bool]:
    """Whether an array is that of all rows."""
    found = [i > 0 for side in job.sides for i in range(side.arrays)]
    return found + [False] * (job.tokens + job.masked)


def _cut(job: HeadJob, arrays: Arrays, start: Array, size: int) -> Arrays:
    return tuple(
        one if shared else _slice(one, start, size)
        for one, shared in zip(arrays, _shared(job), strict=True)
    )


def _slice(array: Array, start: Array, size: int) -> Array:
    return jax.lax.dynamic_slice_in_dim(array, start, size)


def _put(found: Arrays, parts: Arrays, start: Array) -> Arrays:
    return tuple(
        jax.lax.dynamic_update_slice_in_dim(one, part, start, 0)
        for one, part in zip(found, parts, strict=True)
    )


def _sum_of(array: Array) -> Array:
    """Zero, in float32 at least."""
    return jnp.zeros(array.shape, jnp.promote_types(array.dtype, jnp.float32))


def _of_tile(job: HeadJob, size: int, *arrays: Array) -> Arrays:
    return job.of_rows(size).whole(arrays, rows.evaluate)
