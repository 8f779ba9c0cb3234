"""A hard case as a call that one can paste: the numbers in digits that read back exactly."""

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.suite.measured import Measured

SHOWN = 10
"""Entries of a row that are written out; of a longer one the first three and the last."""


def reproducer(measured: Measured, at: tuple[int, ...]) -> tuple[str, str]:
    """Where the point ``at`` is from, and the call with its inputs, result and truth."""
    case = measured.case
    operands = [_operand(x[at[0]]) for x in case.inputs]
    if case.function == "logsumexp" and len(operands) == 2:
        operands[1] = f"b={operands[1]}"
    operands += [f"{name}={value}" for name, value in sorted(case.options.items())]
    entry = f"[{at[1]}]" if len(at) > 1 else ""
    call = (
        f"{case.function}({', '.join(operands)}){entry}\n"
        f"    = {number(measured.actual[at])}, truth {float(case.truth_hi[at])!r}"
    )
    size = "" if case.inputs[0].ndim == 1 else f", n = {case.inputs[0].shape[1]}"
    return f"{case.regime}{size}", call


def _operand(x: np.ndarray) -> str:
    if np.ndim(x) == 0:
        return number(x)
    entries = [number(v) for v in (x if len(x) <= SHOWN else (*x[:3], x[-1]))]
    if len(x) > SHOWN:
        entries.insert(3, "…")
    return f"[{', '.join(entries)}]"


def number(x: np.generic) -> str:
    """The shortest digits that give the number back in its own dtype."""
    return str(x) if x.dtype.kind == "f" else repr(float(x))


def called(function: str, operands: list[str], got: np.generic, truth: float) -> str:
    """A call in words, with its result and the truth."""
    return f"{function}({', '.join(operands)})\n    = {number(got)}, truth {float(truth)!r}"


def saying(where: str, call: str) -> Callable[[Any], tuple[str, str]]:
    """What is said of the only result of a call."""
    return lambda at: (where, call)
