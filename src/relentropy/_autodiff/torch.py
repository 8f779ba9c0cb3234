"""Two autograd functions that serve every job: its value, and its gradient.

The value saves its operands and a few numbers per row; its backward pass is the gradient,
tile by tile. The gradient's own backward pass differentiates the whole form of the job's
gradient, the rows' numbers recomputed, so that their dependence on the operands counts.

torch's compiler refuses functions that define ``jvp`` and nests no functions of variable
length; its transforms (``torch.func``) need both. Hence a plain class while compiling, whose
backward pass is the gradient itself, and a transformable one otherwise.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch.autograd import Function

from .._arrays.torch_internals import (
    forward_mode_is_active,
    is_forward_transform,
    is_legacy_batched,
    is_transformed,
    transform_keys,
)
from .._engines import config, triton_operators  # noqa: F401  # registers them, once
from .._formulas.expectation import reciprocal_log
from .jobs import Arrays, Job
from .saving import save, saved

Tensor = Any

torch.compiler.assume_constant_result(reciprocal_log)
# Which engine serves is settled here, where torch's compiler does not look. What is wrong with
# the environment is said by the first call that asks.
with contextlib.suppress(ValueError):
    config.engine()


def evaluate(job: Job, arrays: Arrays) -> Arrays:
    """The job's outputs, recorded for derivatives where somebody may ask for them."""
    if not _recorded(arrays) or _forward_twice():
        return job.value(arrays)
    # Broadcast here, where torch sums the gradients over the axes along which it stretched.
    arrays = tuple(torch.broadcast_to(array, job.layout.shape) for array in arrays)
    value = Value if torch.compiler.is_compiling() else TransformableValue
    return tuple(value.apply(job, *arrays)[: job.outputs])


def _recorded(arrays: Arrays) -> bool:
    if torch.is_grad_enabled() and any(array.requires_grad for array in arrays):
        return True
    if torch.compiler.is_compiling():
        return False
    return forward_mode_is_active() or _wrapped(arrays)


def _forward_twice() -> bool:
    """Whether forward-mode transforms are nested.

    torch takes the derivative of a function's ``jvp`` for zero then, and the formulas have to
    be differentiated as they are.
    """
    if torch.compiler.is_compiling():
        return False
    return sum(map(is_forward_transform, transform_keys())) > 1


def _wrapped(tensors: Arrays) -> bool:
    """Whether a transform of ``torch.func`` is at work on any of them."""
    return any(map(is_transformed, tensors))


class Value(Function):  # type: ignore[misc]
    """A job's outputs, and the numbers per row that its gradient needs."""

    @staticmethod
    def forward(job: Job, *arrays: Tensor) -> Arrays:
        return job.value(arrays, keep=True)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Arrays) -> None:
        ctx.job, *arrays = inputs
        ctx.outputs = len(output)
        ctx.mark_non_differentiable(*output[ctx.job.varying :])
        found = save(ctx, (*arrays, *output[ctx.job.outputs :]))
        ctx.save_for_forward(*found[: len(arrays)])

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor) -> tuple[Tensor | None, ...]:
        job, count = ctx.job, len(ctx.needs_input_grad) - 1
        seeds = seeds[: job.varying]
        tensors = saved(ctx)
        arrays, kept = tensors[:count], tensors[count:]
        need = tuple(ctx.needs_input_grad[1 : 1 + job.operands])
        if torch.compiler.is_compiling():
            again = False
        else:
            again = torch.is_grad_enabled() or _wrapped((*seeds, *tensors))
        if again and any(map(is_legacy_batched, seeds)):
            # `is_grads_batched` records no function that is applied to its tensors.
            found = job.vjp(arrays, _kept(job, arrays), seeds, need)
        elif again:
            found = Gradient.apply(job, need, count, *seeds, *arrays, *kept)
        else:
            found = job.vjp(arrays, kept, seeds, need)
        return (None, *_spread(found, need), *(None,) * (count - job.operands))


class TransformableValue(Value):
    """The same for ``torch.func`` and for forward-mode derivatives."""

    @staticmethod
    def forward(job: Job, *arrays: Tensor) -> Arrays:
        # Users may change results in place, which torch forbids for views made in here.
        outputs = job.value(arrays, keep=True)
        return tuple(one.clone() if one._is_view() else one for one in outputs)

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
        job = ctx.job
        outputs = job.jvp(saved(ctx), tangents[: job.operands])
        return (*outputs[job.outputs :], *(None,) * (ctx.outputs - job.varying))

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], job: Job, *arrays: Tensor
    ) -> tuple[Arrays, tuple[int, ...]]:
        batched = _batched(info.batch_size, in_dims[1:], arrays)
        outputs = TransformableValue.apply(job.batched(info.batch_size), *batched)
        return outputs, (0,) * len(outputs)


class Gradient(Function):  # type: ignore[misc]
    """A job's gradient, which can be differentiated again."""

    @staticmethod
    def forward(job: Job, need: tuple[bool, ...], count: int, *tensors: Tensor) -> Arrays:
        seeds, rest = tensors[: job.varying], tensors[job.varying :]
        return job.vjp(rest[:count], rest[count:], seeds, need)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Arrays) -> None:
        ctx.job, ctx.need, count, *tensors = inputs
        ctx.moving = ctx.job.varying + count
        ctx.save_for_forward(*save(ctx, tuple(tensors[: ctx.moving])))

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad[3 : 3 + ctx.moving]
        wanted = [i for i, one in enumerate(needed) if one]
        whole, moving = _whole(ctx, wanted)
        _, pull = torch.func.vjp(whole, *moving)
        found = dict(zip(wanted, pull(cotangents), strict=True))
        return (None, None, None, *(found.get(i) for i in range(len(ctx.needs_input_grad) - 3)))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Arrays:
        tangents = tangents[3 : 3 + ctx.moving]
        wanted = [i for i, tangent in enumerate(tangents) if tangent is not None]
        whole, moving = _whole(ctx, wanted)
        # Forward mode does not nest; the transpose of the transpose is the derivative.
        values, pull = torch.func.vjp(whole, *moving)
        _, push = torch.func.vjp(pull, tuple(torch.zeros_like(one) for one in values))
        (found,) = push(tuple(tangents[i] for i in wanted))
        return found  # type: ignore[no-any-return]

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        job: Job,
        need: tuple[bool, ...],
        count: int,
        *tensors: Tensor,
    ) -> tuple[Arrays, tuple[int, ...]]:
        batched = _batched(info.batch_size, in_dims[3:], tensors)
        found = Gradient.apply(job.batched(info.batch_size), need, count, *batched)
        return found, (0,) * len(found)


def _whole(ctx: Any, wanted: list[int]) -> tuple[Any, Arrays]:
    """The gradient as a function of the wanted among seeds and operands, from scratch."""
    tensors = saved(ctx)

    def whole(*moving: Tensor) -> Arrays:
        given = list(tensors)
        for i, tensor in zip(wanted, moving, strict=True):
            given[i] = tensor
        count = ctx.job.varying
        seeds, arrays = tuple(given[:count]), tuple(given[count:])
        kept = _kept(ctx.job, arrays)
        return ctx.job.vjp(arrays, kept, seeds, ctx.need)  # type: ignore[no-any-return]

    return whole, tuple(tensors[i] for i in wanted)


def _kept(job: Job, arrays: Arrays) -> Arrays:
    """The numbers of the rows, from scratch."""
    return job.value(arrays, keep=True)[job.outputs :]


def _spread(found: Arrays, need: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
    """None for the operands that need no gradient."""
    left = iter(found)
    return tuple(next(left) if needed else None for needed in need)


def _batched(size: int, dims: tuple[int | None, ...], tensors: Arrays) -> Arrays:
    """All tensors with the mapped axis in front."""
    return tuple(
        tensor.expand(size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
        for tensor, dim in zip(tensors, dims, strict=True)
    )
