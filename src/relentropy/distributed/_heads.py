"""Heads of which every rank of a group has some of the words, with derivatives.

Every rank makes the tiles of its own words and of all rows, and one gather of states, a handful
of numbers for each row, ends in the same bits on every rank. Backwards a weight's part is the
rank's own, and hidden states, which all ranks have, get the sum of what all ranks found.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch.autograd import Function

from .._arrays.parts import Part, finished
from .._autodiff.heads.gradients import head_vjp
from .._autodiff.heads.job import HeadJob
from .._autodiff.heads.torch import cast_automatically, recorded, without_autocast
from .._autodiff.jobs import Arrays
from .._autodiff.saving import save, saved
from ._ranks import Group, over_ranks, refuse_transforms, require_first_order, summed

Tensor = Any


def evaluate(job: HeadJob, arrays: Arrays, group: Group, *, sum_gradients: bool) -> Arrays:
    """The job's outputs of rows of which every rank of a group has some columns."""
    arrays = tuple(
        one if moves else one.detach() for one, moves in zip(arrays, job.moving, strict=True)
    )
    refuse_transforms()
    job, arrays = cast_automatically(job, arrays, arrays[0].device.type)
    if job.rows == 0:  # on every rank
        return recorded(job, arrays)
    with without_autocast(arrays):
        if torch.is_grad_enabled() and any(one.requires_grad for one in arrays):
            return tuple(_Value.apply(job, group, sum_gradients, *arrays)[: job.outputs])
        return _outputs(job, _merged(job, arrays, group))


def _merged(job: HeadJob, arrays: Arrays, group: Group) -> Part:
    with torch.no_grad():
        part = job.part(tuple(one.detach() for one in arrays))
        (fold,) = job.measure.passes(xp=job.xp)
        return over_ranks(part, fold, group)


def _outputs(job: HeadJob, part: Part) -> Arrays:
    return finished(job.measure, (part,), job.dtype, xp=job.xp)


class _Value(Function):  # type: ignore[misc]
    """A job's outputs, and the numbers per row that its gradient needs."""

    @staticmethod
    def forward(job: HeadJob, group: Group, sum_gradients: bool, *arrays: Tensor) -> Arrays:
        part = _merged(job, arrays, group)
        stats, xp = (part.state,), job.xp
        values = job.measure.finish(stats, xp=xp)[: job.measure.varying]
        kept: Arrays = (*values, *job.measure.numbers(stats, xp=xp))
        # Users may change results in place, which torch forbids for views made in here.
        outputs = (one.clone() for one in _outputs(job, part))
        return *outputs, *(one.reshape((job.rows,)) for one in kept)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Arrays) -> None:
        ctx.job, ctx.group, ctx.sum_gradients, *arrays = inputs
        ctx.count = len(arrays)
        ctx.mark_non_differentiable(*output[ctx.job.measure.varying :])
        save(ctx, (*arrays, *output[ctx.job.outputs :]))

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor) -> tuple[Tensor | None, ...]:
        require_first_order()
        job, tensors = ctx.job, saved(ctx)
        arrays, kept = tensors[: ctx.count], tensors[ctx.count :]
        need = tuple(
            needed and moves
            for needed, moves in zip(ctx.needs_input_grad[3:], job.moving, strict=True)
        )
        seeds = seeds[: job.measure.varying]
        if ctx.sum_gradients:
            seeds = summed(seeds, ctx.group)

        def together(sums: list[Tensor]) -> None:
            for one, whole in zip(sums, _added(sums, ctx.group), strict=True):
                one.copy_(whole)

        with without_autocast(arrays):
            return (None, None, None, *head_vjp(job, arrays, kept, seeds, need, together))


def _added(sums: list[Tensor], group: Group) -> list[Tensor]:
    """Tensors of any shapes, added up over all ranks in one exchange."""
    if not sums:
        return []
    flat = torch.cat([one.reshape(-1) for one in sums])
    dist.all_reduce(flat, group=group)
    parts = flat.split([one.numel() for one in sums])
    return [one.reshape(like.shape) for one, like in zip(parts, sums, strict=True)]
