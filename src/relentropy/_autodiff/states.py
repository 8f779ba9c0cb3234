"""The state of a part of rows, from a compiled kernel where there is one.

Whoever has only a part of every row, a tile, a chunk, a shard, merges its state with those of
the other parts by the fold's own ``merge``, and ends with the measure's own ``finish``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._arrays import drivers
from .._arrays.axes import Layout
from .._arrays.namespace import Namespace
from .._arrays.plan import choose
from .._arrays.protocols import Fold, State
from .._engines import front

Array = Any
Arrays = tuple[Array, ...]


@dataclass(frozen=True)
class Part:
    """What kernels have to know of the arrays that they are given."""

    layout: Layout
    xp: Namespace


def state_of(
    of: Any,
    layout: Layout,
    arrays: Arrays,
    mask: Array | None,
    *,
    xp: Namespace,
    stats: tuple[State, ...] = (),
    fills: tuple[float | None, ...] | None = None,
) -> State:
    """The state of the entries that the arrays have, each of its arrays of shape (1, rows).

    ``of`` is a measure, of which the pass is taken that follows those whose results are
    ``stats``, or a fold, whose ``fills`` are to be told where there is a mask or no entry. Rows
    are in the order of ``layout.batch``. A part without any entry has the state of masked ones.
    """
    fold: Fold = of
    if hasattr(of, "passes"):
        fold, fills = of.passes(xp=xp)[len(stats)], of.fills
    if fills is None:
        fills = (None,) * len(arrays)
    if 0 in layout.reduced:
        layout, arrays = _nothing(layout, arrays, fills, xp=xp)
        mask = None
    elif not stats and 0 not in layout.shape:
        state = front.state(Part(layout, xp), fold, arrays, mask)
        if state is not None:
            return state
    masks = () if mask is None else (mask,)
    plan = choose(xp.library, (*arrays, *masks))
    return drivers.state(fold, layout, arrays, fills, mask, stats, plan, xp=xp)


def _nothing(
    layout: Layout, arrays: Arrays, fills: tuple[float | None, ...], *, xp: Namespace
) -> tuple[Layout, Arrays]:
    """One masked entry of every row in place of none."""
    one = Layout(layout.kept, layout.axes)
    device = getattr(arrays[0], "device", None)

    def entry(array: Array, fill: float | None) -> Array:
        if fill is not None:
            return xp.raw.full(one.shape, fill, dtype=xp.dtype, device=device)
        if 0 not in tuple(array.shape):
            return array  # one for the row
        return xp.raw.full(one.shape, -1, dtype=array.dtype, device=device)  # no position

    return one, tuple(entry(*both) for both in zip(arrays, fills, strict=True))
