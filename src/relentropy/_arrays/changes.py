"""Numbers at two places, with the difference between them known to all its digits.

What is evaluated at two places that are close cannot be subtracted afterwards; a `Change` is
carried through the formula instead, as a derivative is, but for a finite step.
"""

from __future__ import annotations

from dataclasses import dataclass

from .array import Array
from .namespace import Namespace


@dataclass(frozen=True, slots=True)
class Change:
    """A number ``here``, a number ``there``, and ``gap = here - there``."""

    here: Array
    there: Array
    gap: Array

    def difference(self, *, xp: Namespace) -> Array:
        """``here - there``, by subtraction where that has more digits than a long way has."""
        apart = self.here - self.there
        largest = xp.maximum(xp.abs(self.here), xp.abs(self.there))
        return xp.where(xp.abs(apart) > 0.5 * largest, apart, self.gap)

    def __add__(self, other: Change | float) -> Change:
        if isinstance(other, Change):
            return Change(
                self.here + other.here, self.there + other.there, self.gap + other.gap
            )
        return Change(self.here + other, self.there + other, self.gap)

    def __mul__(self, other: Change | float) -> Change:
        if isinstance(other, Change):
            gap = self.gap * other.there + self.here * other.gap
            return Change(self.here * other.here, self.there * other.there, gap)
        return Change(self.here * other, self.there * other, self.gap * other)

    def __truediv__(self, other: Change) -> Change:
        there = self.there / other.there
        gap = (self.gap - there * other.gap) / other.here
        return Change(self.here / other.here, there, gap)

    def __rtruediv__(self, number: float) -> Change:
        here, there = number / self.here, number / self.there
        return Change(here, there, -(here * self.gap) / self.there)

    __radd__ = __add__
    __rmul__ = __mul__
