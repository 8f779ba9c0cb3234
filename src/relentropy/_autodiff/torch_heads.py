"""Heads under torch: one autograd function, whose backward pass makes the tiles again.

A gradient that is to be differentiated itself is that of the whole form, with all logits at once.
torch's compiler sees two operators, into which it does not look.
"""

from __future__ import annotations

from dataclasses import replace
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd import Function

from .._arrays.protocols import Measure
from .._arrays.torch_namespace import NAMESPACES
from .._formulas.cross_entropy import CrossEntropy
from .._formulas.f_divergence import FDivergence
from .._formulas.generators import JensenShannon, SkewJensenShannon
from .._formulas.kl_logits import KLFromLogits
from .._formulas.logsumexp import LogSumExp, softmax_entry
from .._formulas.token import TokenLogProb
from . import torch as rows
from .heads import HeadJob, Room, Side, widened
from .jobs import Arrays, RowJob

Tensor = Any
Found = tuple[Tensor | None, ...]


def evaluate(job: HeadJob, arrays: Arrays) -> Arrays:
    """The job's outputs, recorded for derivatives where somebody may ask for them."""
    device = arrays[0].device.type
    arrays = _cast_automatically(job, arrays, device)
    # What formulas work in is settled: products of 16-bit tiles are not to be rounded.
    with torch.autocast(device, enabled=False):
        if torch.compiler.is_compiling():
            return tuple(_operator(list(arrays), *_words(job))[: job.outputs])
        if not (torch.is_grad_enabled() and any(one.requires_grad for one in arrays)):
            with torch.no_grad():
                return job.value(arrays)
        return tuple(Value.apply(job, *arrays)[: job.outputs])


def _cast_automatically(job: HeadJob, arrays: Arrays, device: str) -> Arrays:
    """Operands of products as autocast wants them, as a linear layer's are."""
    if not torch.is_autocast_enabled(device):
        return arrays
    dtype = torch.get_autocast_dtype(device)
    found = []
    for side, own in zip(job.sides, job.opened(arrays).sides, strict=True):
        found += [one.to(dtype) if side.head and one.dtype == torch.float32 else one for one in own]
    return (*found, *arrays[len(found) :])


class Value(Function):  # type: ignore[misc]
    """A job's outputs, and the numbers per row that its gradient needs."""

    @staticmethod
    def forward(job: HeadJob, *arrays: Tensor) -> Arrays:
        return job.value(arrays, keep=True)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Arrays) -> None:
        ctx.job, *arrays = inputs
        varying = 1 if ctx.job.several else ctx.job.measure.varying
        ctx.varying, ctx.count = varying, len(arrays)
        ctx.mark_non_differentiable(*output[varying:])
        ctx.save_for_backward(*arrays, *output[ctx.job.outputs :])

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor) -> tuple[Any, ...]:
        job, saved = ctx.job, ctx.saved_tensors
        arrays, kept = saved[: ctx.count], saved[ctx.count :]
        need = tuple(
            needed and moves
            for needed, moves in zip(ctx.needs_input_grad[1:], job.moving, strict=True)
        )
        seeds = seeds[: ctx.varying]
        if torch.is_grad_enabled():
            return (None, *_again(job, arrays, seeds, need))
        with torch.autocast(arrays[0].device.type, enabled=False):
            return (None, *pull(job, arrays, kept, seeds, need))


def _again(job: HeadJob, arrays: Arrays, seeds: Arrays, need: tuple[bool, ...]) -> Found:
    """The gradients as functions of arrays and seeds, which can be differentiated."""
    with torch.enable_grad(), torch.autocast(arrays[0].device.type, enabled=False):
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


def pull(
    job: HeadJob, arrays: Arrays, kept: Arrays, seeds: Arrays, need: tuple[bool, ...]
) -> Found:
    """The arrays' gradients, tile by tile; None for those that need none."""
    if 0 in (job.rows, job.vocabulary):
        return tuple(
            torch.zeros_like(one) if needed else None
            for one, needed in zip(arrays, need, strict=True)
        )
    room = Room(job.xp)
    gradients = _gradients(job, arrays, need, room)
    for columns in job.columns:
        for side in gradients:
            side.open(columns)
        for block in job.blocks:
            own = job.cut(arrays, block)
            numbers = tuple(one[block] for one in kept)
            slopes = _slopes(
                job.of_rows(block.stop - block.start), own, numbers,
                tuple(one[block] for one in seeds), columns, [side.needed for side in gradients],
                room,
            )  # fmt: skip
            for side, slope in zip((one for one in gradients if one.needed), slopes, strict=True):
                side.add(slope, own, block, columns)
            del slopes, slope  # before the next ones are made
        for side in gradients:
            side.close(columns)
    found = [one for side in gradients for one in side.found()]
    return (*found, *(None,) * (len(arrays) - len(found)))


def _slopes(
    job: HeadJob, arrays: Arrays, kept: Arrays, seeds: Arrays, columns: slice, need: list[bool],
    room: Room,
) -> Arrays:  # fmt: skip
    """By the entries of a tile, of the sides that need it."""
    tiles, masks = job.logits(arrays, columns, room), job.masks(arrays)
    operands = (*tiles, *job.parameters(arrays, columns))
    needed = (*need, *(False,) * (len(operands) - len(need)))
    of = job.row_job(columns)
    if not job.several:
        return of.pull((*operands, *masks), kept, seeds, needed)
    return (_slopes_of_several(job, of, arrays, tiles[0], kept, seeds[0], columns),)


def _slopes_of_several(
    job: HeadJob, of: RowJob, arrays: Arrays, tile: Tensor, kept: Arrays, seed: Tensor,
    columns: slice,
) -> Tensor:  # fmt: skip
    """The seeds at their tokens, less their sum times softmax.

    At the tokens themselves, where the two may cancel, in working precision.
    """
    opened, xp = job.opened(arrays), job.xp
    seed = seed.to(xp.dtype)
    here = (opened.tokens >= columns.start) & (opened.tokens < columns.stop)
    if opened.mask is not None:
        seed = torch.where(opened.mask[:, None], seed, 0.0)
    together = seed.sum(1)
    slope = of.pull((tile, *job.masks(arrays)), kept, (-together,), (True,))[0]
    # One column more takes the tokens that are in other tiles.
    width = columns.stop - columns.start
    places = torch.where(here, opened.tokens - columns.start, width)
    at = seed.new_zeros((job.rows, width + 1), dtype=tile.dtype)
    at.scatter_add_(1, places, seed.to(tile.dtype))
    logits = torch.gather(tile, 1, places.clamp(max=width - 1)).to(xp.dtype)
    _, top, others = (one[:, None] for one in kept)
    share = softmax_entry(logits, top, others, xp=xp)
    exact = torch.gather(at, 1, places).to(xp.dtype) - share * together[:, None]
    at[:, :width] = slope
    at.scatter_(1, places, exact.to(tile.dtype))
    if opened.mask is not None:
        at = torch.where(opened.mask[:, None], at, 0.0)
    return at[:, :width]


# --- accumulation --------------------------------------------------------------------------------


def _gradients(
    job: HeadJob, arrays: Arrays, need: tuple[bool, ...], room: Room
) -> list[_Entries | _Head]:
    found: list[_Entries | _Head] = []
    at = 0
    for index, (side, part) in enumerate(
        zip(job.sides, room.parts(len(job.sides)), strict=True)
    ):
        own = slice(at, at + side.count)
        if side.head:
            found.append(_Head(job, index, arrays[own], need[own], part))
        else:
            found.append(_Entries(job, index, arrays[own], need[own]))
        at += side.count
    return found


class _Entries:
    """The gradient of a side that is given entry by entry."""

    def __init__(self, job: HeadJob, index: int, arrays: Arrays, need: tuple[bool, ...]) -> None:
        (self.array,), (self.needed,) = arrays, need
        side = job.sides[index]
        self.scale = 1 / job.temperature if side.log else 1.0
        self.gradient = torch.zeros_like(self.array) if self.needed else None

    def open(self, columns: slice) -> None:
        """Nothing to prepare."""

    def add(self, slope: Tensor, arrays: Arrays, rows: slice, columns: slice) -> None:
        self.gradient[rows, columns] = slope if self.scale == 1 else slope * self.scale  # type: ignore[index]

    def close(self, columns: slice) -> None:
        """Nothing to finish."""

    def found(self) -> Found:
        return (self.gradient,)


class _Head:
    """The gradients of a head's hidden states, weight and bias.

    They are added up in the dtype of the products. That of a part of the weight is complete as
    soon as all rows have been there, and is rounded then; that of the hidden states in the end.
    """

    def __init__(
        self, job: HeadJob, index: int, arrays: Arrays, need: tuple[bool, ...], room: Room
    ) -> None:
        self.job, self.index, self.arrays, self.room = job, index, arrays, room
        self.hidden, self.weight, *bias = arrays
        self.bias = bias[0] if bias else None
        self.by_hidden, self.by_weight = need[:2]
        self.by_bias = bool(bias) and need[2]
        self.needed = any(need)
        self.wide = job.wide(arrays)
        self.scale = 1 / job.temperature
        self.hidden_sum = self.weight_all = self.bias_sum = None
        if self.by_hidden:
            self.hidden_sum = torch.zeros_like(self.hidden, dtype=self.wide)
        if self.by_weight:
            self.weight_all = torch.empty_like(self.weight)
            self.weight_all[job.vocabulary :] = 0
        if self.by_bias:
            self.bias_sum = torch.zeros_like(self.bias, dtype=self.wide)

    def open(self, columns: slice) -> None:
        """A part of the weight, of which no row has been seen."""
        self.fresh = True
        if self.by_weight:
            part = self.weight_all[columns]  # type: ignore[index]
            if part.dtype != self.wide:
                part = self.room.array("gradient", tuple(part.shape), self.wide, part)
            self.part = part
        self.columns = self.weight[columns]

    def add(self, slope: Tensor, arrays: Arrays, rows: slice, columns: slice) -> None:
        hidden = self.job.opened(arrays).sides[self.index][0]
        slope, hidden = self._operand(slope), self._operand(self._kept(hidden, arrays))
        if self.by_hidden:
            weight = self.columns if self._narrow else self._widened(self.columns)
            _add_product(self.hidden_sum[rows], slope, weight, self.scale)  # type: ignore[index]
        if self.by_weight:
            _add_product(self.part, slope.T, hidden, self.scale, fresh=self.fresh)
        if self.by_bias:
            self.bias_sum[columns].add_(slope.sum(0, dtype=self.wide), alpha=self.scale)  # type: ignore[index]
        self.fresh = False

    def close(self, columns: slice) -> None:
        if self.by_weight and self.part.dtype != self.weight.dtype:
            self.weight_all[columns] = self.part  # type: ignore[index]
        self.part = self.columns = None

    def found(self) -> Found:
        hidden = None if self.hidden_sum is None else self.hidden_sum.to(self.hidden.dtype)
        bias = None if self.bias_sum is None else self.bias_sum.to(self.bias.dtype)
        found = (hidden, self.weight_all, bias)
        return found[: len(self.arrays)]

    @property
    def _narrow(self) -> bool:
        """Whether products are of 16 bits: on a device, where the head has them."""
        narrow = self.hidden.dtype == self.weight.dtype != self.wide
        return narrow and self.hidden.device.type == "cuda"  # type: ignore[no-any-return]

    def _operand(self, one: Tensor) -> Tensor:
        return one.to(self.hidden.dtype if self._narrow else self.wide)

    def _widened(self, weight: Tensor) -> Tensor:
        return widened(weight, self.wide, self.room, xp=self.job.xp)

    def _kept(self, hidden: Tensor, arrays: Arrays) -> Tensor:
        """Hidden states without those that the mask excludes, whatever they hold."""
        for mask in self.job.masks(arrays):
            return torch.where(mask, hidden, 0.0)
        return hidden


def _add_product(
    to: Tensor, one: Tensor, other: Tensor, scale: float, *, fresh: bool = False
) -> None:
    """``to + scale*(one @ other)``, in place; without ``to`` where it is fresh."""
    if one.dtype == to.dtype:
        to.addmm_(one, other, beta=0 if fresh else 1, alpha=scale)
        return
    if fresh:
        to.zero_()
    to.add_(torch.mm(one, other, out_dtype=to.dtype), alpha=scale)


# --- the same as operators -----------------------------------------------------------------------
#
# The compiler would follow every tile through every formula. Operators take words only, of which
# a job is made again.

_KINDS: dict[str, Callable[[float, float | None], Measure]] = {
    "kl": lambda _, base: KLFromLogits((True, True), True, base),
    "js": lambda _, base: FDivergence(JensenShannon(), (True, True), True, base),
    "skewed": lambda share, base: FDivergence(SkewJensenShannon(share), (True, True), True, base),
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
    kind, share = _kind(job.measure)
    base = getattr(job.measure, "base", None) or 0.0
    sides = [flag for side in job.sides for flag in side]
    flags = [job.tokens, job.several, job.masked, job.xp.exact, job.dtype == torch.float64]
    flags.append(job.xp.dtype == torch.float64)
    sizes = [job.rows, job.vocabulary, job.memory, job.widened]
    return kind, [share, base, job.temperature], sides, flags, sizes


def _job(
    kind: str, numbers: Sequence[float], sides: Sequence[bool], flags: Sequence[bool],
    sizes: Sequence[int],
) -> HeadJob:  # fmt: skip
    share, base, temperature = numbers
    tokens, several, masked, exact, wide_result, wide = flags
    rows_, vocabulary, memory, widened_ = sizes
    each = len(Side._fields)
    return HeadJob(
        measure=_KINDS[kind](share, base or None),
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


@torch.library.custom_op("relentropy::heads", mutates_args=())
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


@_operator.register_fake
def _(
    arrays: Any, kind: str, numbers: Any, sides: Any, flags: Any, sizes: Any
) -> list[Tensor]:
    job = _job(kind, numbers, sides, flags, sizes)
    like = arrays[0]
    tokens = job.opened(tuple(arrays)).tokens
    shape = tokens.shape if job.several else (job.rows,)  # type: ignore[union-attr]
    outputs = [like.new_empty(shape, dtype=job.dtype) for _ in range(job.outputs)]
    empty = 0 in (job.rows, job.vocabulary)
    count = 0 if empty else _COUNTS[kind]
    return [*outputs, like.new_empty((count, job.rows), dtype=job.xp.dtype)]


@torch.library.custom_op("relentropy::heads_gradient", mutates_args=())
def _gradient_operator(
    arrays: list[torch.Tensor], kept: torch.Tensor, seeds: list[torch.Tensor],
    need: list[bool], kind: str, numbers: list[float], sides: list[bool], flags: list[bool],
    sizes: list[int],
) -> list[torch.Tensor]:  # fmt: skip
    """The gradients of the arrays that need one."""
    job = _job(kind, numbers, sides, flags, sizes)
    found = pull(job, tuple(arrays), tuple(kept), tuple(seeds), tuple(need))
    return [one for one in found if one is not None]


@_gradient_operator.register_fake
def _(
    arrays: Any, kept: Any, seeds: Any, need: Any, kind: Any, numbers: Any, sides: Any,
    flags: Any, sizes: Any,
) -> list[Tensor]:  # fmt: skip
    return [torch.empty_like(one) for one, needed in zip(arrays, need, strict=True) if needed]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    arrays, *ctx.words = inputs
    ctx.save_for_backward(*arrays, output[-1])


def _backward(ctx: Any, seeds: list[Tensor | None]) -> tuple[Any, ...]:
    job = _job(*ctx.words)
    *arrays, kept = ctx.saved_tensors
    varying = 1 if job.several else job.measure.varying
    need = [
        moves and one.requires_grad for one, moves in zip(arrays, job.moving, strict=True)
    ]
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
    sides = (Side(head=True),) if tokens else (Side(head=False, log=kind != "soft"), Side(head=True))
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
