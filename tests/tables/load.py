"""Read the tables."""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache

import numpy as np

from ..oracle.derivatives import SEEDED
from ..oracle.exact import FORMATS
from .drawn import case_inputs
from .files import Section, checksum, options_text, read_table
from .plan import cases

# Significant digits of a stored truth: within 5e-8 ulp of the dtype.
DIGITS = {"float16": 12, "bfloat16": 11, "float32": 16, "float64": 24}
assert DIGITS.keys() == FORMATS.keys()


@dataclass(frozen=True)
class Case:
    """One regime of one function: inputs of a dtype, and what is true of them.

    Attributes
    ----------
    function, regime, dtype : str
    inputs : tuple of arrays of that dtype
        Elementwise functions: 1-D. Reductions: (rows, n). All arrays of a case are read-only,
        as every caller is given the same ones.
    options : dict
        Keywords of the call: ``from_logits`` (a bool or a tuple of two), ``normalize`` and
        parameters such as ``alpha``; ``return_sign`` for logsumexp with weights, which are
        then the second input; ``complement`` (a bool or a tuple of two) for two outcomes,
        where an operand of its own follows the probability; for joint tables the ``shape``
        of a row.
    truth_hi, truth_lo : float64 arrays
        The truth to the digits of `DIGITS`, as an unevaluated sum; one number for each point
        or row, (rows, n) for the functions that return a number for each entry. ``truth_hi``
        is rounded to float64 (so it may exceed the range of the case's dtype), ``truth_lo`` is
        0 where that is inf, nan or 0.
    condition : float64 array
        The condition number for each point, row or entry; inf where the truth is 0 by
        cancellation.
    sign : float64 array or None
        The sign of the sum, where ``return_sign`` is asked for.
    """

    function: str
    regime: str
    dtype: str
    inputs: tuple
    options: dict
    truth_hi: np.ndarray
    truth_lo: np.ndarray
    condition: np.ndarray
    sign: np.ndarray | None = None


@cache
def load(function, dtype):
    """Return the stored cases of a function for a dtype.

    Parameters
    ----------
    function : str
        For example "kl_divergence" or "log1pmx".
    dtype : {"float16", "bfloat16", "float32", "float64"}

    Returns
    -------
    tuple of Case
    """
    return tuple(_case(function, dtype, *stored) for stored in stored_cases(function, dtype))


def stored_cases(function, dtype):
    """Yield the planned cases of a table as pairs of (case, operands) with their lines.

    Raises
    ------
    ValueError
        If the table is not one of the planned cases, or this machine draws other operands.
    """
    table, drawn = read_table(function, dtype), {}
    for case in cases(function, dtype):
        inputs = case_inputs(case, function, dtype)
        text = options_text(case["options"])
        section = drawn.setdefault(text, Section(text))
        lines, at = table[text].lines if text in table else [], len(section.lines)
        planned = (case["regime"], inputs[0].shape)
        if at == len(lines) or (lines[at].regime, lines[at].shape) != planned:
            msg = f"{function} {dtype}: the table does not have {case['regime']} {text} there"
            raise ValueError(msg)
        section.add(lines[at], checksum(inputs))
        yield case, inputs, lines[at]
    if drawn != table:
        changed = [text for text in table if drawn.get(text) != table[text]]
        msg = f"{function} {dtype}: other operands are drawn than those of {changed[0]}"
        raise ValueError(msg)


def _case(function, dtype, case, inputs, line):
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in case["options"].items()
    }
    hi, lo = _split(line.truth.split())
    if function in SEEDED:  # a truth for each entry
        hi, lo = hi.reshape(inputs[0].shape), lo.reshape(inputs[0].shape)
    number = _floats(line.condition) if line.condition else np.ones(inputs[0].shape[0])
    if len(number) != len(hi):  # one for each entry
        number = number.reshape(hi.shape)
    sign = _floats(line.sign) if line.sign else None
    for array in (*inputs, hi, lo, number, sign):
        if array is not None:
            array.flags.writeable = False
    return Case(function, case["regime"], dtype, inputs, options, hi, lo, number, sign)


def _floats(text):
    return np.array([float(t) for t in text.split()])


def _split(words):
    """Decimal numbers as sums of two float64, the first being the nearest."""
    hi = np.array([float(w) for w in words])
    lo = np.zeros_like(hi)
    with localcontext() as context:
        context.prec = 60
        for i in np.flatnonzero(np.isfinite(hi) & (hi != 0)):
            lo[i] = float(Decimal(words[i]) - Decimal(hi[i]))
    return hi, lo
