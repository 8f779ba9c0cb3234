"""Checks that the measures share; each names the argument and what would do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._arrays.library import from_loose, require_dense_array

FromLogits = bool | tuple[bool, bool]
Axes = int | tuple[int, ...] | None


def both_flags(from_logits: Any) -> tuple[bool, bool]:
    """``from_logits`` as one flag for each side."""
    if _is_flag(from_logits):
        return bool(from_logits), bool(from_logits)
    if isinstance(from_logits, tuple | list) and len(from_logits) == 2:
        one, other = from_logits
        if _is_flag(one) and _is_flag(other):
            return bool(one), bool(other)
    raise TypeError(
        f"from_logits must be a bool or a pair (p_is_log, q_is_log), not {from_logits!r}"
    )


def one_flag(name: str, value: Any) -> bool:
    """A plain bool."""
    if not _is_flag(value):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def checked_base(base: Any) -> float | None:
    """The base of the logarithm as a float; None and e itself mean nats."""
    if base is None:
        return None
    if isinstance(base, bool) or not isinstance(base, int | float | np.integer | np.floating):
        raise TypeError(f"base must be a number or None, not {base!r}")
    value = float(base) if base < 2**1000 else math.inf
    if not 1 < value < math.inf:
        raise ValueError(f"base must be greater than 1 and finite, not {base!r}")
    return None if value == math.e else value


def refuse_labels(p: Any, q: Any) -> None:
    """Class labels are no distribution, and would be read as counts."""
    p_shape, q_shape = _shape("p", p), _shape("q", q)
    integral = "int" in str(getattr(p, "dtype", "")) or (
        isinstance(p, list | tuple | int) and from_loose("p", p).dtype.kind in "iu"
    )
    if integral and len(p_shape) == len(q_shape) - 1 and p_shape == q_shape[:-1]:
        raise TypeError(
            f"p of shape {p_shape} and integer dtype looks like class labels for q of shape "
            f"{q_shape}; a distribution has one weight for each class. The surprise of labels "
            "is -log_softmax(q) at the labels (relentropy.special.log_softmax); "
            "where counts are meant, pass p[None] or floats"
        )


def _shape(name: str, x: Any) -> tuple[int, ...]:
    if isinstance(x, list | tuple):
        x = from_loose(name, x)
    elif hasattr(x, "shape") and not isinstance(x, (np.ndarray, np.generic)):
        require_dense_array(name, x)  # some that are not have no shape
    return tuple(getattr(x, "shape", ()))
