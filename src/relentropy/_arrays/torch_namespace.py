"""torch's namespaces, all made on import.

torch's compiler runs an import as it is, but would have to trace whatever is made on the way.
"""

from __future__ import annotations

from typing import Any

import array_api_compat.torch as raw

from .namespace import Namespace

Array = Any


class TorchNamespace(Namespace):
    def __init__(self, library: str, raw: Any, name: str, exact: bool) -> None:
        super().__init__(library, raw, name, exact)
        self.log1p = self._log1p

    def _log1p(self, x: Array) -> Array:
        # On a CPU the smallest subnormal numbers give 0, which hides inf*0 and loses them.
        small = (self.raw.abs(x) < self.limits.tiny) & (x != 0)
        return self.raw.where(small, x, self.raw.log1p(x))

    def writes_in_place(self) -> bool:
        # What is recorded for derivatives may not be overwritten.
        return not raw.is_grad_enabled()

    def concat(self, arrays: list[Array], axis: int) -> Array:
        # Not `concat`, which batched derivatives do not know.
        return self.raw.cat(arrays, dim=axis)

    def cast(self, array: Array, dtype: Any) -> Array:
        return array.to(dtype)

    def _contiguous(self, array: Array, shape: tuple[int, int]) -> Array:
        return array.reshape(shape).contiguous()

    def maximum(self, one: Array, other: Any) -> Array:
        if isinstance(other, float):
            return self.raw.clamp(one, min=other)
        return self.raw.maximum(one, other)

    def minimum(self, one: Array, other: Any) -> Array:
        if isinstance(other, float):
            return self.raw.clamp(one, max=other)
        return self.raw.minimum(one, other)

    def in_order(self, array: Array) -> Array:
        return array.contiguous()


NAMESPACES = {
    (name, exact): TorchNamespace("torch", raw, name, exact)
    for name in ("float32", "float64")
    for exact in (True, False)
}
