"""Products of hidden states and weights, and where they are put."""

from __future__ import annotations

import sys
from typing import Any

from ..._arrays.namespace import Namespace

Array = Any


class Room:
    """Memory for the tiles of a call, one after the other.

    Where every tile had memory of its own, the allocator would keep several times as much.
    """

    def __init__(self, xp: Namespace | None) -> None:
        self.library = "" if xp is None else xp.library
        self._arrays: dict[str, Array] = {}
        self._parts: list[Room] = []
        self._xp = xp

    def parts(self, count: int) -> list[Room]:
        """As many rooms in it, the same ones every time."""
        while len(self._parts) < count:
            self._parts.append(Room(self._xp))
        return self._parts[:count]

    def array(self, name: str, shape: tuple[int, int], dtype: Any, like: Array) -> Array:
        """Where an array of that name may be, in place of the one before."""
        raw, size = self._xp.raw, shape[0] * shape[1]  # type: ignore[union-attr]
        if name not in self._arrays or self._arrays[name].shape[0] < size:
            self._arrays.pop(name, None)
            self._arrays[name] = raw.empty((size,), dtype=dtype, device=like.device)
        return raw.reshape(self._arrays[name][:size], shape)

    @property
    def serves(self) -> bool:
        """Whether results can be told where to be."""
        return self.library in {"numpy", "torch", "cupy"}


NO_ROOM = Room(None)


def product(hidden: Array, weight: Array, dtype: Any, room: Room, *, xp: Namespace) -> Array:
    """``hidden @ weight.T`` in ``dtype``, which is float32 at least.

    Products of 16-bit numbers are exact in float32, in which they are added up and stay. On the
    host they are widened first; devices multiply them as they are.
    """
    if xp.library == "jax":
        return xp.raw.matmul(hidden, weight.T, preferred_element_type=dtype)
    narrow = hidden.dtype == weight.dtype != dtype
    if xp.library == "torch" and narrow and hidden.device.type == "cuda":
        return sys.modules["torch"].mm(hidden, weight.T, out_dtype=dtype)
    hidden, weight = xp.cast(hidden, dtype), widened(weight, dtype, room, xp=xp)
    if not room.serves:
        return xp.raw.matmul(hidden, weight.T)
    shape = (hidden.shape[0], weight.shape[0])
    return xp.raw.matmul(hidden, weight.T, out=room.array("logits", shape, dtype, hidden))


def widened(weight: Array, dtype: Any, room: Room, *, xp: Namespace) -> Array:
    """A part of a weight in ``dtype``."""
    if weight.dtype == dtype or not room.serves:
        return xp.cast(weight, dtype)
    wide = room.array("weight", tuple(weight.shape), dtype, weight)
    wide[...] = weight
    return wide
