"""Heads under torch: one autograd function, whose backward pass makes the tiles again.

A gradient that is to be differentiated itself is that of the whole form, with all logits at
once; so are values and gradients in forward mode and under ``torch.func.vmap``.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import torch
from torch.autograd import Function

from ..._arrays.torch_internals import (
    forward_mode_is_active,
    has_dispatch_modes,
    is_batched,
    transform_keys,
)
from .. import torch as rows
from ..jobs import Arrays
from ..saving import save, saved
from .gradients import Found, head_vjp
from .job import HeadJob

Tensor = Any


def evaluate(job: HeadJob, arrays: Arrays) -> Arrays:
    """The job's outputs, recorded for derivatives where somebody may ask for them."""
    arrays = tuple(
        one if moves else one.detach() for one, moves in zip(arrays, job.moving, strict=True)
    )
    job, arrays = cast_automatically(job, arrays, arrays[0].device.type)
    with without_autocast(arrays):
        if torch.compiler.is_compiling():
            from .operators import value

            return value(job, arrays)
        if transformed():
            return job.whole(arrays, rows.evaluate)
        if job.skips and not has_dispatch_modes():
            return _of_chosen(job, arrays)
        return recorded(job, arrays)


def recorded(job: HeadJob, arrays: Arrays) -> Arrays:
    if not (torch.is_grad_enabled() and any(one.requires_grad for one in arrays)):
        with torch.no_grad():
            return job.value(arrays)
    return tuple(Value.apply(job, *arrays)[: job.outputs])


def without_autocast(arrays: Arrays) -> Any:
    """What formulas work in is settled: products of 16-bit tiles are not to be rounded."""
    device = arrays[0].device.type
    if not torch.amp.is_autocast_available(device):
        return contextlib.nullcontext()
    return torch.autocast(device, enabled=False)


def transformed() -> bool:
    """Whether somebody transforms the call, or pushes tangents through it."""
    # Gradients by transforms can be differentiated: they are those of the whole form anyway.
    return forward_mode_is_active() or bool(transform_keys())


def _of_chosen(job: HeadJob, arrays: Arrays) -> Arrays:
    """The outputs of the rows that the mask selects, and zeros."""
    index = arrays[-1].nonzero()[:, 0]  # the mask
    fewer = job.unmasked(len(index))
    outputs = recorded(fewer, fewer.cut(arrays[:-1], index))
    return tuple(
        one.new_zeros((job.rows, *one.shape[1:])).index_copy(0, index, one) for one in outputs
    )


def cast_automatically(job: HeadJob, arrays: Arrays, device: str) -> tuple[HeadJob, Arrays]:
    """Operands of products as autocast wants them, as a linear layer's are."""
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return job, arrays
    dtype = torch.get_autocast_dtype(device)
    found, widened = [], job.widened
    for side, own in zip(job.sides, job.opened(arrays).sides, strict=True):
        cast = [side.head and one.dtype == torch.float32 for one in own]
        widened += 4 * own[0].shape[1] if cast[0] else 0
        found += [
            one.to(dtype) if narrow else one for one, narrow in zip(own, cast, strict=True)
        ]
    return replace(job, widened=widened), (*found, *arrays[len(found) :])


class Value(Function):  # type: ignore[misc]
    """A job's outputs, and the numbers per row that its gradient needs."""

    @staticmethod
    def forward(job: HeadJob, *arrays: Tensor) -> Arrays:
        found = job.value(arrays, keep=True)
        # Users may change results in place, which torch forbids for views made in here.
        return *(one.clone() for one in found[: job.outputs]), *found[job.outputs :]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Arrays) -> None:
        ctx.job, *arrays = inputs
        varying = 1 if ctx.job.several else ctx.job.measure.varying
        ctx.varying, ctx.count = varying, len(arrays)
        ctx.mark_non_differentiable(*output[varying:])
        save(ctx, (*arrays, *output[ctx.job.outputs :]))

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor) -> tuple[Any, ...]:
        job, tensors = ctx.job, saved(ctx)
        arrays, kept = tensors[: ctx.count], tensors[ctx.count :]
        need = tuple(
            needed and moves
            for needed, moves in zip(ctx.needs_input_grad[1:], job.moving, strict=True)
        )
        seeds = seeds[: ctx.varying]
        if torch.is_grad_enabled() or transformed() or any(map(_is_batched, seeds)):
            return (None, *_again(job, arrays, seeds, need))
        with without_autocast(arrays):
            return (None, *head_vjp(job, arrays, kept, seeds, need))


def _is_batched(seed: Tensor | None) -> bool:
    """Whether several gradients are asked for at once."""
    return seed is not None and is_batched(seed)


def _again(job: HeadJob, arrays: Arrays, seeds: Arrays, need: tuple[bool, ...]) -> Found:
    """The gradients as functions of arrays and seeds, which can be differentiated."""
    with torch.enable_grad(), without_autocast(arrays):
        # As views: an array that another one is made of is not to be followed through that.
        arrays = tuple(
            one.view_as(one) if needed else one.detach()
            for one, needed in zip(arrays, need, strict=True)
        )
        outputs = job.whole(arrays, rows.evaluate)[: len(seeds)]
        wanted = [one for one, needed in zip(arrays, need, strict=True) if needed]
        found = iter(
            torch.autograd.grad(
                outputs, wanted, seeds, create_graph=True, materialize_grads=True
            )
        )
    return tuple(next(found) if needed else None for needed in need)
