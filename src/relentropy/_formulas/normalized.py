"""Mutual information as a share of what there is to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.protocols import EntryFunction

Average = Literal["arithmetic", "geometric", "min", "max", "joint"]


@dataclass(frozen=True)
class Normalized(EntryFunction):
    """Information over an average of entropies; one entropy where that is of both together.

    Where there is nothing to tell, two constants tell it all: 1. Where one of the two alone
    makes the average zero, 0.
    """

    average: Average

    def value(self, information: Array, *entropies: Array, xp: Namespace) -> Array:
        mean = self._mean(*entropies, xp=xp)
        none = mean == 0
        certain = none
        for entropy in entropies:
            certain = certain & (entropy == 0)
        value = information / xp.where(none, 1.0, mean)
        value = xp.where(none, xp.where(certain, 1.0, 0.0 * mean), value)
        return xp.where(xp.isnan(information), information, value)

    @property
    def slopes(self) -> tuple[Any, ...]:
        def by_information(information: Array, *entropies: Array, xp: Namespace) -> Array:
            mean = self._mean(*entropies, xp=xp)
            return xp.where(mean == 0, 0.0, 1 / xp.where(mean == 0, 1.0, mean))

        def by_entropy(at: int) -> Any:
            def slope(information: Array, *entropies: Array, xp: Namespace) -> Array:
                mean = self._mean(*entropies, xp=xp)
                divisor = xp.where(mean == 0, 1.0, mean)
                share = self._share(at, *entropies, xp=xp)
                return xp.where(mean == 0, 0.0, -information / divisor * (share / divisor))

            return slope

        count = 1 if self.average == "joint" else 2
        return by_information, *(by_entropy(at) for at in range(count))

    def _mean(self, one: Array, other: Array | None = None, *, xp: Namespace) -> Array:
        if other is None:
            return one
        if self.average == "arithmetic":
            return 0.5 * (one + other)
        if self.average == "geometric":
            return xp.raw.sqrt(one) * xp.raw.sqrt(other)
        return xp.minimum(one, other) if self.average == "min" else xp.maximum(one, other)

    def _share(self, at: int, *entropies: Array, xp: Namespace) -> Array:
        """The derivative of the average by one of the entropies; in halves at ties."""
        own, rest = entropies[at], entropies[-1 - at]
        if self.average == "joint":
            return xp.ones_like(own)
        if self.average == "arithmetic":
            return 0.5 * xp.ones_like(own)
        if self.average == "geometric":
            return 0.5 * xp.raw.sqrt(rest) / xp.raw.sqrt(xp.where(own == 0, 1.0, own))
        ahead = own < rest if self.average == "min" else own > rest
        return xp.where(ahead, 1.0, xp.where(own == rest, 0.5 * xp.ones_like(own), 0.0))
