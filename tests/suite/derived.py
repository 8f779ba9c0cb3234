"""Run a record's derivative over its table of hard cases and measure the errors.

A cotangent of one is pulled back to every operand (for softmax and log_softmax, whose
derivative is a matrix, one that is drawn), and every component compared with the oracle's,
its error divided by its condition number.
"""

import functools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp

from relentropy._records import RECORDS, Record
from relentropy.testing import ulp_error

from ..oracle import slopes
from ..oracle.derivatives import SEEDED
from ..tables.families import PARAMETERS as FAMILIES
from ..tables.joint import shapes
from ..tables.load import Case, load
from .backends import Backend
from .measured import SHORT, absent, called, exempt, padded
from .samples import numpy_dtype

# The oracle takes a millisecond a row: a few of every case, evenly spread, and no long ones.
# What jax compiles is the same for all narrow types.
PULLING = {
    "torch": ("float16", "bfloat16", "float32", "float64"),
    "torch-cuda": ("float16", "bfloat16", "float32", "float64"),
    "jax": ("float64",),
    "jax-x32": ("float32",),
}
POINTS, ROWS, LONGEST = 24, 4, 300
# Of a component that may be anything.
UNSAID = (mp.nan, mp.inf)
_MIXED = ((True, False), (False, True))
# Reciprocals of entries and of marginals, of which only the difference is in range.
OVERFLOWING = {("pointwise_mutual_information", "subnormal")}


@dataclass(frozen=True)
class Truth:
    """What is true of the derivative by one operand."""

    value: np.ndarray
    """Of mpf, one for every entry."""
    condition: np.ndarray
    floor: np.ndarray
    """What is smaller may be lost, by row."""


@dataclass(frozen=True)
class Sample:
    """Some rows or points of a case, and the truth of their derivatives."""

    case: Case
    inputs: tuple[np.ndarray, ...]
    seeds: np.ndarray | None
    truths: tuple[Truth, ...]

    @property
    def key(self) -> Any:
        """What calls must have in common to be one."""
        return (
            self.inputs[0].shape[1:],
            len(self.inputs),
            repr(sorted(self.case.options.items())),
        )


@functools.cache
def samples(name: str, dtype: str) -> tuple[Sample, ...]:
    """Every case of a function's table, thinned out."""
    return tuple(
        _sample(case)
        for case in load(name, dtype)
        if _length(case) <= LONGEST and (name, case.regime) not in OVERFLOWING
    )


def _length(case: Case) -> int:
    return case.inputs[0].shape[1] if case.inputs[0].ndim == 2 else 1


def _sample(case: Case) -> Sample:
    count = len(case.inputs[0])
    wanted = min(count, POINTS if case.inputs[0].ndim == 1 else ROWS)
    chosen = np.unique(np.linspace(0, count - 1, wanted).astype(int))
    inputs = tuple(x[chosen] for x in case.inputs)
    seeds = None
    if case.function in SEEDED:
        rng = np.random.default_rng(zlib.crc32(case.regime.encode()))
        seeds = rng.standard_normal(inputs[0].shape).astype(numpy_dtype(case.dtype))
    options = {k: v for k, v in case.options.items() if k != "return_sign"}
    found = []
    for i, at in enumerate(chosen):
        row, value = [x[i] for x in inputs], case.truth_hi[at]
        if row[0].ndim and np.isnan(value).any():
            found.append([[(mp.nan, 1)] * len(x) for x in row])  # of what has no value
        elif case.function in FAMILIES and _has_no_derivative(case, row, value):
            found.append([[UNSAID] * len(x) for x in row])
        else:
            given = None if seeds is None else [float(c) for c in seeds[i]]
            truth = slopes(case.function, row, options, given)
            if case.function in FAMILIES:  # where maxima are tied there is none
                truth = [[UNSAID if mp.isnan(v) else (v, c) for v, c in one] for one in truth]
            found.append(truth)
    truths = tuple(
        Truth(
            _stacked(found, operand, 0),
            _stacked(found, operand, 1).astype(np.float64),
            _floor(case, x),
        )
        for operand, x in enumerate(inputs)
    )
    return Sample(case, inputs, seeds, truths)


def _has_no_derivative(case: Case, row: list[np.ndarray], value: np.ndarray) -> bool:
    """Infinite, or so large that squares overflow, or so small that they are lost."""
    size, record = np.max(np.abs(value)), RECORDS[case.function]
    if case.regime == "tiny" and case.options.get("alpha", np.inf) == np.inf:
        return True  # maxima, or log-ratios, that are next to equal
    linear = not case.options["from_logits"]
    if record.kind == "map" and linear and any(x.astype(float).sum() < 1e-300 for x in row):
        return True  # one over the sum, which all components have in common, overflows
    return bool(size > 1e100 or 0 < size < record.lost_below)


def _floor(case: Case, x: np.ndarray) -> np.ndarray:
    """Normalised weights are compared by residuals of exact products, which end there.

    So do the log-ratios of tables, where one entry has nearly all the mass.
    """
    small = 2.0**-100 if case.dtype == "float64" else 2.0**-70
    if RECORDS[case.function].lost_below:
        return np.full((len(x), 1), 1e-285)
    if "shape" in case.options and case.options["from_logits"]:
        return np.full((len(x), 1), small)
    compared = case.function == "kl_divergence" or case.function in FAMILIES
    weights = not case.options.get("from_logits") and case.options.get("normalize", True)
    if not ((compared and weights) or "shape" in case.options):
        return np.full((len(x), 1), 1e-305 if case.function in FAMILIES else 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        unit = 1 / x.astype(np.float64).sum(axis=1, keepdims=True)
    return unit * small


def _stacked(found: list[Any], operand: int, part: int) -> np.ndarray:
    """One operand's truths (0) or conditions (1) as an array of objects."""
    return np.array([[pair[part] for pair in one[operand]] for one in found], dtype=object)


@dataclass(frozen=True)
class Derived:
    """One sample on one backend."""

    sample: Sample
    actual: tuple[np.ndarray, ...]
    errors: tuple[np.ndarray, ...]

    def worst(self) -> tuple[float, str]:
        """The largest error, and a line that says where."""
        worst, line = -1.0, ""
        case = self.sample.case
        for i, (error, truth) in enumerate(zip(self.errors, self.sample.truths, strict=True)):
            at = np.unravel_index(np.argmax(error), error.shape)
            if error[at] > worst:
                worst = float(error[at])
                shown = ", ".join(
                    np.array2string(np.atleast_1d(x[at[0]]), threshold=12)
                    for x in self.sample.inputs
                )
                line = (
                    f"{case.function}({shown}) [{case.regime}, {case.options}], operand {i}, "
                    f"entry {at[1]}: {self.actual[i][at]!r} for {float(truth.value[at])!r}, "
                    f"condition {truth.condition[at]:.3g}: {worst:.2f} ulp"
                )
        return worst, line


def run(
    record: Record, dtype: str, backend: Backend, *, mixed: bool = True
) -> Iterator[Derived]:
    """Every sample of a record's table; on demand without those of weights beside logits,
    whose logarithms in three words take jax a minute to compile."""
    groups: dict[Any, list[tuple[Sample, tuple[np.ndarray, ...]]]] = {}
    for sample in samples(record.name, dtype):
        if not mixed and sample.case.options.get("from_logits") in _MIXED:
            continue
        order = sample.case.options.get("alpha", 0.0)
        if not backend.has_float64 and order != 1 == np.float32(order):
            continue  # its derivatives at zeros are those of order 1 there
        inputs = sample.inputs
        if backend.library == "jax" and "shape" in sample.case.options:
            if sample.case.options["shape"] != tuple(shapes(record.name)[-1]):
                continue
        elif backend.library == "jax" and inputs[0].ndim == 2 and inputs[0].shape[1] < SHORT:
            inputs = tuple(
                padded(x, absent(record, sample.case, i)) for i, x in enumerate(inputs)
            )
        elif backend.library == "jax" and inputs[0].ndim == 2 and inputs[0].shape[1] > SHORT:
            continue  # a compilation for every length
        groups.setdefault((inputs[0].shape[1:], *sample.key[1:]), []).append((sample, inputs))
    for group in groups.values():
        yield from _called(record, group, backend)


def _called(
    record: Record,
    group: list[tuple[Sample, tuple[np.ndarray, ...]]],
    backend: Backend,
) -> Iterator[Derived]:
    """One call for samples of one shape and the same options."""
    operands = [np.concatenate(parts) for parts in zip(*(x for _, x in group), strict=True)]
    first = group[0][0]
    seeds = None
    if first.seeds is not None:
        width = operands[0].shape[1]
        seeds = np.concatenate([padded(s.seeds, 0.0, width) for s, _ in group])
    call = functools.partial(called, record, first.case.options)
    found = backend.pull(backend, call, operands, seeds)
    start = 0
    for sample, _ in group:
        stop = start + len(sample.inputs[0])
        actual, errors = [], []
        for got, truth in zip(found, sample.truths, strict=True):
            own = got[start:stop].reshape(stop - start, -1)[:, : truth.value.shape[1]]
            actual.append(own)
            errors.append(_error(own, truth, sample.inputs, backend))
        yield Derived(sample, tuple(actual), tuple(errors))
        start = stop


def _error(
    actual: np.ndarray, truth: Truth, inputs: tuple[np.ndarray, ...], backend: Backend
) -> np.ndarray:
    """Ulp over the condition number; nothing where that leaves no digit but nan.

    Also nothing where the record's exemption for subnormal numbers holds.
    """
    error = ulp_error(actual, truth.value)
    unit = np.finfo(np.float64 if backend.has_float64 else np.float32).eps
    lost = (truth.condition > 0.05 / unit) & ~np.isnan(actual.astype(np.float64))
    rounded = truth.value.astype(np.float64)
    floor = truth.floor if backend.has_float64 else truth.floor * 2.0**30
    lost = lost | (np.abs(rounded) < floor) & (np.abs(actual.astype(np.float64)) < floor)
    lost = lost | exempt(rounded, inputs, backend)
    lost = lost | np.isnan(rounded) & np.isinf(truth.condition)
    return np.where(lost, 0.0, error / np.where(lost, 1.0, truth.condition))


def allowed(record: Record, dtype: str, backend: Backend) -> float:
    """What the record allows for a derivative's component."""
    if dtype == "float32" and not backend.has_float64:
        return float(record.slope_ulp["float64"])  # worked like float64, in what there is
    return record.slope_ulp[dtype]
