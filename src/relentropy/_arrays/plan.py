"""The one place that decides how a call's data are cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .torch_internals import are_plain

Array = Any


@dataclass(frozen=True)
class Plan:
    """How many entries of a row a step sees (``leaf``) and how many a block has (``tile``).

    The leaf's length and the shape of the merge tree are constants, so that results do not
    depend on how many rows a task takes.
    """

    leaf: int | None
    tile: int | None


WHOLE = Plan(leaf=None, tile=None)
# A block and its temporaries stay in the second-level cache.
TILED = Plan(leaf=1 << 14, tile=1 << 14)
# On a device a block must be large enough to fill it, and small enough to fit many times.
TILED_ON_DEVICE = Plan(leaf=1 << 18, tile=1 << 24)


def choose(library: str, arrays: tuple[Array, ...]) -> Plan:
    """Tiles for plain eager arrays; everything traced, wrapped or recorded is whole."""
    if library == "numpy":
        return TILED
    if library == "cupy":
        return TILED_ON_DEVICE
    if library == "torch" and are_plain(arrays):
        on_host = all(array.device.type == "cpu" for array in arrays)
        return TILED if on_host else TILED_ON_DEVICE
    return WHOLE
