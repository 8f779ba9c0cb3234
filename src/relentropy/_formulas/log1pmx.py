"""``log(1 + x) - x``."""

from __future__ import annotations

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.polynomials import log1pmx_near


def log1pmx(x: Array, /, *, xp: Namespace) -> Array:
    """``log(1 + x) - x`` without cancellation.

    With r = x/(2 + x) it is ``2*atanh(r) - x``, a series in r**2 between -0.6 and 1.5;
    beyond, the logarithm and x are far enough apart to be subtracted.
    """
    near = (x > -0.6) & (x < 1.5)
    z = xp.where(near, x, 0.0)
    w = xp.where(near, 1.0, x)
    far = xp.where(w == float("inf"), -w, xp.log(1 + w) - w)  # not inf - inf
    return xp.where(near, log1pmx_near(z, xp=xp), far)
