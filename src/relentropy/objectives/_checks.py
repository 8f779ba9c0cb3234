"""Checks of arguments that the objectives share; each names the argument and what would do."""

from __future__ import annotations

import math
from typing import Any

from .._arrays.plain import Plain


def require_tokens(name: str, shape: tuple[int, ...]) -> None:
    """Numbers of tokens have a batch and a time axis."""
    if len(shape) != 2:
        raise ValueError(f"{name} must have the shape (batch, time), not {shape}")


def require_shapes(plain: Plain, wanted: dict[str, tuple[tuple[int, ...], ...]]) -> None:
    """Each of the named arrays that there are must have one of its shapes."""
    for name, shapes in wanted.items():
        one = plain.arrays[name]
        if one is not None and not any(_agree(tuple(one.shape), shape) for shape in shapes):
            named = " or ".join(str(shape) for shape in shapes)
            raise ValueError(f"{name} must have the shape {named}, not {tuple(one.shape)}")


def _agree(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether sizes are equal, where a lazy array knows them: one that is not known is nan."""
    return len(found) == len(wanted) and all(
        one == other or one != one or other != other
        for one, other in zip(found, wanted, strict=True)
    )


def checked_length(max_length: Any, mode: str) -> int | None:
    """The constant of Dr. GRPO, where it is of any use."""
    if max_length is None:
        return None
    if mode != "seq-mean-token-sum-norm":
        raise ValueError(
            f"max_length is the constant of 'seq-mean-token-sum-norm'; {mode!r} has none"
        )
    if isinstance(max_length, bool) or not hasattr(max_length, "__index__"):
        raise TypeError(f"max_length must be an integer, not {max_length!r}")
    if max_length.__index__() < 1:
        raise ValueError(f"max_length must be at least 1, not {max_length!r}")
    return int(max_length.__index__())


def checked_denominator(denominator: Any) -> Any:
    """A count: a plain number is looked at, an array only at its shape."""
    if tuple(getattr(denominator, "shape", ())) or isinstance(denominator, list | tuple):
        raise ValueError("denominator must be a single number or a 0-d array")
    if isinstance(denominator, int | float) and not denominator >= 0:
        raise ValueError(f"denominator must not be negative or nan, not {denominator!r}")
    return denominator


def checked_beta(beta: Any) -> Any:
    """A coefficient: a plain number is looked at, an array only at its shape."""
    if tuple(getattr(beta, "shape", ())) or isinstance(beta, list | tuple):
        raise ValueError("beta must be a single number or a 0-d array")
    if isinstance(beta, int | float) and not 0 <= beta < math.inf:
        raise ValueError(f"beta must be finite and not negative, not {beta!r}")
    return beta


def is_zero(beta: Any) -> bool:
    """Whether a coefficient is known to be none: what it multiplies may then be infinite."""
    return isinstance(beta, int | float) and beta == 0
