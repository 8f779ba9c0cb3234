"""Measures and elementwise functions, over their tables of hard cases and slopes."""

from collections.abc import Iterator
from functools import partial

from tests.suite import derived, measured
from tests.suite.backends import BACKENDS, Backend
from tests.suite.derived import PULLING
from tests.suite.measured import Measured, bound, on_demand
from tests.tables.files import path_of

import relentropy  # noqa: F401 - declares the records
from relentropy._records import RECORDS, Exemption, Record

from .reproducer import reproducer
from .slopes import Slope
from .worst import Points, Worst, quiet, worst


def values(columns: tuple[str, ...], *, every: bool) -> Iterator[tuple[str, str, str]]:
    """Function, column and dtype of all there is; ``every`` has jax compile for hours."""
    for name, record in RECORDS.items():
        for column in columns:
            for dtype in BACKENDS[column].dtypes:
                if not path_of(name, dtype).exists():
                    continue
                if every or not _later(record, column, dtype):
                    yield name, column, dtype


def _later(record: Record, column: str, dtype: str) -> bool:
    """Whether it takes jax minutes to compile what is like something else."""
    backend = BACKENDS[column]
    narrow = backend.library == "jax" and dtype.endswith("16")
    return narrow or on_demand(record, backend, dtype)


def derivatives(columns: tuple[str, ...], *, every: bool) -> Iterator[tuple[str, str, str]]:
    """The same for derivatives."""
    for name, column, dtype in values(columns, every=every):
        if RECORDS[name].slope_ulp and dtype in PULLING.get(column, ()):
            yield name, column, dtype


def measure(name: str, column: str, dtype: str) -> Worst:
    """One record on one backend in one dtype."""
    backend = BACKENDS[column]
    with quiet(backend):
        return worst(name, dtype, column, _points(RECORDS[name], dtype, backend))


def _points(record: Record, dtype: str, backend: Backend) -> Iterator[Points]:
    for one in measured.run(record, dtype, backend):
        yield Points(
            one.case.regime, one.case.truth_hi, one.error,
            bound(record, one.case, backend), partial(reproducer, one), one.exempt,
            _cause(record, dtype, backend, one),
        )  # fmt: skip


def _cause(record: Record, dtype: str, backend: Backend, one: Measured) -> str:
    """Of what excuses single points; a missing float64 changes the bound instead."""
    found: list[Exemption] = [
        e
        for e in record.exemptions
        if e.backend == backend.library and dtype in e.dtypes and e.regime != "without float64"
    ]
    if found or not one.exempt.any():
        return found[0].cause if found else ""
    return f"squares of what is beyond {record.lost_below:g} leave the range of float64"


def slope(name: str, column: str, dtype: str) -> Slope:
    """The derivative of one record on one backend."""
    record, backend = RECORDS[name], BACKENDS[column]
    ulp, where, components = -1.0, "", 0
    with quiet(backend):
        for one in derived.run(record, dtype, backend):
            components += sum(error.size for error in one.errors)
            error, line = one.worst()
            if not error <= ulp:
                ulp, where = error, line
    allowed = derived.allowed(record, dtype, backend)
    return Slope(name, dtype, column, ulp, allowed, components, where)
