"""Kernels of GPUs as operators of torch's, which its compiler takes as they are.

Traced from within they would be array operations; as operators they stay one pass over memory.
The compiler is told what comes out: a value for every row, the numbers that are kept, slopes.
"""

from __future__ import annotations

import torch

from . import triton


@torch.library.custom_op("relentropy::rows", mutates_args=())  # type: ignore[untyped-decorator]
def rows(
    arrays: list[torch.Tensor],
    given: torch.Tensor | None,
    mask: torch.Tensor | None,
    kernel: str,
    root: bool,
    temperature: float,
    shape: list[int],
    axes: list[int],
    dtype: torch.dtype,
    base: float,
    base_low: float,
    values: int,
    numbers: int,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    of = (kernel, root, temperature, tuple(shape), tuple(axes))
    out, kept = triton.run_rows(
        tuple(arrays), given, mask, *of, dtype, base, base_low, values, numbers
    )
    return list(out), kept


@rows.register_fake  # type: ignore[untyped-decorator]
def _(
    arrays: list[torch.Tensor],
    given: torch.Tensor | None,
    mask: torch.Tensor | None,
    kernel: str,
    root: bool,
    temperature: float,
    shape: list[int],
    axes: list[int],
    dtype: torch.dtype,
    base: float,
    base_low: float,
    values: int,
    numbers: int,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    batch = [n for i, n in enumerate(shape) if i not in axes]
    kept = [numbers, *batch]
    first = arrays[0]
    out = [first.new_empty(batch, dtype=dtype) for _ in range(values)]
    return out, first.new_empty(kept, dtype=torch.float64)


@torch.library.custom_op("relentropy::slopes", mutates_args=())  # type: ignore[untyped-decorator]
def slopes(
    arrays: list[torch.Tensor],
    given: torch.Tensor | None,
    mask: torch.Tensor | None,
    kept: torch.Tensor,
    seeds: list[torch.Tensor],
    kernel: str,
    root: bool,
    temperature: float,
    shape: list[int],
    axes: list[int],
    base: float,
    need: list[bool],
) -> list[torch.Tensor]:
    of = (kernel, root, temperature, tuple(shape), tuple(axes))
    found = triton.run_slopes(tuple(arrays), given, mask, kept, tuple(seeds), *of, base, need)
    return list(found)


@slopes.register_fake  # type: ignore[untyped-decorator]
def _(
    arrays: list[torch.Tensor],
    given: torch.Tensor | None,
    mask: torch.Tensor | None,
    kept: torch.Tensor,
    seeds: list[torch.Tensor],
    kernel: str,
    root: bool,
    temperature: float,
    shape: list[int],
    axes: list[int],
    base: float,
    need: list[bool],
) -> list[torch.Tensor]:
    return [one.new_empty(shape) for one, needed in zip(arrays, need, strict=False) if needed]
