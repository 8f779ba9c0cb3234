"""Checks of arguments that the objectives share; each names the argument and what would do."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _arguments
from .._arrays.axes import agree
from .._arrays.plain import Plain


def require_given(**arrays: Any) -> None:
    """What an objective cannot do without."""
    for name, one in arrays.items():
        if one is None:
            raise TypeError(f"{name} must be an array, not None")


def require_tokens(name: str, shape: tuple[int, ...]) -> None:
    """Numbers of tokens have a batch and a time axis."""
    if len(shape) != 2:
        raise ValueError(f"{name} must have the shape (batch, time), not {shape}")


def require_shapes(plain: Plain, wanted: dict[str, tuple[tuple[int, ...], ...]]) -> None:
    """Each of the named arrays that there are must have one of its shapes."""
    for name, shapes in wanted.items():
        one = plain.arrays[name]
        if one is not None and not any(agree(tuple(one.shape), shape) for shape in shapes):
            listed = " or ".join(str(shape) for shape in shapes)
            raise ValueError(f"{name} must have the shape {listed}, not {tuple(one.shape)}")


def checked_length(max_length: Any, mode: str) -> int | None:
    """The constant of Dr. GRPO, where it is of any use."""
    if max_length is None:
        return None
    if mode != "seq-mean-token-sum-norm":
        raise ValueError(
            f"max_length is the constant of 'seq-mean-token-sum-norm'; {mode!r} has none"
        )
    return _arguments.integer("max_length", max_length, 1)


def checked_denominator(denominator: Any) -> Any:
    """A count: a plain number is looked at, an array only at its shape."""
    return None if denominator is None else _number_or_array("denominator", denominator)


def checked_beta(beta: Any) -> Any:
    """A coefficient: a plain number is looked at, an array only at its shape."""
    return _number_or_array("beta", beta)


def _number_or_array(name: str, value: Any) -> Any:
    if hasattr(value, "shape") and not isinstance(value, np.generic):
        if tuple(value.shape):
            raise ValueError(f"{name} must be a single number or a 0-d array")
        return value
    if isinstance(value, list | tuple):
        raise ValueError(f"{name} must be a single number or a 0-d array")
    found = _arguments.number(name, value)
    if found < 0:
        raise ValueError(f"{name} must not be negative, not {value!r}")
    return found
