"""``exp(x) - 1 - x``: the generator of relative entropy, and Schulman's k3."""

from __future__ import annotations

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.polynomials import exp_reach, exp_tail


def expm1mx(x: Array, /, *, xp: Namespace) -> Array:
    """``exp(x) - 1 - x`` without cancellation.

    ``x**2`` times a polynomial on |x| < 2; beyond, ``exp(x)`` and ``1 + x`` are at least a
    factor of two apart and may be subtracted (much earlier, where there are digits to spare).
    """
    near = xp.abs(x) < exp_reach(xp=xp)
    z = xp.where(near, x, 0.0)
    grown = xp.exp(x)
    far = xp.where(grown == float("inf"), grown, grown - (1 + x))  # not inf - inf
    return xp.where(near, z * z * exp_tail(z, xp=xp), far)


def expm1(x: Array, /, *, xp: Namespace) -> Array:
    """``exp(x) - 1`` to 2 ulp everywhere; jax's own is off by 4."""
    near = xp.abs(x) < 0.5 * exp_reach(xp=xp)
    z = xp.where(near, x, 0.0)
    return xp.where(near, z + z * z * exp_tail(z, xp=xp), xp.exp(x) - 1)
