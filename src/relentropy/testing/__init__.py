"""For your own tests: errors in units in the last place, and audits.

`ulp_error` measures, `assert_ulp` asserts. The true value may be given more digits than any
floating-point type has: as a `fractions.Fraction`, a `decimal.Decimal`, an ``mpmath.mpf``, or
as the unevaluated sum of two float64 numbers.

`audit` tries a function of yours, or of a library's, on the inputs on which functions of
relative entropy go wrong, and reports what it finds; `assert_audit` is the same as a test.
"""

from ._cases import Exact, HardCase, Slopes
from .audits import assert_audit, audit, hard_cases
from .report import Finding, Report
from .ulp import assert_ulp, ulp_error

__all__ = [
    "Exact",
    "Finding",
    "HardCase",
    "Report",
    "Slopes",
    "assert_audit",
    "assert_ulp",
    "audit",
    "hard_cases",
    "ulp_error",
]
