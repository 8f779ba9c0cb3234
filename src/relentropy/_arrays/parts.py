"""The state of a part of some rows, on its own: what is kept, sent, gathered and merged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import dtypes
from .axes import Layout
from .library import gather, quiet
from .namespace import Namespace, namespace
from .protocols import Fold, Reduction, State
from .words import complete, with_words, words_of

Array = Any


@dataclass(frozen=True)
class Part:
    """What one pass found in a part of the rows."""

    state: State
    """Without missing low words; its arrays have the shape (1, rows)."""
    chosen: Array
    """Whether anything of a row is selected, (1, rows)."""
    batch: tuple[int, ...]
    """The rows' shape."""
    exact: bool
    """Of the namespace: whether the data were as wide as what they are worked in."""

    @classmethod
    def of(cls, state: State, layout: Layout, mask: Array | None, *, xp: Namespace) -> Part:
        """The part whose state that is."""
        state = complete(state, xp=xp)
        if mask is None or 0 in layout.reduced:
            chosen = xp.zeros_like(words_of(state)[0]) == 0
            chosen = chosen & (0 not in layout.reduced)
        else:
            chosen = _any_of_rows(mask, layout, xp.raw)
        return cls(state, chosen, layout.batch, xp.exact)

    @property
    def xp(self) -> Namespace:
        """What its arrays are worked with."""
        floats = ((dtypes.name_of(one.dtype), one) for one in words_of(self.state))
        name, first = next((name, one) for name, one in floats if name in dtypes.FLOATS)
        found = gather({"state": first})
        return namespace(found.library, found.raw, name, self.exact)

    def merge(self, other: Part, fold: Fold, *, xp: Namespace | None = None) -> Part:
        """The state of both parts together."""
        xp = xp or self.xp
        with quiet(xp.library):
            state = complete(fold.merge(self.state, other.state, xp=xp), xp=xp)
        return Part(state, self.chosen | other.chosen, self.batch, self.exact)

    def numbers(self) -> tuple[Array, ...]:
        """All its arrays."""
        return *words_of(self.state), self.chosen

    def with_numbers(self, numbers: Iterable[Array], batch: tuple[int, ...]) -> Part:
        """A part like this one of other arrays."""
        *state, chosen = numbers
        return Part(with_words(self.state, tuple(state)), chosen, batch, self.exact)


def finished(
    reduction: Reduction, parts: tuple[Part, ...], dtype: Any, *, xp: Namespace
) -> tuple[Array, ...]:
    """What passes whose parts have all been merged end in, as `drivers.fold` would have it."""
    outputs = reduction.finish(tuple(one.state for one in parts), xp=xp)
    last = parts[-1]
    return tuple(
        xp.raw.reshape(xp.cast(xp.where(last.chosen, output, empty), dtype), last.batch)
        for output, empty in zip(outputs, reduction.empty, strict=True)
    )


def _any_of_rows(mask: Array, layout: Layout, raw: Any) -> Array:
    """Whether the mask selects anything of each row, found before it is broadcast."""
    mask = mask[(None,) * (len(layout.shape) - mask.ndim) + (...,)]
    some = raw.any(mask, axis=layout.axes, keepdims=True) if layout.axes else mask
    return raw.reshape(raw.broadcast_to(some, layout.kept), (1, -1))
