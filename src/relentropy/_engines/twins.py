"""Which measures have a compiled twin, and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .._formulas import generators as rows
from .._formulas.expectation import reciprocal_log
from .._formulas.f_divergence import FDivergence
from .._formulas.kl_logits import KLFromLogits
from .._formulas.kl_weights import KLFromWeights

_SPLITTER = 2.0**27 + 1  # float64's, in which kernels work


class Twin(NamedTuple):
    """The kernels of one measure."""

    kernel: str
    options: tuple[float, ...] = ()
    numbers: int = 0
    """How many numbers of a row follow the outputs that are kept; those of the formula."""
    slopes: str | None = None
    """The kernel of its derivatives, if there is one."""


def in_base(base: float | None) -> tuple[float, float]:
    """1/log(base) in two words."""
    return (1.0, 0.0) if base is None else reciprocal_log(base, _SPLITTER)


def twin_of(function: Any) -> Twin | None:
    """The twin of a measure, a map or an elementwise function; None where there is none."""
    value = getattr(function, "value", None)  # an elementwise function is known by its value
    make = _TWINS.get(type(function)) or _ENTRIES.get(value)
    return None if make is None else make(function)


def base_of(function: Any) -> tuple[float, float]:
    """The two words of a measure's base."""
    return in_base(function.base)


def _kl_logits(measure: KLFromLogits) -> Twin | None:
    if not all(measure.from_logits):
        return None
    slopes = "kl_logits_slopes" if measure.normalize else None
    return Twin("kl_logits", (float(measure.normalize),), 8, slopes)


def _kl_weights(measure: KLFromWeights) -> Twin:
    return Twin("kl_weights", (), 8, "kl_weights_slopes")


_ROWS = {
    rows.KL: "kl_row",
    rows.Jeffreys: "jeffreys",
    rows.JensenShannon: "jensen_shannon",
    rows.SkewJensenShannon: "skew_jensen_shannon",
    rows.SkewKL: "skew_kl",
    rows.SquaredHellinger: "hellinger",
    rows.TotalVariation: "total_variation",
    rows.Pearson: "pearson",
    rows.Triangular: "triangular",
}


def _f_divergence(measure: FDivergence) -> Twin | None:
    row, turned = measure.row, False
    if isinstance(row, rows.Swapped):
        row, turned = row.row, True
    name = _ROWS.get(type(row))
    if name is None or (turned and type(row) not in (rows.KL, rows.Pearson)):
        return None
    if not measure.normalize or len(set(measure.from_logits)) > 1:
        return None
    kernel = name + ("_logits" if all(measure.from_logits) else "_weights")
    change = 1.0 if turned else 2.0 if measure.root else 0.0
    options = (getattr(row, "weight", 0.0), change)
    return Twin(kernel, options, measure.source.count + 3, kernel + "_slopes")


_TWINS: dict[type, Callable[[Any], Twin | None]] = {
    FDivergence: _f_divergence,
    KLFromLogits: _kl_logits,
    KLFromWeights: _kl_weights,
}

_ENTRIES: dict[Any, Callable[[Any], Twin | None]] = {}
