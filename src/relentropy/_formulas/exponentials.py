"""Logarithms of sums and differences of exponentials."""

from __future__ import annotations

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import exp
from .expectation import difference
from .expm1mx import expm1


def log1mexp(x: Array, /, *, xp: Namespace) -> Array:
    """``log(1 - exp(x))`` for x <= 0.

    Maechler's two forms (2012), joined at -log 2.
    """
    near = x > -0.6931471805599453
    z = xp.where(near, x, -1.0)
    w = xp.where(near, -1.0, x)
    return xp.where(near, xp.log(-expm1(z, xp=xp)), xp.log1p(-xp.exp(w)))


def log1pexp(x: Array, /, *, xp: Namespace) -> Array:
    """``log(1 + exp(x))``, without overflow: max(x, 0) + log1p(exp(-abs(x)))."""
    return xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x)))


def logaddexp(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    """``log(exp(x) + exp(y))``."""
    top, low = xp.maximum(x, y), xp.minimum(x, y)
    same = top == low  # also both infinite
    return top + xp.log1p(exp(difference(low, top, same, xp=xp), xp=xp))


def logsubexp(x: Array, y: Array, /, *, xp: Namespace) -> Array:
    """``log(exp(x) - exp(y))`` for x >= y."""
    same = (x == y) & (x < float("inf"))  # also both -inf
    gap = xp.where(same, 0.0, y - x)
    return xp.where(same, -float("inf"), x + log1mexp(gap, xp=xp))
