"""The gradients of heads' arrays under torch, tile by tile.

All rows go through one part of the vocabulary before the next one: the gradient of that part of
a weight is complete then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..._formulas.logsumexp import softmax_entry
from ..jobs import Arrays, RowJob
from .job import HeadJob
from .products import Room, widened

Tensor = Any
Found = tuple[Tensor | None, ...]


def head_vjp(
    job: HeadJob,
    arrays: Arrays,
    kept: Arrays,
    seeds: Arrays,
    need: tuple[bool, ...],
    together: Callable[[list[Tensor]], None] = lambda sums: None,
) -> Found:
    """The arrays' gradients, tile by tile; None for those that need none.

    ``together`` adds what others have found to the sums that are the gradients of hidden
    states, in place, before they are rounded.
    """
    if job.rows == 0:
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
                tuple(one[block] for one in seeds), columns,
                [side.needed for side in gradients], room,
            )  # fmt: skip
            for side, slope in zip(
                (one for one in gradients if one.needed), slopes, strict=True
            ):
                side.add(slope, own, block, columns)
            del slopes, slope  # before the next ones are made
        for side in gradients:
            side.close(columns)
    together([side.hidden_sum for side in gradients if side.hidden_sum is not None])
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
        return of.vjp((*operands, *masks), kept, seeds, needed)
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
    slope = of.vjp((tile, *job.masks(arrays)), kept, (-together,), (True,))[0]
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


# --- accumulation ---------------------------------------------------------------------------


def _gradients(
    job: HeadJob, arrays: Arrays, need: tuple[bool, ...], room: Room
) -> list[_Entries | _Head]:
    found: list[_Entries | _Head] = []
    at = 0
    for index, (side, part) in enumerate(
        zip(job.sides, room.parts(len(job.sides)), strict=True)
    ):
        own = slice(at, at + side.arrays)
        if side.head:
            found.append(_Head(job, index, arrays[own], need[own], part))
        else:
            found.append(_Entries(job, index, arrays[own], need[own]))
        at += side.arrays
    return found


class _Entries:
    """The gradient of a side that is given entry by entry."""

    hidden_sum = None

    def __init__(
        self, job: HeadJob, index: int, arrays: Arrays, need: tuple[bool, ...]
    ) -> None:
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
        found = (self.hidden_sum, self.weight_all, self.bias_sum)[: len(self.arrays)]
        return tuple(
            None if one is None else one.to(array.dtype)
            for one, array in zip(found, self.arrays, strict=True)
        )

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
