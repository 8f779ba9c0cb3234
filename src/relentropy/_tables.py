"""A joint table and its marginals: what the functions of joint tables are put together from.

Marginals are reductions of their own, in working precision and with the reduced axes kept,
so that they stand beside the table's entries as operands that broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._arguments import Axes
from ._arrays import dtypes
from ._arrays.axes import reduced_axes
from ._arrays.prepared import Prepared
from ._arrays.protocols import Measure
from ._call import elementwise, reduce
from ._formulas.cells import Entries, Logits, Marginal, Unit, Weights
from ._formulas.joint import Dependence, Pointwise, Surprise
from ._formulas.joint_logits import (
    Correction,
    DependenceOfLogits,
    MeanLogit,
    PointwiseOfLogits,
)
from ._formulas.normalized import Average, Normalized

Array = Any
Group = tuple[int, ...]
"""Axes that make one variable."""


@dataclass(frozen=True)
class Entry:
    """What measures see of a table's entries."""

    entries: Entries
    operands: tuple[Array, ...]


class Table:
    """A table of weights or logits, of which some entries may be left out."""

    def __init__(
        self, joint: Any, from_logits: bool, where: Any, dtype: Any, *, widen: bool = False
    ) -> None:
        call = Prepared({"joint": joint}, where, dtype)
        self.raw, self.result, self.is_log = call.raw, call.result, from_logits
        self.working = dtypes.requested(call.xp.dtype)
        self.joint, self.mask = call.arrays["joint"], call.mask
        if any(size != size for size in self.joint.shape):  # nan is dask's for unknown
            raise ValueError(
                f"joint of shape {self.joint.shape} has unknown sizes; call its "
                "compute_chunk_sizes() first"
            )
        if widen:  # several gradients meet there, and are rounded once
            self.joint = self.raw.astype(self.joint, call.xp.dtype)
        elif from_logits and dtypes.kind_of("joint", self.joint.dtype) == "integer":
            self.joint = self.raw.astype(self.joint, call.result_dtype)
        if self.mask is not None:  # an entry left out has no mass, but for its neighbours'
            call.layout(None)
            blank = self.raw.zeros_like(self.joint)
            blank = blank - float("inf") if from_logits else blank
            self.joint = self.raw.where(self.mask, self.joint, blank)

    @property
    def ndim(self) -> int:
        return int(self.joint.ndim)

    def axes(self, **named: Axes) -> tuple[Group, ...]:
        """The axes of variables, by the names of the arguments, none in two of them."""
        groups: list[Group] = []
        taken: dict[int, str] = {}
        for name, given in named.items():
            if given is None:
                raise TypeError(f"{name} must be an integer or a tuple of integers, not None")
            if self.ndim < len(named):
                raise ValueError(
                    f"joint must have an axis for each of {', '.join(named)}; it has "
                    f"{self.ndim} dimensions (counts of pairs, not the pairs themselves)"
                )
            group = reduced_axes(given, self.ndim, name)
            for axis in group:
                if axis in taken:
                    raise ValueError(f"{taken[axis]} and {name} both name axis {axis}")
                taken[axis] = name
            groups.append(group)
        return tuple(groups)

    # Reductions and entries -------------------------------------------------------------

    def _sum(self, measure: Any, operands: tuple[Array, ...], axes: Group) -> tuple[Array, ...]:
        """A reduction that stands beside the table, in working precision."""
        return reduce(
            measure, _named(operands), axis=axes, keepdims=True, dtype=self.working,
            stretch=True,
        )  # fmt: skip

    def entry(self, groups: tuple[Group, ...]) -> Entry:
        """The table's entries, measured by what is largest along all groups."""
        _, unit = self._sum(Unit(self.is_log), (self.joint,), _joined(groups))
        return Entry(Logits() if self.is_log else Weights(), (self.joint, unit))

    def marginal(self, entry: Entry, axes: Group) -> tuple[Array, ...]:
        """The sum along some axes, in three words."""
        return self._sum(Marginal(entry.entries), entry.operands, axes)

    def mean(
        self, measure: Any, operands: tuple[Array, ...], groups: tuple[Group, ...],
        keepdims: bool, dtype: str | None = None,
    ) -> Array:  # fmt: skip
        """A measure of the whole table."""
        axes = _joined(groups)
        where = None
        if self.mask is not None:
            where = self.raw.broadcast_to(self.mask, self.joint.shape)
            where = self.raw.any(where, axis=axes, keepdims=True)
        (value,) = reduce(
            measure, _named(operands), axis=axes, where=where, keepdims=keepdims,
            dtype=dtype or self.result, stretch=True,
        )  # fmt: skip
        return value

    # What the functions ask for ---------------------------------------------------------

    def dependence(
        self, groups: tuple[Group, ...], given: Group = (), *, base: float | None,
        keepdims: bool, dtype: str | None = None,
    ) -> Array:  # fmt: skip
        """The divergence from the product of the groups' marginals, by layers of ``given``."""
        entry = self.entry((*groups, given))
        measure: Measure
        if self.is_log:
            operands, measure = (
                self._log_operands(entry, groups),
                DependenceOfLogits(len(groups), base),
            )
        else:
            operands, measure = self._operands(entry, groups), Dependence(base, len(groups))
        return self.mean(measure, operands, (*groups, given), keepdims, dtype)

    def _operands(self, entry: Entry, groups: tuple[Group, ...]) -> tuple[Array, ...]:
        """Marginals of every variable and of all of them."""
        sums = [self.marginal(entry, axes) for axes in _without_each(groups)]
        sums.append(self.marginal(entry, _joined(groups)))
        return (*entry.operands, *(word for words in sums for word in words))

    def _log_operands(self, entry: Entry, groups: tuple[Group, ...]) -> tuple[Array, ...]:
        """Means and corrections of the table and of every variable's outcomes."""
        along = [_joined(groups), *_without_each(groups)]
        entries = [(*entry.operands, self._sum(Unit(True), (self.joint,), a)[1]) for a in along]
        pairs = list(zip(entries, along, strict=True))
        means = [self._sum(MeanLogit(), operands, axes)[1] for operands, axes in pairs]
        first = [self.raw.zeros_like(mean) for mean in means]
        first = [off for _, off in self._corrections(pairs, means, first)]
        second = [off for off, _ in self._corrections(pairs, means, first)]
        words = zip(means, first, second, strict=True)
        return (*entry.operands, *(x for mean, one, two in words for x in (mean, -one, two)))

    def _corrections(
        self,
        pairs: list[tuple[tuple[Array, ...], Group]],
        means: list[Array],
        offs: list[Array],
    ) -> list[tuple[Array, ...]]:
        """What means less what they are known to be off by are off by still."""
        words = [x for mean, off in zip(means, offs, strict=True) for x in (mean, -off)]
        measure = Correction(len(means) - 1)
        return [self._sum(measure, (*operands, *words), axes) for operands, axes in pairs]

    def equivocation(
        self, along: tuple[Group, ...], groups: tuple[Group, ...], *, base: float | None,
        keepdims: bool, dtype: str | None = None, inner: bool = False,
    ) -> Array:  # fmt: skip
        """The mean of logarithms of marginals, sums along groups, over the table's entries.

        With ``inner``, over the last of the marginals instead.
        """
        entry = self.entry(groups)
        sums = tuple(word for axes in along for word in self.marginal(entry, axes))
        measure = Surprise(entry.entries, base, len(along) - inner, inner)
        return self.mean(measure, (*entry.operands, *sums), groups, keepdims, dtype)

    def normalized(self, x: Group, y: Group, average: Average, keepdims: bool) -> Array:
        """Information over an average of entropies; 0 where nothing is selected."""
        found = [self.dependence((x, y), base=None, keepdims=keepdims, dtype=self.working)]
        both = _joined((x, y))
        sides: tuple[Any, ...] = ((both,),) if average == "joint" else ((both, y), (both, x))
        found += [
            self.equivocation(
                along, (x, y), base=None, keepdims=keepdims, dtype=self.working,
                inner=average != "joint",
            )
            for along in sides
        ]  # fmt: skip
        function = Normalized(average)
        value = elementwise(function, _named(tuple(found)), dtype=self.result)
        if 0 in (self.joint.shape[axis] for axis in both):
            return self.raw.zeros_like(value)[()]
        if self.mask is None:
            return value
        chosen = self.raw.broadcast_to(self.mask, self.joint.shape)
        chosen = self.raw.any(chosen, axis=_joined((x, y)), keepdims=keepdims)
        return self.raw.where(chosen, value, self.raw.zeros_like(value))[()]

    def pointwise(self, x: Group, y: Group, base: float | None) -> Array:
        """The log-ratio of every entry; 0 where it is left out."""
        entry = self.entry((x, y))
        function: Any
        if self.is_log:
            operands, function = self._log_operands(entry, (x, y)), PointwiseOfLogits(base)
        else:
            operands, function = self._operands(entry, (x, y)), Pointwise(base)
        value = elementwise(function, _named(operands), dtype=self.result)
        if self.mask is None:
            return value
        return self.raw.where(self.mask, value, self.raw.zeros_like(value))


def _joined(groups: tuple[Group, ...]) -> Group:
    return tuple(axis for group in groups for axis in group)


def _without_each(groups: tuple[Group, ...]) -> list[Group]:
    """The axes of all groups but one, for each of them."""
    return [_joined(groups[:k] + groups[k + 1 :]) for k in range(len(groups))]


def _named(operands: tuple[Array, ...]) -> dict[str, Array]:
    return {f"operand {i}": operand for i, operand in enumerate(operands)}
