"""The two drivers: `fold` ends with numbers per row, `fmap` with numbers per entry.

`fold` makes passes over the data; `fmap` makes one, given the row's numbers. Both see the
data as blocks of shape (n, rows) in working precision, masked entries replaced before any
arithmetic. A plan cuts the rows into tasks and, where rows are long, each row into leaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .axes import Box, Layout, boxes
from .namespace import Namespace
from .plan import Plan
from .protocols import Fold, Reduction, State
from .words import with_words, words_of

Array = Any
Finish = Callable[..., tuple[Array, ...]]


@dataclass(frozen=True)
class Data:
    """Operands opened to (reduced axes, other axes), with what replaces masked entries."""

    layout: Layout
    arrays: tuple[Array, ...]
    fills: tuple[float | None, ...]
    mask: Array | None
    xp: Namespace

    @classmethod
    def open(
        cls,
        layout: Layout,
        arrays: tuple[Array, ...],
        fills: tuple[float | None, ...],
        mask: Array | None,
        xp: Namespace,
    ) -> Data:
        views = tuple(layout.open(array, xp.raw) for array in arrays)
        mask = None if mask is None else layout.open(mask, xp.raw)
        return cls(layout, views, fills, mask, xp)

    def block(self, box: Box, shape: tuple[int, int]) -> tuple[Array, ...]:
        xp = self.xp
        blocks = tuple(xp.block(part(array, box), shape) for array in self.arrays)
        if self.mask is None:
            return blocks
        chosen = self.chosen(box, shape)
        return tuple(
            block if fill is None else xp.where(chosen, block, fill)
            for block, fill in zip(blocks, self.fills, strict=True)
        )

    def chosen(self, box: Box, shape: tuple[int, int]) -> Array:
        """The mask's block."""
        return self.xp.raw.reshape(part(self.mask, box), shape)

    def cut(self, plan: Plan) -> tuple[list[tuple[Box, int]], list[tuple[Box, int]]]:
        """The leaves of a row, and the tasks of rows."""
        leaves = list(boxes(self.layout.reduced, plan.leaf))
        longest = max(1, leaves[0][1])  # only the last may be shorter
        width = None if plan.tile is None else max(1, plan.tile // longest)
        return leaves, list(boxes(self.layout.batch, width))


def part(array: Array, box: Box) -> Array:
    """The box of an array; all of it as it is, for transforms that know no views of all."""
    return array if all(one == slice(None) for one in box) else array[box]


def fold(
    reduction: Reduction, layout: Layout, arrays: tuple[Array, ...], mask: Array | None,
    dtype: Any, plan: Plan, *, xp: Namespace, more: Finish | None = None,
) -> tuple[Array, ...]:  # fmt: skip
    """All passes of a reduction over all rows; each output has the shape ``layout.batch``.

    ``dtype`` is what outputs are rounded to; None leaves them in working precision. What
    ``more`` makes of the same passes follows the outputs and stays in working precision (it
    is left out where there is no data).
    """
    if 0 in layout.shape:
        made = {"dtype": dtype or xp.dtype, "device": getattr(arrays[0], "device", None)}
        return tuple(xp.raw.full(layout.batch, empty, **made) for empty in reduction.empty)
    data = Data.open(layout, arrays, reduction.fills, mask, xp)
    leaves, tasks = data.cut(plan)

    def done(rows: Box, width: int) -> tuple[Array, ...]:
        stats = _passes(reduction, data, leaves, rows, width)
        outputs = reduction.finish(stats, xp=xp)
        if data.mask is not None:
            chosen = _any_chosen(data, leaves, rows, width)
            outputs = tuple(
                xp.where(chosen, output, empty)
                for output, empty in zip(outputs, reduction.empty, strict=True)
            )
        if dtype is not None:
            outputs = tuple(xp.cast(output, dtype) for output in outputs)
        return outputs if more is None else (*outputs, *more(stats, xp=xp))

    if len(tasks) == 1:
        return tuple(xp.raw.reshape(one, layout.batch) for one in done(*tasks[0]))
    # Written where they belong: small arrays kept between tiles would scatter the heap.
    targets: tuple[Array, ...] = ()
    for rows, width in tasks:
        outputs = done(rows, width)
        targets = targets or tuple(_empty(layout.batch, one, xp=xp) for one in outputs)
        for target, one in zip(targets, outputs, strict=True):
            target[rows] = xp.raw.reshape(one, target[rows].shape)
    return targets


def _empty(shape: tuple[int, ...], like: Array, *, xp: Namespace) -> Array:
    return xp.raw.empty(shape, dtype=like.dtype, device=getattr(like, "device", None))


def _passes(
    reduction: Reduction, data: Data, leaves: list[tuple[Box, int]], rows: Box, width: int
) -> tuple[State, ...]:
    xp = data.xp
    stats: tuple[State, ...] = ()
    for one in reduction.passes(xp=xp):
        blocks = (data.block(leaf + rows, (n, width)) for leaf, n in leaves)
        states = (one.step(block, stats, xp=xp) for block in blocks)
        stats += (merged(states, one, xp=xp),)
    return stats


def state(
    one: Fold, layout: Layout, arrays: tuple[Array, ...], fills: tuple[float | None, ...],
    mask: Array | None, stats: tuple[State, ...], plan: Plan, *, xp: Namespace,
) -> State:  # fmt: skip
    """One pass over a part of every row, given the results of the passes before.

    Its arrays have the shape (1, rows), as those of ``stats`` have.
    """
    data = Data.open(layout, arrays, fills, mask, xp)
    leaves, tasks = data.cut(plan)
    words = tuple(xp.raw.reshape(word, layout.batch) for word in words_of(stats))

    def done(rows: Box, width: int) -> State:
        own = tuple(xp.raw.reshape(part(word, rows), (1, width)) for word in words)
        known = with_words(stats, own)
        blocks = (data.block(leaf + rows, (n, width)) for leaf, n in leaves)
        return merged((one.step(block, known, xp=xp) for block in blocks), one, xp=xp)

    if len(tasks) == 1:
        return done(*tasks[0])
    targets: tuple[Array, ...] = ()
    for rows, width in tasks:
        found = done(rows, width)
        outputs = words_of(found)
        targets = targets or tuple(_empty(layout.batch, word, xp=xp) for word in outputs)
        for target, word in zip(targets, outputs, strict=True):
            target[rows] = xp.raw.reshape(word, target[rows].shape)
    whole = (1, math.prod(layout.batch))
    return with_words(found, tuple(xp.raw.reshape(word, whole) for word in targets))


def merged(states: Iterable[State], one: Fold, *, xp: Namespace) -> State:
    """The states of one pass as one, in an order that depends on their number alone."""
    return merge_all(states, partial(one.merge, xp=xp))


def _any_chosen(data: Data, leaves: list[tuple[Box, int]], rows: Box, width: int) -> Array:
    return merge_all(
        (data.xp.any(data.chosen(leaf + rows, (n, width))) for leaf, n in leaves),
        lambda a, b: a | b,
    )


def merge_all(states: Iterable[Any], merge: Callable[[Any, Any], Any]) -> Any:
    """Merge in a balanced tree whose shape depends on the number of states alone."""
    stack: list[tuple[int, Any]] = []
    for state in states:
        level = 0
        while stack and stack[-1][0] == level:
            state = merge(stack.pop()[1], state)
            level += 1
        stack.append((level, state))
    result = stack.pop()[1]
    while stack:
        result = merge(stack.pop()[1], result)
    return result


def fmap(
    fn: Callable[..., tuple[Array, ...]],
    layout: Layout,
    arrays: tuple[Array, ...],
    fills: tuple[float | None, ...],
    mask: Array | None,
    numbers: tuple[Array, ...],
    dtypes: tuple[Any, ...],
    plan: Plan,
    *,
    xp: Namespace,
) -> tuple[Array, ...]:
    """``fn(block, the rows' numbers, xp=xp)`` on every entry; one array for each dtype.

    Results have the full shape, and are 0 where the mask excludes.
    """
    device = getattr(arrays[0], "device", None)
    if 0 in layout.shape:
        return tuple(xp.raw.empty(layout.shape, dtype=one, device=device) for one in dtypes)
    data = Data.open(layout, arrays, fills, mask, xp)
    leaves, tasks = data.cut(plan)

    def done(leaf: Box, n: int, task: Box, width: int) -> tuple[Array, ...]:
        box, shape = leaf + task, (n, width)
        rows = tuple(xp.raw.reshape(part(one, task), (1, width)) for one in numbers)
        results = fn(data.block(box, shape), rows, xp=xp)
        if mask is not None:
            chosen = data.chosen(box, shape)
            results = tuple(xp.where(chosen, one, 0.0) for one in results)
        return tuple(xp.cast(one, dtype) for one, dtype in zip(results, dtypes, strict=True))

    if len(leaves) == len(tasks) == 1:
        found = done(*leaves[0], *tasks[0])
        return tuple(xp.in_order(layout.close(one, xp.raw)) for one in found)
    results = tuple(xp.raw.empty(layout.shape, dtype=one, device=device) for one in dtypes)
    targets = tuple(layout.open(one, xp.raw) for one in results)
    for task, width in tasks:
        for leaf, n in leaves:
            box = leaf + task
            for target, one in zip(targets, done(leaf, n, task, width), strict=True):
                target[box] = xp.raw.reshape(one, target[box].shape)
    return results
