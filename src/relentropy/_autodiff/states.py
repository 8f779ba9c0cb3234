"""The state of a part of some rows, by the formulas."""

from __future__ import annotations

from typing import Any

from .._arrays.axes import Layout
from .._arrays.drivers import part_of
from .._arrays.namespace import Namespace
from .._arrays.plan import choose
from .._arrays.protocols import Measure, State

Array = Any


def state_of(
    measure: Measure, layout: Layout, arrays: tuple[Array, ...], mask: Array | None, *,
    xp: Namespace,
) -> State:  # fmt: skip
    """The state of the first pass of a measure over data that are a part of their rows."""
    masks = () if mask is None else (mask,)
    plan = choose(xp.library, (*arrays, *masks))
    fold = measure.passes(xp=xp)[0]
    return part_of(fold, layout, arrays, measure.fills, mask, (), plan, xp=xp).state
