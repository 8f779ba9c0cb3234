"""Heads as operators, into which torch's compiler does not look.

It would follow every tile through every formula. Operators accept only primitive arguments, so
a job is serialized, and rebuilt from its text.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from ..._arrays.library import gather
from ..._arrays.namespace import Namespace, namespace
from ..._arrays.torch_namespace import NAMESPACES
from ..jobs import Arrays
from ..saving import save, saved
from .gradients import head_vjp
from .job import HeadJob, Side

Tensor = Any
_PACKAGE = f"{__name__.partition('.')[0]}."


def value(job: HeadJob, arrays: Arrays) -> Arrays:
    """Return the job's outputs, while compiling."""
    return tuple(_operator(list(arrays), serialized(job))[: job.outputs])


def serialized(job: HeadJob) -> str:
    """Return a job as JSON, from which `rebuilt` makes an equal one.

    It is plain string arithmetic, since torch's compiler traces it; floats keep all their bits.
    """
    return _text(job)


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f'{{"float": "{value.hex()}"}}'
    if isinstance(value, torch.dtype):
        return f'{{"dtype": "{value}"}}'
    if isinstance(value, Namespace):
        return f'{{"namespace": "{value.dtype}", "exact": {_text(value.exact)}}}'
    if isinstance(value, tuple):
        name = "side" if isinstance(value, Side) else "tuple"
        return f'{{"{name}": [{", ".join([_text(part) for part in value])}]}}'
    cls = type(value)
    if hasattr(cls, "__dataclass_fields__") and cls.__module__.startswith(_PACKAGE):
        names = list(cls.__dataclass_fields__)
        held = ", ".join([f'"{name}": {_text(getattr(value, name))}' for name in names])
        return f'{{"class": "{cls.__module__}:{cls.__qualname__}", "fields": {{{held}}}}}'
    raise TypeError(f"{cls.__name__} cannot be an argument of an operator of torch's compiler")


@cache
def rebuilt(text: str) -> HeadJob:
    """Return the job of that text."""
    return _rebuilt(json.loads(text))  # type: ignore[no-any-return]


def _rebuilt(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    kind, held = next(iter(plain.items()))
    if kind == "float":
        return float.fromhex(held)
    if kind == "dtype":
        return getattr(torch, held.removeprefix("torch."))
    if kind == "namespace":
        return NAMESPACES[held.removeprefix("torch."), plain["exact"]]
    if kind in ("side", "tuple"):
        parts = map(_rebuilt, held)
        return Side(*parts) if kind == "side" else tuple(parts)
    module, _, name = held.partition(":")
    cls = getattr(importlib.import_module(module), name)
    return cls(**{name: _rebuilt(value) for name, value in plain["fields"].items()})


@cache
def _residual_count(text: str) -> int:
    """Return the number of a row's values and residuals, from a row of one entry in numpy."""
    library = gather({"p": np.ones((1, 1))})
    xp = namespace(library.library, library.raw, "float64", exact=True)
    measure = rebuilt(text).measure.differentiated
    block: tuple[Any, ...] = tuple(
        np.zeros((1, 1), dtype=np.int32 if fill is None else np.float64)
        for fill in measure.fills
    )
    stats: tuple[Any, ...] = ()
    for fold in measure.passes(xp=xp):
        stats += (fold.step(block, stats, xp=xp),)
    return measure.varying + len(measure.numbers(stats, xp=xp))


@torch.library.custom_op("relentropy::heads", mutates_args=())  # type: ignore[untyped-decorator]
def _operator(arrays: list[torch.Tensor], text: str) -> list[torch.Tensor]:
    """Return a job's outputs, and the residuals of its rows as one array."""
    job = rebuilt(text)
    results = job.value(tuple(arrays), keep=True)
    residuals = results[job.outputs :]
    stacked = torch.stack(residuals) if residuals else _no_numbers(job, arrays)
    return [*results[: job.outputs], stacked]


def _no_numbers(job: HeadJob, arrays: Sequence[Tensor]) -> Tensor:
    return arrays[0].new_empty((0, job.rows), dtype=job.xp.dtype)


@_operator.register_fake  # type: ignore[untyped-decorator]
def _(arrays: Any, text: str) -> list[Tensor]:
    job = rebuilt(text)
    like = arrays[0]
    tokens = job.opened(tuple(arrays)).tokens
    shape = tokens.shape if job.several else (job.rows,)  # type: ignore[union-attr]
    outputs = [like.new_empty(shape, dtype=job.dtype) for _ in range(job.outputs)]
    count = 0 if 0 in (job.rows, job.vocabulary) else _residual_count(text)
    return [*outputs, like.new_empty((count, job.rows), dtype=job.xp.dtype)]


@torch.library.custom_op("relentropy::heads_gradient", mutates_args=())  # type: ignore[untyped-decorator]
def _gradient_operator(
    arrays: list[torch.Tensor], residuals: torch.Tensor, cotangents: list[torch.Tensor],
    need: list[bool], text: str,
) -> list[torch.Tensor]:  # fmt: skip
    """Return the gradients of the arrays that need one."""
    found = head_vjp(
        rebuilt(text), tuple(arrays), tuple(residuals), tuple(cotangents), tuple(need)
    )
    return [gradient for gradient in found if gradient is not None]


@_gradient_operator.register_fake  # type: ignore[untyped-decorator]
def _(arrays: Any, residuals: Any, cotangents: Any, need: Any, text: Any) -> list[Tensor]:
    return [torch.empty_like(x) for x, needed in zip(arrays, need, strict=True) if needed]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    arrays, ctx.text = inputs
    save(ctx, (*arrays, output[-1]))


def _backward(ctx: Any, cotangents: list[Tensor | None]) -> tuple[Any, ...]:
    job = rebuilt(ctx.text)
    *arrays, residuals = saved(ctx)
    varying = 1 if job.several else job.measure.varying
    need = [moves and x.requires_grad for x, moves in zip(arrays, job.moving, strict=True)]
    given = [
        arrays[0].new_zeros((job.rows,), dtype=job.dtype) if x is None else x
        for x in cotangents[:varying]
    ]
    found = iter(_gradient_operator(arrays, residuals, given, need, ctx.text))
    return [next(found) if needed else None for needed in need], None


_operator.register_autograd(_backward, setup_context=_setup)
