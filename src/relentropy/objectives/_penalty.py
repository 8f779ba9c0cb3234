"""A coefficient times a divergence, which a coefficient of 0 takes away."""

from __future__ import annotations

from typing import Any

from .._arrays.protocols import Elementwise
from .._call import elementwise

Array = Any


def _product(beta: Array, divergence: Array, /, *, xp: Any) -> Array:
    none = beta == 0
    return xp.where(none, 0.0, beta * xp.where(none, 0.0, divergence))


def _by_beta(beta: Array, divergence: Array, /, *, xp: Any) -> Array:
    return divergence


def _by_divergence(beta: Array, divergence: Array, /, *, xp: Any) -> Array:
    return beta


# The chain rule takes 0 times an infinite slope as 0.
_PENALTY = Elementwise(_product, (_by_beta, _by_divergence), (0.0, 0.0))


def penalty(beta: Array, divergence: Array) -> Array:
    """``beta*divergence``; 0 where beta is 0, also of a divergence that is inf or nan.

    Whether beta is 0 is asked of every value, so that traced coefficients are as plain ones.
    """
    return elementwise(_PENALTY, {"beta": beta, "divergence": divergence})
