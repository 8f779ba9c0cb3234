"""The rivals over the same hard cases, measured the same way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np
from tests.suite.backends import DTYPES, Backend
from tests.suite.measured import Measured, compared
from tests.tables.load import Case

from relentropy._records import Record

from ..rivals import RIVALS, Rival, installed

BACKEND = {"scipy": "numpy", "torch": "torch", "jax": "jax"}
"""Whose arrays a rival takes."""

HAS = {"scipy": ("float32", "float64"), "torch": DTYPES, "jax": DTYPES}
"""The dtypes in which a rival computes and answers."""


@dataclass(frozen=True)
class Score:
    """One rival's errors where a finite number is right, and ours at the same points."""

    function: str
    dtype: str
    rival: str
    points: int
    nan: int
    infinite: int
    """Infinities where a finite number is right."""
    negative: int
    """Negative numbers where the truth is not."""
    rest: float
    """The worst error of what is left, in ulp."""
    ours: float
    """The worst error of this library at the same points, on arrays of the same library."""


def compare(
    record: Record, dtype: str, backend: Backend, ours: Sequence[Measured]
) -> Iterator[Score]:
    """Every rival of one function that takes this backend's arrays of this dtype."""
    for rival in RIVALS.get(record.name, ()):
        has_dtype = dtype in HAS[rival.library] and BACKEND[rival.library] == backend.name
        if has_dtype and installed(rival.library):
            yield _score(rival, record, dtype, backend, ours)


def _score(
    rival: Rival, record: Record, dtype: str, backend: Backend, ours: Sequence[Measured]
) -> Score:
    points = nan = infinite = negative = 0
    rest = best = 0.0
    for own in ours:
        case = own.case
        if not rival.takes(case.options, len(case.inputs)):
            continue
        theirs = compared(record, case, _call(rival, case, backend), backend)
        # What is right at nan and infinity is convention in places: finite truths only.
        largest = float(ml_dtypes.finfo(theirs.actual.dtype).max)
        right = (np.abs(case.truth_hi) <= largest) & ~theirs.exempt
        values = theirs.actual.astype(np.float64)
        is_nan, is_infinite = right & np.isnan(values), right & np.isinf(values)
        is_negative = right & (values < 0) & (case.truth_hi >= 0)
        left = right & ~(is_nan | is_infinite | is_negative)
        points += int(right.sum())
        nan += int(is_nan.sum())
        infinite += int(is_infinite.sum())
        negative += int(is_negative.sum())
        rest = max(rest, float(np.max(theirs.error, where=left, initial=0.0)))
        best = max(best, float(np.max(own.error, where=right, initial=0.0)))
    return Score(record.name, dtype, rival.label, points, nan, infinite, negative, rest, best)


def _call(rival: Rival, case: Case, backend: Backend) -> np.ndarray:
    arrays = [backend.make(x) for x in case.inputs]
    actual = backend.read(rival.call(*arrays, **case.options))
    return np.asarray(actual).astype(case.inputs[0].dtype)
