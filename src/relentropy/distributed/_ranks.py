"""Measures of rows whose entries are shared out over a process group, with derivatives.

Every rank makes the state of its own entries; one gather of states, a handful of numbers for
each row, and every rank merges them in the order of ranks and ends in the same bits. The
gradient of an entry needs the row's numbers and the entry alone: nothing is exchanged for it.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch.autograd import Function

from .._arrays.drivers import merge_all
from .._arrays.parts import Part, finished
from .._arrays.protocols import Fold
from .._autodiff.heads.torch import transformed
from .._autodiff.jobs import Arrays, RowJob
from .._autodiff.saving import save, saved
from .._autodiff.states import state_of

Tensor = Any
Group = Any


def evaluate(job: RowJob, arrays: Arrays, group: Group, *, sum_gradients: bool) -> Arrays:
    """The job's outputs of rows of which every rank of a group holds a part.

    The mask, if there is one, is behind the operands.
    """
    refuse_transforms()
    if 0 in job.layout.batch:  # on every rank; the sums of nothing are there to be recorded
        nothing = sum(one.sum(dtype=job.dtype) for one in arrays if one.requires_grad)
        return tuple(
            torch.full(job.layout.batch, empty, dtype=job.dtype, device=arrays[0].device)
            + nothing
            for empty in job.measure.empty
        )
    # Broadcast here, where torch sums the gradients over the axes along which it stretched.
    moving = [*(not constant for constant in job.constants), False]
    arrays = tuple(
        torch.broadcast_to(array, job.layout.shape) if moves else array
        for array, moves in zip(arrays, moving, strict=False)
    )
    if torch.is_grad_enabled() and any(array.requires_grad for array in arrays):
        return tuple(_Value.apply(job, group, sum_gradients, *arrays)[: job.outputs])
    return _outputs(job, _passes(job, job.measure, arrays, group))


def over_ranks(part: Part, fold: Fold, group: Group) -> Part:
    """What all ranks of a group have found, merged in the order of ranks."""
    xp = part.xp
    numbers = part.numbers()
    own = torch.stack([one.to(xp.dtype) for one in numbers])
    kinds = [one.dtype for one in numbers]
    parts = [
        part.with_numbers(
            (one.to(dtype) for one, dtype in zip(words, kinds, strict=True)), part.batch
        )
        for words in gathered(own, group)
    ]
    whole: Part = merge_all(parts, lambda one, other: one.merge(other, fold, xp=xp))
    return whole


def gathered(own: Tensor, group: Group) -> Tensor:
    """What every rank has, by rank."""
    size = dist.get_world_size(group)
    every = own.new_empty((size * own.shape[0], *own.shape[1:]))
    # Younger torch has another name for the same, and warns of the old one.
    gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
    gather(every, own, group=group)
    return every.reshape((size, *own.shape))


def summed(seeds: Arrays, group: Group) -> Arrays:
    """Gradients by the results, of which every rank has a part."""
    together = torch.stack(seeds)
    dist.all_reduce(together, group=group)
    return tuple(together)


def refuse_transforms() -> None:
    """Raise where derivatives are asked for in other ways than backwards."""
    if not torch.compiler.is_compiling() and transformed():
        raise RuntimeError(
            "measures over ranks have gradients by backward(), and torch.autograd.grad, only: "
            "not by forward mode or the transforms of torch.func"
        )


def require_first_order() -> None:
    """Raise in a backward pass that is to be differentiated."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            "gradients over ranks have no derivatives: leave out create_graph=True"
        )


def entries_before(size: int, group: Group, device: Any) -> int:
    """How many entries the ranks before this one have, of whom each has so many."""
    own = torch.tensor([size], dtype=torch.int64, device=device)
    return int(gathered(own, group)[: dist.get_rank(group)].sum())


def place_of_shard(size: int, group: Group) -> int:
    """The same for a DTensor: parts of one size, but for the last ones."""
    rank: int = dist.get_rank(group)
    ranks: int = dist.get_world_size(group)
    return min(rank * -(-size // ranks), size)


def is_dtensor(x: Any) -> bool:
    """Whether it is a tensor that knows how it is shared out."""
    from torch.distributed.tensor import DTensor

    return isinstance(x, DTensor)


def group_of(group: Group, sharded: Tensor | None) -> Group:
    """The group that a call names, or the one that a DTensor is shared out over."""
    if not (group is None or isinstance(group, dist.ProcessGroup)):
        raise TypeError(f"group must be a process group, not {type(group).__name__}")
    if sharded is None:
        return group
    if group is not None:
        raise ValueError("group is that of the DTensors' mesh: leave it out")
    return sharded.device_mesh.get_group()


def require_shard(name: str, one: Tensor, first: Tensor, axis: int) -> None:
    """A DTensor must be shared out along an axis, over the mesh of another one."""
    if one.device_mesh != first.device_mesh or one.device_mesh.ndim != 1:
        raise ValueError("DTensors must be on one mesh of one dimension")
    if not one.placements[0].is_shard(axis):
        raise ValueError(
            f"{name} must be sharded along axis {axis}, not {one.placements}; redistribute it"
        )


def replicated(name: str, one: Any) -> Any:
    """A tensor that every rank has as a whole."""
    if not is_dtensor(one):
        return one
    if not all(placement.is_replicate() for placement in one.placements):
        raise ValueError(f"{name} must be replicated, not {one.placements}")
    return one.to_local()


def _passes(job: RowJob, measure: Any, arrays: Arrays, group: Group) -> tuple[Part, ...]:
    """Of each pass of a measure what all ranks have found."""
    xp, layout = job.xp, job.layout
    mask = arrays[job.operands] if len(arrays) > job.operands else None
    operands = tuple(one.detach() for one in arrays[: job.operands])
    found: tuple[Part, ...] = ()
    for fold in measure.passes(xp=xp):
        stats = tuple(one.state for one in found)
        state = state_of(measure, layout, operands, mask, xp=xp, stats=stats)
        found += (over_ranks(Part.of(state, layout, mask, xp=xp), fold, group),)
    return found


def _outputs(job: RowJob, parts: tuple[Part, ...]) -> Arrays:
    return finished(job.measure, parts, job.dtype, xp=job.xp)


class _Value(Function):  # type: ignore[misc]
    """A job's outputs, and the numbers per row that its gradient needs."""

    @staticmethod
    def forward(job: RowJob, group: Group, sum_gradients: bool, *arrays: Tensor) -> Arrays:
        measure, xp = job.measure.differentiated, job.xp
        parts = _passes(job, measure, arrays, group)
        stats = tuple(one.state for one in parts)
        values = measure.finish(stats, xp=xp)[: job.varying]
        kept: Arrays = (*values, *measure.numbers(stats, xp=xp))
        rows = tuple(one.reshape(job.layout.batch) for one in kept)
        # Users may change results in place, which torch forbids for views made in here.
        return *(one.clone() for one in _outputs(job, parts)), *rows

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Arrays) -> None:
        ctx.job, ctx.group, ctx.sum_gradients, *arrays = inputs
        ctx.mark_non_differentiable(*output[ctx.job.varying :])
        save(ctx, (*arrays, *output[ctx.job.outputs :]))

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor) -> tuple[Tensor | None, ...]:
        require_first_order()
        job, count = ctx.job, len(ctx.needs_input_grad) - 3
        seeds = seeds[: job.varying]
        if ctx.sum_gradients:
            seeds = summed(seeds, ctx.group)
        tensors = saved(ctx)
        need = tuple(ctx.needs_input_grad[3 : 3 + job.operands])
        found = iter(job.vjp(tensors[:count], tensors[count:], seeds, need))
        gradients = (next(found) if needed else None for needed in need)
        return (None, None, None, *gradients, *(None,) * (count - job.operands))
