"""Checks of arguments that the objectives share; each names the argument and what would do."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _arguments
from .._arrays.library import from_loose, require_dense_array
from .._arrays.plain import Plain
from .._formulas.estimates import ESTIMATORS
from ..estimators.samples import ALIASES, named


def require_given(**arrays: Any) -> None:
    """What an objective cannot do without."""
    for name, one in arrays.items():
        if one is None:
            raise TypeError(f"{name} must be an array, not None")


def shape_of(name: str, x: Any) -> tuple[int, ...]:
    """The shape of an array, or of a list of numbers."""
    if isinstance(x, list | tuple):
        x = from_loose(name, x)
    elif not isinstance(x, (np.ndarray, np.generic, bool, int, float)):
        require_dense_array(name, x)  # some that are not have no shape
    return tuple(getattr(x, "shape", ()))


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


def agree(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether sizes are equal, where a lazy array knows them: one that is not known is nan."""
    return len(found) == len(wanted) and all(
        one == other or one != one or other != other
        for one, other in zip(found, wanted, strict=True)
    )


def broadcasts(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a shape broadcasts to another one, as far as its sizes are known."""
    return len(found) <= len(wanted) and all(
        one == 1 or agree((one,), (other,))
        for one, other in zip(found[::-1], wanted[::-1], strict=False)
    )


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


def is_zero(beta: Any) -> bool:
    """Whether a coefficient is known to be none, before anything is computed."""
    return isinstance(beta, float) and beta == 0


def checked_estimator(kl: Any, kl_gradient: Any) -> tuple[str, bool]:
    """The estimator of a penalty, and whether its gradient is straight-through."""
    plain = str(kl).removesuffix("+")
    _arguments.chosen("kl", ALIASES.get(plain, plain), tuple(ESTIMATORS))
    _arguments.chosen("kl_gradient", kl_gradient, ("pathwise", "straight_through"))
    return named(kl, kl_gradient)
