"""Where a tile's rows and entries are, and how they are read and written."""

import triton
import triton.language as tl

from .arithmetic import WIDE


@triton.jit
def places(tile, n, rows, R: tl.constexpr, N: tl.constexpr):
    """Of a tile's number: its part of the rows, its rows and entries, and which there are.

    Tiles that lie side by side in a row follow each other.
    """
    parts = tl.cdiv(n, N)
    part = tile % parts
    row = (tile // parts).to(tl.int64) * R + tl.arange(0, R)
    entry = part.to(tl.int64) * N + tl.arange(0, N)
    return part, row, entry, (row < rows)[:, None] & (entry < n)[None, :]


@triton.jit
def offsets(row, entry, inner, strides):
    """Of entries of rows that lie along two axes, of which the inner has ``inner`` rows.

    The strides are those of the outer axis, of the inner one, and between entries.
    """
    start = (row // inner) * strides[0] + (row % inner) * strides[1]
    return start[:, None] + (entry * strides[2])[None, :]


@triton.jit
def read(pointer, at, there, selected, fill, MODE: tl.constexpr, MASKED: tl.constexpr):
    """Entries in working precision; ``fill`` where there are none, or ``where`` excludes."""
    x = tl.load(pointer + at, mask=there, other=0.0)
    x = x.to(tl.float64) if MODE == WIDE else x.to(tl.float32)
    if MASKED:
        there = there & selected
    return tl.where(there, x, fill)


@triton.jit
def any_of(mask):
    """For every row of a tile, as 0 or 1."""
    return tl.max(mask.to(tl.int32), 1)


@triton.jit
def write(pointer, at, x, there):
    """Numbers in the dtype they are wanted in, by way of float32 as torch rounds them."""
    kind: tl.constexpr = pointer.dtype.element_ty
    if kind != tl.float64:
        x = x.to(tl.float32)
    tl.store(pointer + at, x.to(kind), mask=there)
