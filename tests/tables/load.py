"""Read the tables."""

import json
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from pathlib import Path

import numpy as np

from ..oracle.definitions import ELEMENTWISE
from ..oracle.exact import FORMATS, from_text
from .drawn import case_inputs

DATA = Path(__file__).parent / "data"


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
        The truth as an unevaluated sum; one number for each point or row, (rows, n) for
        the functions that return a number for each entry. ``truth_hi`` is the truth rounded
        to float64 (so it may exceed the range of the case's dtype), ``truth_lo`` is 0 where
        that is inf, nan or 0.
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
    return tuple(_case(stored, function, dtype) for stored in read(function, dtype))


def read(function, dtype):
    """Return a table as it is stored."""
    return json.loads((DATA / function / f"{dtype}.json").read_text(encoding="utf-8"))


def _case(stored, function, dtype):
    inputs = _inputs(stored, function, dtype)
    hi, lo = _truth(stored["truth"])
    options = dict(stored["options"])
    for name, value in options.items():
        options[name] = tuple(value) if isinstance(value, list) else value
    ones = np.ones(inputs[0].shape[0])
    number = _floats(stored["condition"]) if "condition" in stored else ones
    if len(number) != len(hi):  # one for each entry
        number = number.reshape(hi.shape)
    sign = _floats(stored["sign"]) if "sign" in stored else None
    for array in (*inputs, hi, lo, number, sign):
        if array is not None:
            array.flags.writeable = False
    return Case(function, stored["regime"], dtype, inputs, options, hi, lo, number, sign)


def _inputs(stored, function, dtype):
    if "recipe" in stored:
        return tuple(case_inputs(stored, function, dtype))
    held = FORMATS[dtype].dtype
    if function in ELEMENTWISE:
        return tuple(from_text(" ".join(v), held) for v in stored["inputs"])
    return tuple(np.stack([from_text(row, held) for row in v]) for v in stored["inputs"])


def _floats(lines):
    return np.array([float(t) for t in " ".join(lines).split()])


def _truth(lines):
    if isinstance(lines[0], list):
        pairs = [_truth(row) for row in lines]
        return tuple(np.stack(part) for part in zip(*pairs, strict=True))
    return _split(" ".join(lines).split())


def _split(words):
    """Decimal numbers as sums of two float64, the first being the nearest."""
    hi = np.array([float(w) for w in words])
    lo = np.zeros_like(hi)
    with localcontext() as context:
        context.prec = 60
        for i in np.flatnonzero(np.isfinite(hi) & (hi != 0)):
            lo[i] = float(Decimal(words[i]) - Decimal(hi[i]))
    return hi, lo
