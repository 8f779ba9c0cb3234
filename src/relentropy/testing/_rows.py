"""The regimes of rows: where functions of distributions go wrong.

A regime's operands are drawn here, exactly representable in the dtype asked for; their truths
stand in `truths`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .._ulp import FORMATS
from ._drawing import Numbers, logarithms, moved, rounded, shares, simplex, symmetric

INF, NAN = np.inf, np.nan
GAPS = (1e-1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-15)
LONG = 131072
ROWS, ENTRIES = 2, 4
MORE = 8, 6
"""Further rows of close pairs, for faults that come and go with the last digits."""


class Regime(NamedTuple):
    """Operands that share what makes them hard."""

    name: str
    operands: tuple[Numbers, ...]
    """Each of shape (rows, n), or (n,) for elementwise functions."""
    gap: float = NAN
    """How close the distributions are, relatively; the row of the picture."""
    slopes: bool = True
    """Whether derivatives are looked at."""

    @property
    def label(self) -> str:
        return f"{self.name} {self.gap:.0e}" if self.gap == self.gap else self.name


def rows(inputs: str, dtype: str, *, long: bool) -> Iterator[Regime]:
    """Pairs of distributions in one form; of a function of one distribution, the first."""
    yield from {
        "probs": _probs,
        "weights": _weights,
        "logits": _logits,
        "log_probs": _log_probs,
    }[inputs](dtype)
    if long:
        yield from _long(inputs, dtype)


def _probs(dtype: str) -> Iterator[Regime]:
    shape = (ROWS, ENTRIES)
    (p, bits), (q, _) = (simplex(name, shape, dtype) for name in "pq")
    yield Regime("ordinary", shares(bits, p, q))
    more, _ = simplex("more", MORE, dtype)
    for gap in GAPS:
        if gap * 2.0**bits >= ENTRIES:
            yield Regime("close", shares(bits, p, moved("step", p, gap)), gap)
            near = moved("more steps", more, gap)
            yield Regime("close", shares(bits, more, near), gap, slopes=False)
    yield Regime("equal", shares(bits, p, p))
    u, tiny = 2.0 ** (2 - bits), 2.0 ** (FORMATS[dtype].low + 4)
    sure = [1 - 3 * u, u, u, u]
    yield _regime("far", [sure], [[u, 0.5, 0.25, 0.25 - u]])
    yield _regime("certain", [sure], [[1 - 6 * u, 2 * u, 2 * u, 2 * u]])
    if dtype != "float16":  # their sums differ from 1 by less than any result can tell
        yield _regime("tiny", [[0.5, 0.5, tiny, tiny]], [[0.25, 0.75, 2 * tiny, 8 * tiny]])
    yield _regime(
        "zeros", [[0.5, 0.5, 0, 0], [0, 1, 0, 0]], [[0.25, 0.25, 0.5, 0], [0.5, 0.5, 0, 0]]
    )
    yield _regime("uncovered", [[0.5, 0.5, 0, 0]], [[0, 0.5, 0.5, 0]], slopes=False)
    yield _regime("nan", [[0.5, NAN, 0.25, 0.25]], [[0.25, 0.25, 0.5, 0]], slopes=False)
    yield _regime("nan", [[0.25, 0.75, 0, 0]], [[0.25, 0.25, NAN, 0.5]], slopes=False)


def _weights(dtype: str) -> Iterator[Regime]:
    """Of any scale, to be normalised."""
    shape, form = (ROWS, ENTRIES), FORMATS[dtype]
    (p, bits), (q, _) = (simplex(name, shape, dtype) for name in "pq")
    (first,), (second,) = shares(bits - 3, p), shares(bits + 1, q)
    yield Regime("ordinary", (first, second))
    more = rounded(1 + symmetric("more weights", MORE) / 2, dtype)
    for gap in GAPS:
        if gap >= 2.0 ** (2 - form.digits):
            near = first * 0.25 * (1 + gap * symmetric("weight step", shape))
            yield Regime("close", (first, rounded(near, dtype)), gap)
            near = more * (1 + gap * symmetric("more gaps", MORE))
            yield Regime("close", (more, rounded(near, dtype)), gap, slopes=False)
    yield Regime("equal", (first, first * 16))
    yield _regime("counts", [[3, 0, 5, 1], [1, 2, 0, 0]], [[4, 1, 5, 2], [2, 1, 0, 0]])
    low, high = 2.0 ** (form.low + 6), 2.0 ** (form.high - 4)
    some = [3.5, 1, 4, 1]
    yield _regime("scale", [[low, 2 * low, low, 0], some], [some, [high] * 4])


def _logits(dtype: str) -> Iterator[Regime]:
    shape, form = (ROWS, ENTRIES), FORMATS[dtype]
    a, b = (rounded(4 * symmetric(name, shape), dtype) for name in "ab")
    more = rounded(4 * symmetric("more", MORE), dtype)
    yield Regime("ordinary", (a, b))
    for gap in GAPS:
        if gap >= 2.0 ** (4 - form.digits):
            near = rounded(a + gap * symmetric("gap", shape), dtype)
            yield Regime("close", (a, near), gap)
            near = rounded(more + gap * symmetric("more gaps", MORE), dtype)
            yield Regime("close", (more, near), gap, slopes=False)
    yield Regime("equal", (a, a))
    offset = 2.0**9 if dtype == "float16" else 2.0**12
    yield Regime("offset", (rounded(a + offset, dtype), rounded(b - offset, dtype)))
    yield _regime("far", [[10, 0, -30, -40], [0, 60, 0, 0]], [[0, 10, -20, -30], [60, 0, 0, 0]])
    yield _regime("extreme", [[800, 0, -800, 0]], [[0, 750, -800, 0]])
    yield _regime(
        "masked",
        [[0, 1, -INF, -INF], [0, 2, 1, -INF]],
        [[0.5, 1, -INF, 2], [1, 2, 0, -INF]],
    )
    yield _regime("uncovered", [[0, 1, 2, 3]], [[0, 1, -INF, 3]], slopes=False)
    yield _regime("nan", [[0, 1, NAN, 3]], [[0, 1, 2, 3]], slopes=False)
    yield _regime("nan", [[0, 1, 2, 3]], [[0, NAN, 2, 3]], slopes=False)


def _log_probs(dtype: str) -> Iterator[Regime]:
    """Logarithms of the probabilities, rounded.

    What rounding leaves of their sum is taken out by normalising: the distribution is meant.
    """
    for regime in _probs(dtype):
        if regime.name != "nan":
            logs = tuple(rounded(logarithms(x), dtype) for x in regime.operands)
            if regime.name != "close" or regime.gap >= 64 * 2.0 ** -FORMATS[dtype].digits:
                yield regime._replace(operands=logs)
    yield _regime("nan", [[-1, -1, NAN, -2]], [[-1, -1, -1, -2]], slopes=False)


def _regime(
    name: str, p: list[list[float]], q: list[list[float]], *, slopes: bool = True
) -> Regime:
    """Of numbers that every dtype holds."""
    return Regime(name, (np.array(p, np.float64), np.array(q, np.float64)), slopes=slopes)


def _long(inputs: str, dtype: str) -> Iterator[Regime]:
    """Rows of so many entries, which take their time to draw."""
    if (
        inputs == "probs" and dtype != "float16"
    ):  # where such an entry is below the normal range
        p, bits = simplex("long", (1, LONG), dtype)
        for gap in GAPS:
            if 1e-5 < gap < 0.1 and gap * 2.0**bits >= LONG:
                near = moved("long step", p, gap)
                yield Regime("long", shares(bits, p, near), gap, slopes=False)
    if inputs == "logits":
        a = rounded(4 * symmetric("long a", (1, LONG)), dtype)
        for gap in (1e-2, 1e-4) if FORMATS[dtype].digits > 20 else (0.1,):
            b = rounded(a + gap * symmetric("long gap", (1, LONG)), dtype)
            yield Regime("long", (a, b), gap, slopes=False)
