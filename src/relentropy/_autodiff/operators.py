"""Kernels of GPUs as operators of torch's, which its compiler takes as they are.

Traced from within they would be array operations; as operators they stay one pass over memory.
The compiler is told what comes out: a value for every row, the numbers that are kept, slopes.
"""

from __future__ import annotations

import torch

from .._engines import triton


@torch.library.custom_op("relentropy::rows", mutates_args=())  # type: ignore[untyped-decorator]
def rows(
    arrays: list[torch.Tensor],
    mask: torch.Tensor | None,
    kernel: str,
    kind: int,
    shape: list[int],
    axes: list[int],
    dtype: torch.dtype,
    base: float,
    base_low: float,
    numbers: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    spec = (kernel, kind, tuple(shape), tuple(axes), dtype, base, base_low, numbers)
    return triton.run_rows(tuple(arrays), mask, *spec)


@rows.register_fake  # type: ignore[untyped-decorator]
def _(
    arrays: list[torch.Tensor],
    mask: torch.Tensor | None,
    kernel: str,
    kind: int,
    shape: list[int],
    axes: list[int],
    dtype: torch.dtype,
    base: float,
    base_low: float,
    numbers: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    batch = [n for i, n in enumerate(shape) if i not in axes]
    kept = [numbers, *batch]
    first = arrays[0]
    return first.new_empty(batch, dtype=dtype), first.new_empty(kept, dtype=torch.float64)


@torch.library.custom_op("relentropy::slopes", mutates_args=())  # type: ignore[untyped-decorator]
def slopes(
    arrays: list[torch.Tensor],
    mask: torch.Tensor | None,
    kept: torch.Tensor,
    seeds: list[torch.Tensor],
    kernel: str,
    kind: int,
    shape: list[int],
    axes: list[int],
    base: float,
    need: list[bool],
) -> list[torch.Tensor]:
    spec = (kernel, kind, tuple(shape), tuple(axes), base, need)
    return list(triton.run_slopes(tuple(arrays), mask, kept, tuple(seeds), *spec))


@slopes.register_fake  # type: ignore[untyped-decorator]
def _(
    arrays: list[torch.Tensor],
    mask: torch.Tensor | None,
    kept: torch.Tensor,
    seeds: list[torch.Tensor],
    kernel: str,
    kind: int,
    shape: list[int],
    axes: list[int],
    base: float,
    need: list[bool],
) -> list[torch.Tensor]:
    return [one.new_empty(shape) for one, needed in zip(arrays, need, strict=False) if needed]
