"""The two drivers, and the one place that decides how a call's data are cut.

`fold` makes passes over the data and ends with numbers per row; `fmap` makes one pass and
ends with numbers per entry, given the row's numbers. Both see the data as blocks of shape
(n, rows) in working precision, masked entries replaced before any arithmetic.

WHOLE is one block. TILED cuts the rows into tasks and, where rows are long, each row into
leaves; the leaf's length and the shape of the merge tree are constants, so that results do
not depend on how many rows a task takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

import numpy as np

from .axes import Box, Layout, boxes
from .namespace import Namespace

Array = Any
State = Any


class Fold(Protocol):
    """One pass over the data: a state for every block, and states that merge."""

    def step(
        self, block: tuple[Array, ...], stats: tuple[State, ...], *, xp: Namespace
    ) -> State:
        """The state of one block, given the results of the passes before."""

    def merge(self, one: State, other: State, *, xp: Namespace) -> State:
        """The state of two blocks together; any order."""


class Reduction(Protocol):
    """Passes over the data, and what they end in."""

    @property
    def fills(self) -> tuple[float, ...]:
        """For each operand, what an entry becomes that ``where`` excludes."""

    @property
    def empty(self) -> tuple[float, ...]:
        """The outputs for a row of which nothing is selected."""

    def passes(self, *, xp: Namespace) -> tuple[Fold, ...]: ...

    def finish(self, stats: tuple[State, ...], *, xp: Namespace) -> tuple[Array, ...]:
        """The result, and further outputs if there are any, each (1, rows)."""


class Measure(Reduction, Protocol):
    """A reduction with a derivative."""

    def grad(
        self,
        block: tuple[Array, ...],
        stats: tuple[State, ...],
        need: tuple[bool, ...],
        *,
        xp: Namespace,
    ) -> tuple[Array | None, ...]:
        """The result's derivative by every entry of each operand that needs one."""


@dataclass(frozen=True)
class Plan:
    """How many entries of a row a step sees (``leaf``) and how many a block has (``tile``)."""

    leaf: int | None
    tile: int | None


WHOLE = Plan(leaf=None, tile=None)
# A block and its temporaries stay in the second-level cache.
TILED = Plan(leaf=1 << 14, tile=1 << 14)
# On a device a block must be large enough to fill it, and small enough to fit many times.
TILED_ON_DEVICE = Plan(leaf=1 << 18, tile=1 << 24)


def choose(library: str, arrays: tuple[Array, ...]) -> Plan:
    """Tiles for plain eager arrays; everything traced, wrapped or differentiated is whole."""
    if library == "numpy":
        return TILED
    if library == "cupy":
        return TILED_ON_DEVICE
    if library == "torch" and all(_is_plain(array) for array in arrays):
        on_host = all(array.device.type == "cpu" for array in arrays)
        return TILED if on_host else TILED_ON_DEVICE
    return WHOLE


def _is_plain(tensor: Array) -> bool:
    torch = sys.modules["torch"]
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.device.type in {"cpu", "cuda", "mps", "xpu"}
        and not torch.compiler.is_compiling()
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        and not (tensor.requires_grad and torch.is_grad_enabled())
    )


@dataclass(frozen=True)
class Data:
    """Operands opened to (reduced axes, other axes), with what replaces masked entries."""

    layout: Layout
    arrays: tuple[Array, ...]
    fills: tuple[float, ...]
    mask: Array | None
    xp: Namespace

    @classmethod
    def open(
        cls,
        layout: Layout,
        arrays: tuple[Array, ...],
        fills: tuple[float, ...],
        mask: Array | None,
        xp: Namespace,
    ) -> Data:
        views = tuple(layout.open(array, xp.raw) for array in arrays)
        mask = None if mask is None else layout.open(mask, xp.raw)
        return cls(layout, views, fills, mask, xp)

    def block(self, box: Box, shape: tuple[int, int]) -> tuple[Array, ...]:
        xp = self.xp
        blocks = tuple(xp.block(array[box], shape) for array in self.arrays)
        if self.mask is None:
            return blocks
        chosen = self.chosen(box, shape)
        return tuple(
            xp.where(chosen, block, fill)
            for block, fill in zip(blocks, self.fills, strict=True)
        )

    def chosen(self, box: Box, shape: tuple[int, int]) -> Array:
        """The mask's block."""
        return self.xp.raw.reshape(self.mask[box], shape)  # type: ignore[index]

    def cut(self, plan: Plan) -> tuple[list[tuple[Box, int]], list[tuple[Box, int]]]:
        """The leaves of a row, and the tasks of rows."""
        leaves = list(boxes(self.layout.reduced, plan.leaf))
        longest = max(1, leaves[0][1])  # only the last may be shorter
        width = None if plan.tile is None else max(1, plan.tile // longest)
        return leaves, list(boxes(self.layout.batch, width))


def fold(
    measure: Reduction, layout: Layout, arrays: tuple[Array, ...], mask: Array | None,
    dtype: Any, plan: Plan, *, xp: Namespace,
) -> tuple[Array, ...]:  # fmt: skip
    """All passes of a measure over all rows; each output has the shape ``layout.batch``.

    ``dtype`` is what outputs are rounded to; None leaves them in working precision.
    """
    if 0 in layout.shape:
        made = {"dtype": dtype or xp.dtype, "device": getattr(arrays[0], "device", None)}
        return tuple(xp.raw.full(layout.batch, empty, **made) for empty in measure.empty)
    data = Data.open(layout, arrays, measure.fills, mask, xp)
    leaves, tasks = data.cut(plan)
    if len(tasks) == 1:
        done = _fold_rows(measure, data, leaves, *tasks[0])
        return tuple(xp.raw.reshape(_cast(one, dtype, xp=xp), layout.batch) for one in done)
    # Written where they belong: small arrays kept between tiles would scatter the heap.
    device = getattr(arrays[0], "device", None)
    made = {"dtype": dtype or xp.dtype, "device": device}
    outputs = tuple(xp.raw.empty(layout.batch, **made) for _ in measure.empty)
    for rows, width in tasks:
        for target, one in zip(
            outputs, _fold_rows(measure, data, leaves, rows, width), strict=True
        ):
            target[rows] = xp.raw.reshape(_cast(one, dtype, xp=xp), target[rows].shape)
    return outputs


def _cast(array: Array, dtype: Any, *, xp: Namespace) -> Array:
    return array if dtype is None else xp.cast(array, dtype)


def _fold_rows(
    measure: Reduction, data: Data, leaves: list[tuple[Box, int]], rows: Box, width: int
) -> tuple[Array, ...]:
    xp = data.xp
    stats: tuple[State, ...] = ()
    for one in measure.passes(xp=xp):
        blocks = (data.block(leaf + rows, (n, width)) for leaf, n in leaves)
        states = (one.step(block, stats, xp=xp) for block in blocks)
        stats += (_merged(states, partial(one.merge, xp=xp)),)
    outputs = measure.finish(stats, xp=xp)
    if data.mask is None:
        return outputs
    any_chosen = _merged(
        (xp.any(data.chosen(leaf + rows, (n, width))) for leaf, n in leaves),
        lambda a, b: a | b,
    )
    return tuple(
        xp.where(any_chosen, output, empty)
        for output, empty in zip(outputs, measure.empty, strict=True)
    )


def _merged(states: Any, merge: Callable[[State, State], State]) -> State:
    """Merge in a balanced tree whose shape depends on the number of states alone."""
    stack: list[tuple[int, State]] = []
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
    fn: Callable[..., Array],
    layout: Layout,
    arrays: tuple[Array, ...],
    fills: tuple[float, ...],
    mask: Array | None,
    stats: tuple[Array, ...],
    dtype: Any,
    plan: Plan,
    *,
    xp: Namespace,
) -> Array:
    """``fn(*block, *row statistics, xp=xp)`` on every entry; the result has the full shape."""
    device = getattr(arrays[0], "device", None)
    if 0 in layout.shape:
        return xp.raw.empty(layout.shape, dtype=dtype, device=device)
    data = Data.open(layout, arrays, fills, mask, xp)
    leaves, tasks = data.cut(plan)
    if len(leaves) == len(tasks) == 1:
        shape = leaves[0][1], tasks[0][1]
        rows = tuple(xp.raw.reshape(one, (1, shape[1])) for one in stats)
        block = fn(*data.block(leaves[0][0] + tasks[0][0], shape), *rows, xp=xp)
        return layout.close(xp.cast(block, dtype), xp.raw)
    out = xp.raw.empty(layout.shape, dtype=dtype, device=device)
    target = layout.open(out, xp.raw)
    for task, width in tasks:
        rows = tuple(xp.raw.reshape(one[task], (1, width)) for one in stats)
        for leaf, n in leaves:
            box = leaf + task
            block = fn(*data.block(box, (n, width)), *rows, xp=xp)
            target[box] = xp.raw.reshape(xp.cast(block, dtype), target[box].shape)
    return out


def run(
    driver: Callable[..., Any], library: str, arrays: tuple[Array, ...], *static: Any
) -> Any:
    """Call ``driver(*static, *arrays)`` as its library wants it.

    Under jax the driver is compiled whole: a formula is hundreds of small operations, each
    of which would otherwise be compiled and dispatched on its own. numpy, and what is
    built on it, is kept from warning of the infinities and nans that formulas select away.
    """
    if library == "jax":
        return _compiled(driver, len(static))(*static, *arrays)
    if library in {"numpy", "strict"}:
        with np.errstate(all="ignore"):
            return driver(*static, *arrays)
    return driver(*static, *arrays)


@cache
def _compiled(driver: Callable[..., Any], static: int) -> Callable[..., Any]:
    jax = sys.modules["jax"]
    compiled: Callable[..., Any] = jax.jit(driver, static_argnums=tuple(range(static)))
    return compiled
