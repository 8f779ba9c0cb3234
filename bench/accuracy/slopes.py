"""The worst of a record's derivative on one backend."""

import warnings
from dataclasses import dataclass

import numpy as np
from tests.suite.backends import BACKENDS
from tests.suite.derived import allowed, run

from relentropy._records import RECORDS


@dataclass(frozen=True)
class Slope:
    """The largest error of a derivative's components, over their condition numbers."""

    function: str
    dtype: str
    backend: str
    ulp: float
    allowed: float
    components: int
    where: str
    """The component, its row and its truth."""

    @property
    def fails(self) -> bool:
        return not self.ulp <= self.allowed


def measure(name: str, backend_name: str, dtype: str) -> Slope:
    """One record's derivative on one backend in one dtype."""
    record, backend = RECORDS[name], BACKENDS[backend_name]
    ulp, where, components = -1.0, "", 0
    with warnings.catch_warnings(), np.errstate(all="ignore"), backend.active():
        warnings.simplefilter("ignore")  # what must not warn is a test's business
        for derived in run(record, dtype, backend):
            components += sum(error.size for error in derived.errors)
            error, line = derived.worst()
            if not error <= ulp:
                ulp, where = error, line
    bound = allowed(record, dtype, backend)
    return Slope(name, dtype, backend_name, ulp, bound, components, where)
