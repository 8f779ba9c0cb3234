"""Triangular matrices in any library: factors and solutions, of nan where there are none.

torch and jax have their own, which they differentiate. Elsewhere halves are taken until single
numbers are left, so that most of the work is done by matrix products; forward substitution
keeps the digits of rows of very different sizes, which pivoting need not do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .array import Array, Library


def solve_lower(lower: Array, right: Array, *, library: str, raw: Library) -> Array:
    """X with ``lower @ X = right``; what is above the diagonal is not looked at."""
    if library == "torch":
        solve: Callable[..., Array] = sys.modules["torch"].linalg.solve_triangular
        return solve(lower, right, upper=False)
    if library == "jax":
        batch: Any = raw.broadcast_shapes(lower.shape[:-2], right.shape[:-2])
        solve = sys.modules["jax"].lax.linalg.triangular_solve
        return solve(
            raw.broadcast_to(lower, (*batch, *lower.shape[-2:])),
            raw.broadcast_to(right, (*batch, *right.shape[-2:])),
            left_side=True,
            lower=True,
        )
    return _solve(lower, right, raw)


def _solve(lower: Array, right: Array, raw: Library) -> Array:
    size = lower.shape[-1]
    if size <= 1:
        return right / lower if size else right
    half = size // 2
    first = _solve(lower[..., :half, :half], right[..., :half, :], raw)
    rest = right[..., half:, :] - lower[..., half:, :half] @ first
    second = _solve(lower[..., half:, half:], rest, raw)
    batch = second.shape[:-2]  # the second one has met both batches
    first = raw.broadcast_to(first, (*batch, *first.shape[-2:]))
    return raw.concat([first, second], axis=-2)


def cholesky(matrix: Array, *, library: str, raw: Library) -> Array:
    """The lower factor of symmetric matrices; nan where one is not positive definite."""
    if library == "torch":
        factor, failed = sys.modules["torch"].linalg.cholesky_ex(matrix)
        return raw.where(failed[..., None, None] > 0, raw.nan, factor)
    if library == "jax":
        lower: Array = raw.linalg.cholesky(matrix)
        return lower
    return _factor(matrix, raw.sqrt, None, library, raw)


def cholesky_excess(matrix: Array, *, library: str, raw: Library) -> Array:
    """F, lower triangular, with ``(I + F)(I + F)^T = I + matrix``, as accurate as the matrix.

    The entry on the diagonal is ``sqrt(1 + s) - 1``, written without the difference; 1 is added
    nowhere else but to divide by it.
    """
    one = identity(matrix.shape[-1], like=matrix, raw=raw)
    return _factor(matrix, lambda s: s / (1 + raw.sqrt(1 + s)), one, library, raw)


def _factor(
    matrix: Array,
    root: Callable[[Array], Array],
    unit: Array | None,
    library: str,
    raw: Library,
) -> Array:
    """The factor, less a unit matrix that belongs to it if there is one."""
    size = matrix.shape[-1]
    if size <= 1:
        return root(matrix)
    half = size // 2
    corner = None if unit is None else unit[:half, :half]
    first = _factor(matrix[..., :half, :half], root, corner, library, raw)
    whole = first if corner is None else first + corner
    across = raw.matrix_transpose(matrix[..., half:, :half])
    below = raw.matrix_transpose(solve_lower(whole, across, library=library, raw=raw))
    rest = matrix[..., half:, half:] - below @ raw.matrix_transpose(below)
    corner = None if unit is None else unit[half:, half:]
    second = _factor(rest, root, corner, library, raw)
    above = raw.zeros_like(across)
    return raw.concat(
        [raw.concat([first, above], axis=-1), raw.concat([below, second], axis=-1)], axis=-2
    )


def identity(size: int, *, like: Array, raw: Library) -> Array:
    """The identity of a size, of an array's dtype and device."""
    device = getattr(like, "device", None)
    made = {} if device is None or callable(device) else {"device": device}
    return raw.eye(size, dtype=like.dtype, **made)


def diagonal(matrix: Array, *, raw: Library) -> Array:
    """The diagonals, along the last axis."""
    one = identity(matrix.shape[-1], like=matrix, raw=raw)
    return raw.sum(raw.where(one > 0, matrix, raw.zeros_like(matrix)), axis=-1)


def strictly_lower(matrix: Array, *, raw: Library) -> Array:
    """The matrix with zeros on and above its diagonal."""
    return raw.tril(matrix, k=-1)
