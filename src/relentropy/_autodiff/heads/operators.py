"""Heads as operators, into which torch's compiler does not look.

It would follow every tile through every formula. Operators take words only, of which a job is
made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..._arrays.protocols import Measure
from ..._arrays.torch_namespace import NAMESPACES
from ..._formulas.cross_entropy import CrossEntropy
from ..._formulas.f_divergence import FDivergence
from ..._formulas.generators import JensenShannon, SkewJensenShannon
from ..._formulas.kl_logits import KLFromLogits
from ..._formulas.logsumexp import LogSumExp
from ..._formulas.tempered import Tempered, tempered
from ..._formulas.token import TokenLogProb
from ..jobs import Arrays
from ..saving import save, saved
from .gradients import pull
from .job import HeadJob, Side

Tensor = Any


def value(job: HeadJob, arrays: Arrays) -> Arrays:
    """The job's outputs, while compiling."""
    return tuple(_operator(list(arrays), *_words(job))[: job.outputs])


_KINDS: dict[str, Callable[[float, float | None], Measure]] = {
    "kl": lambda _, base: KLFromLogits((True, True), True, base),
    "js": lambda _, base: FDivergence(JensenShannon(), (True, True), True, base),
    "skewed": lambda share, base: FDivergence(
        SkewJensenShannon(share), (True, True), True, base
    ),
    "soft": lambda _, base: CrossEntropy((False, True), base),
    "token": lambda _, base: TokenLogProb(with_entropy=False),
    "token and entropy": lambda _, base: TokenLogProb(with_entropy=True),
    "several": lambda _, base: LogSumExp(),
}


def _kind(measure: Any) -> tuple[str, float]:
    if isinstance(measure, KLFromLogits):
        return "kl", 0.0
    if isinstance(measure, FDivergence):
        row = measure.row
        return ("skewed", row.weight) if isinstance(row, SkewJensenShannon) else ("js", 0.0)
    if isinstance(measure, CrossEntropy):
        return "soft", 0.0
    if isinstance(measure, TokenLogProb):
        return ("token and entropy" if measure.with_entropy else "token"), 0.0
    return "several", 0.0


def _words(job: HeadJob) -> tuple[Any, ...]:
    measure: Any = job.measure
    inner = 1.0
    if isinstance(measure, Tempered):
        measure, inner = measure.measure, measure.temperature
    kind, share = _kind(measure)
    base = getattr(measure, "base", None) or 0.0
    sides = [flag for side in job.sides for flag in side]
    flags = [job.tokens, job.several, job.masked, job.xp.exact, job.dtype == torch.float64]
    flags.append(job.xp.dtype == torch.float64)
    sizes = [job.rows, job.vocabulary, job.memory, job.widened]
    return kind, [share, base, job.temperature, inner], sides, flags, sizes


def _job(
    kind: str, numbers: Sequence[float], sides: Sequence[bool], flags: Sequence[bool],
    sizes: Sequence[int],
) -> HeadJob:  # fmt: skip
    share, base, temperature, inner = numbers
    tokens, several, masked, exact, wide_result, wide = flags
    rows_, vocabulary, memory, widened_ = sizes
    each = len(Side._fields)
    return HeadJob(
        measure=tempered(_KINDS[kind](share, base or None), inner),
        sides=tuple(Side(*sides[i : i + each]) for i in range(0, len(sides), each)),
        rows=rows_,
        vocabulary=vocabulary,
        tokens=tokens,
        several=several,
        masked=masked,
        temperature=temperature,
        memory=memory,
        widened=widened_,
        dtype=torch.float64 if wide_result else torch.float32,
        xp=NAMESPACES["float64" if wide else "float32", exact],
    )


@torch.library.custom_op("relentropy::heads", mutates_args=())  # type: ignore[untyped-decorator]
def _operator(
    arrays: list[torch.Tensor], kind: str, numbers: list[float], sides: list[bool],
    flags: list[bool], sizes: list[int],
) -> list[torch.Tensor]:  # fmt: skip
    """A job's outputs, and the numbers of its rows as one array."""
    job = _job(kind, numbers, sides, flags, sizes)
    found = job.value(tuple(arrays), keep=True)
    kept = found[job.outputs :]
    return [*found[: job.outputs], torch.stack(kept) if kept else _no_numbers(job, arrays)]


def _no_numbers(job: HeadJob, arrays: Sequence[Tensor]) -> Tensor:
    return arrays[0].new_empty((0, job.rows), dtype=job.xp.dtype)


@_operator.register_fake  # type: ignore[untyped-decorator]
def _(arrays: Any, kind: str, numbers: Any, sides: Any, flags: Any, sizes: Any) -> list[Tensor]:
    job = _job(kind, numbers, sides, flags, sizes)
    like = arrays[0]
    tokens = job.opened(tuple(arrays)).tokens
    shape = tokens.shape if job.several else (job.rows,)  # type: ignore[union-attr]
    outputs = [like.new_empty(shape, dtype=job.dtype) for _ in range(job.outputs)]
    empty = 0 in (job.rows, job.vocabulary)
    count = 0 if empty else _COUNTS[kind]
    return [*outputs, like.new_empty((count, job.rows), dtype=job.xp.dtype)]


@torch.library.custom_op("relentropy::heads_gradient", mutates_args=())  # type: ignore[untyped-decorator]
def _gradient_operator(
    arrays: list[torch.Tensor], kept: torch.Tensor, seeds: list[torch.Tensor],
    need: list[bool], kind: str, numbers: list[float], sides: list[bool], flags: list[bool],
    sizes: list[int],
) -> list[torch.Tensor]:  # fmt: skip
    """The gradients of the arrays that need one."""
    job = _job(kind, numbers, sides, flags, sizes)
    found = pull(job, tuple(arrays), tuple(kept), tuple(seeds), tuple(need))
    return [one for one in found if one is not None]


@_gradient_operator.register_fake  # type: ignore[untyped-decorator]
def _(
    arrays: Any, kept: Any, seeds: Any, need: Any, kind: Any, numbers: Any, sides: Any,
    flags: Any, sizes: Any,
) -> list[Tensor]:  # fmt: skip
    return [torch.empty_like(one) for one, needed in zip(arrays, need, strict=True) if needed]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    arrays, *ctx.words = inputs
    save(ctx, (*arrays, output[-1]))


def _backward(ctx: Any, seeds: list[Tensor | None]) -> tuple[Any, ...]:
    job = _job(*ctx.words)
    *arrays, kept = saved(ctx)
    varying = 1 if job.several else job.measure.varying
    need = [moves and one.requires_grad for one, moves in zip(arrays, job.moving, strict=True)]
    given = [
        arrays[0].new_zeros((job.rows,), dtype=job.dtype) if one is None else one
        for one in seeds[:varying]
    ]
    found = iter(_gradient_operator(arrays, kept, given, need, *ctx.words))
    gradients = [next(found) if needed else None for needed in need]
    return gradients, None, None, None, None, None


_operator.register_autograd(_backward, setup_context=_setup)


def _count(kind: str) -> int:
    """How many numbers of a row a measure keeps, its values included."""
    measure = _KINDS[kind](0.25, None)
    tokens = kind in ("token", "token and entropy", "several")
    sides = (
        (Side(head=True),)
        if tokens
        else (Side(head=False, log=kind != "soft"), Side(head=True))
    )
    job = HeadJob(
        measure, sides, 1, 1, tokens=tokens, several=kind == "several", masked=False,
        temperature=1.0, memory=1, widened=0, dtype=torch.float64,
        xp=NAMESPACES["float64", True],
    )  # fmt: skip
    one = torch.ones((1, 1), dtype=torch.float64)
    more = (torch.zeros((1, 1), dtype=torch.int64),) if tokens else ()
    arrays = (*(() if tokens else (one,)), one, one, *more)
    return len(job.value(arrays, keep=True)) - job.outputs


_COUNTS = {kind: _count(kind) for kind in _KINDS}
