"""Von Mises distributions.

With concentrations k_p and k_q and the difference of directions delta, relative entropy is the
Bregman divergence of log(I0) and what turning the direction adds,
``2*k_q*A(k_p)*sin(delta/2)**2``: two terms that are not negative.
"""

from __future__ import annotations

from typing import NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.pairs import two_sum
from .family import REAL, Domain, Family
from .log_bessel import parts, ratio, ratio_slope

# A concentration of 0 has no direction, and is still of the family.
_CONCENTRATION = Domain(0.0, float("inf"), 1.0, closed=True)


class Turn(NamedTuple):
    """Half an angle's sine and cosine."""

    sine: Array
    cosine: Array

    @classmethod
    def between(cls, one: Array, other: Array, *, xp: Namespace) -> Turn:
        # Where turns are whole, what rounding the angle leaves is all there is to see.
        angle, low = two_sum(one, -other) if xp.exact else (one - other, xp.zeros_like(one))
        sine, cosine, low = xp.raw.sin(0.5 * angle), xp.raw.cos(0.5 * angle), 0.5 * low
        return cls(sine + cosine * low, cosine - sine * low)


def _von_mises(m: Array, k: Array, n: Array, c: Array, /, *, xp: Namespace) -> Array:
    turn = Turn.between(m, n, xp=xp)
    turned = (2 * c * turn.sine) * turn.sine * ratio(k, xp=xp)
    return parts(c, k, xp=xp).bregman + turned


def _von_mises_slopes(
    m: Array, k: Array, n: Array, c: Array, /, *, xp: Namespace
) -> list[Array]:
    turn = Turn.between(m, n, xp=xp)
    bent, share = 2 * turn.sine * turn.sine, ratio(k, xp=xp)
    by_angle = 2 * turn.sine * turn.cosine * c * share
    return [
        by_angle,
        ratio_slope(k, xp=xp) * ((k - c) + c * bent),
        0 - by_angle,
        parts(c, k, xp=xp).gap + share * bent,
    ]


VON_MISES = Family(_von_mises, _von_mises_slopes, (REAL, _CONCENTRATION))
