"""A product of which one factor may be zero and the other infinite."""

from __future__ import annotations

from .._arrays.array import Array
from .._arrays.namespace import Namespace


def times(seed: Array, slope: Array, *, xp: Namespace) -> Array:
    """``seed*slope``, and 0 where the seed is 0, whatever the slope is.

    The chain rule's product: what a loss does not depend on, because it is masked, weighted
    with zero or selected away, gets no gradient, also where the value or its derivative is
    infinite or nan. A choice on the seed would be no linear function of it, which jax wants
    to transpose and second derivatives to differentiate; a chain of finite factors is one.
    Two huge ones overflow, and then a zero makes nan; in either order, since a transpose
    goes through them backwards.
    """
    huge, unknown, one = xp.limits.largest, xp.isnan(slope), xp.ones_like(slope)
    first = xp.where(unknown, huge, xp.maximum(xp.minimum(slope, huge), -huge))
    second = xp.where(xp.isfinite(slope), one, huge)
    again, gone = xp.where(unknown, huge, one), xp.where(unknown, 0.0, one)
    return seed * first * second * gone * again * again
