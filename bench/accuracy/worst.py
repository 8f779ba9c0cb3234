"""The worst of a record on one backend, in numbers and words that pass between processes."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tests.suite.backends import BACKENDS, Backend
from tests.suite.measured import Measured, bound, run

import relentropy  # noqa: F401 - declares the records
from relentropy._records import RECORDS, Exemption, Record

from .reproducer import reproducer


@dataclass(frozen=True)
class Worst:
    """The largest error of one function, dtype and backend."""

    function: str
    dtype: str
    backend: str
    ulp: float
    allowed: float
    """The bound that holds for the worst case: long rows and missing float64 have their own."""
    points: int
    where: str
    """Regime and length of the row."""
    call: str
    above: int = 0
    """Points above their bound."""
    exempt_points: int = 0
    exempt_ulp: float = 0.0
    cause: str = ""

    @property
    def fails(self) -> bool:
        return not self.ulp <= self.allowed


def measure(name: str, backend_name: str, dtype: str) -> Worst:
    """One record on one backend in one dtype."""
    record, backend = RECORDS[name], BACKENDS[backend_name]
    with warnings.catch_warnings(), np.errstate(all="ignore"), backend.active():
        warnings.simplefilter("ignore")  # what must not warn is a test's business
        return _worst(record, dtype, backend, list(run(record, dtype, backend)))


def _worst(record: Record, dtype: str, backend: Backend, cases: Sequence[Measured]) -> Worst:
    worst, key = None, None
    points = above = exempt_points = 0
    exempt_ulp = 0.0
    for measured in cases:
        allowed = bound(record, measured.case, backend)
        exempt = np.broadcast_to(measured.exempt, measured.error.shape)
        error = np.where(exempt, 0.0, measured.error)
        points += error.size - int(exempt.sum())
        above += int((~(error <= allowed)).sum())
        exempt_points += int(exempt.sum())
        exempt_ulp = max(exempt_ulp, float(np.max(measured.error, where=exempt, initial=0.0)))
        at = np.unravel_index(int(np.argmax(error)), error.shape)
        ulp = float(error[at])
        # What is above its bound goes before what is larger but allowed.
        own = (not ulp <= allowed, math.inf if math.isnan(ulp) else ulp)
        if key is None or own > key:
            worst, key = (measured, at, ulp, allowed), own
    if worst is None:
        msg = f"{record.name} has no hard cases in {dtype}"
        raise ValueError(msg)
    measured, at, ulp, allowed = worst
    where, call = reproducer(measured, at)
    cause = _exemption(record, dtype, backend).cause if exempt_points else ""
    return Worst(
        record.name, dtype, backend.name, ulp, allowed, points, where, call, above,
        exempt_points, exempt_ulp, cause,
    )  # fmt: skip


def _exemption(record: Record, dtype: str, backend: Backend) -> Exemption:
    """The exemption that excuses single points; a missing float64 changes the bound instead."""
    (found,) = (
        e
        for e in record.exemptions
        if e.backend == backend.library and dtype in e.dtypes and e.regime != "without float64"
    )
    return found
