"""Families of counts."""

from __future__ import annotations

from typing import Any

from .elementwise import KL_DIV
from .family import Domain, Family
from .kl_term import kl_div

Array = Any

# A rate of 0 counts nothing, for certain, and is still of the family.
_RATE = Domain(0.0, 1.7976931348623157e308, 1.0, closed=True)


def _poisson_slopes(rate: Array, other: Array, /, *, xp: Any) -> list[Array]:
    return [slope(rate, other, xp=xp) for slope in KL_DIV.slopes]


POISSON = Family(kl_div, _poisson_slopes, (_RATE,))
