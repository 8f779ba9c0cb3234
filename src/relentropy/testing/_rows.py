"""The regimes of rows: where functions of distributions go wrong.

A regime's operands are drawn here, exactly representable in the dtype asked for; their truths
stand in `truths`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .._ulp import FORMATS
from ._drawing import Numbers, logarithms, moved, rounded, simplex, symmetric

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


def rows(inputs: str, dtype: str) -> Iterator[Regime]:
    """Pairs of distributions in one form; of a function of one distribution, the first."""
    return {
        "probs": _probs,
        "weights": _weights,
        "logits": _logits,
        "log_probs": _log_probs,
    }[inputs](dtype)


def _probs(dtype: str) -> Iterator[Regime]:
    shape = (ROWS, ENTRIES)
    p, bits = simplex("p", shape, dtype)
    q, _ = simplex("q", shape, dtype)
    unit = 2.0**-bits
    yield Regime("ordinary", (p * unit, q * unit))
    for gap in GAPS:
        if gap * 2.0**bits >= ENTRIES:
            yield Regime("close", (p * unit, moved("step", p, gap) * unit), gap)
            more, _ = simplex("more", MORE, dtype)
            near = moved("more steps", more, gap)
            yield Regime("close", (more * unit, near * unit), gap, slopes=False)
    yield Regime("equal", (p * unit, p * unit))
    tiny = 2.0 ** (FORMATS[dtype].low + 4)
    u = 4 * unit
    sure = [1 - 3 * u, u, u, u]
    yield Regime("far", _pair([sure], [[u, 0.5, 0.25, 0.25 - u]], dtype))
    yield Regime("certain", _pair([sure], [[1 - 6 * u, 2 * u, 2 * u, 2 * u]], dtype))
    # Their sums differ from 1 by less than any result can tell.
    yield Regime("tiny", _pair([[0.5, 0.5, tiny, tiny]], [[0.25, 0.75, 2 * tiny, 8 * tiny]], dtype))
    yield Regime(
        "zeros",
        _pair([[0.5, 0.5, 0, 0], [0, 1, 0, 0]], [[0.25, 0.25, 0.5, 0], [0.5, 0.5, 0, 0]], dtype),
    )
    yield Regime(
        "uncovered", _pair([[0.5, 0.5, 0, 0]], [[0, 0.5, 0.5, 0]], dtype), slopes=False
    )
    yield Regime(
        "nan", _pair([[0.5, NAN, 0.25, 0.25]], [[0.25, 0.25, 0.5, 0]], dtype), slopes=False
    )
    yield Regime(
        "nan", _pair([[0.25, 0.75, 0, 0]], [[0.25, 0.25, NAN, 0.5]], dtype), slopes=False
    )
    if dtype != "float16":  # where an entry of so many is below the normal range
        p, bits = simplex("long", (1, LONG), dtype)
        for gap in GAPS:
            if 1e-5 < gap < 0.1 and gap * 2.0**bits >= LONG:
                q = moved("long step", p, gap)
                unit = 2.0**-bits
                yield Regime("long", (p * unit, q * unit), gap, slopes=False)


def _weights(dtype: str) -> Iterator[Regime]:
    """Of any scale, to be normalised."""
    p, q = (simplex(name, (ROWS, ENTRIES), dtype)[0] * 1.0 for name in "pq")
    scale = 2.0 ** -FORMATS[dtype].digits
    yield Regime("ordinary", (p * scale * 8, q * scale * 0.5))
    for gap in GAPS:
        if gap >= 4 * 2.0 ** -FORMATS[dtype].digits:
            other = rounded(p * scale * (1 + gap * symmetric("weight step", p.shape)), dtype)
            yield Regime("close", (p * scale * 4, other), gap)
            more = rounded(1 + symmetric("more weights", MORE) / 2, dtype)
            near = rounded(more * (1 + gap * symmetric("more gaps", MORE)), dtype)
            yield Regime("close", (more, near), gap, slopes=False)
    yield Regime("equal", (p * scale, p * scale * 16))
    yield Regime("counts", _pair([[3, 0, 5, 1], [1, 2, 0, 0]], [[4, 1, 5, 2], [2, 1, 0, 0]], dtype))
    low, high = 2.0 ** (FORMATS[dtype].low + 6), 2.0 ** (FORMATS[dtype].high - 4)
    yield Regime(
        "scale",
        _pair([[low, 2 * low, low, 0], [3.5, 1, 4, 1]], [[3.5, 1, 4, 1], [high, high, high, high]],
              dtype),
    )  # fmt: skip


def _logits(dtype: str) -> Iterator[Regime]:
    shape = (ROWS, ENTRIES)
    a, b = (rounded(4 * symmetric(name, shape), dtype) for name in ("a", "b"))
    yield Regime("ordinary", (a, b))
    for gap in GAPS:
        if gap >= 16 * 2.0 ** -FORMATS[dtype].digits:
            yield Regime("close", (a, rounded(a + gap * symmetric("gap", shape), dtype)), gap)
            more = rounded(4 * symmetric("more", MORE), dtype)
            near = rounded(more + gap * symmetric("more gaps", MORE), dtype)
            yield Regime("close", (more, near), gap, slopes=False)
    yield Regime("equal", (a, a))
    offset = 2.0**9 if dtype == "float16" else 2.0**12
    yield Regime("offset", (rounded(a + offset, dtype), rounded(b - offset, dtype)))
    yield Regime("far", _pair([[10, 0, -30, -40], [0, 60, 0, 0]], [[0, 10, -20, -30], [60, 0, 0, 0]],
                              dtype))  # fmt: skip
    yield Regime("extreme", _pair([[800, 0, -800, 0]], [[0, 750, -800, 0]], dtype))
    yield Regime(
        "masked",
        _pair([[0, 1, -INF, -INF], [0, 2, 1, -INF]], [[0.5, 1, -INF, 2], [1, 2, 0, -INF]], dtype),
    )
    yield Regime(
        "uncovered", _pair([[0, 1, 2, 3]], [[0, 1, -INF, 3]], dtype), slopes=False
    )
    yield Regime("nan", _pair([[0, 1, NAN, 3]], [[0, 1, 2, 3]], dtype), slopes=False)
    yield Regime("nan", _pair([[0, 1, 2, 3]], [[0, NAN, 2, 3]], dtype), slopes=False)
    a = rounded(4 * symmetric("long a", (1, LONG)), dtype)
    for gap in (1e-2, 1e-4) if FORMATS[dtype].digits > 20 else (0.1,):
        b = rounded(a + gap * symmetric("long gap", (1, LONG)), dtype)
        yield Regime("long", (a, b), gap, slopes=False)


def _log_probs(dtype: str) -> Iterator[Regime]:
    """Logarithms of the probabilities, rounded.

    What rounding leaves of their sum is taken out by normalising: the distribution is meant.
    """
    for regime in _probs(dtype):
        if regime.name not in {"long", "nan"}:
            logs = tuple(rounded(logarithms(x), dtype) for x in regime.operands)
            if regime.name != "close" or regime.gap >= 64 * 2.0 ** -FORMATS[dtype].digits:
                yield regime._replace(operands=logs)
    yield Regime("nan", _pair([[-1, -1, NAN, -2]], [[-1, -1, -1, -2]], dtype), slopes=False)


def _pair(p: list[list[float]], q: list[list[float]], dtype: str) -> tuple[Numbers, Numbers]:
    return rounded(np.array(p, np.float64), dtype), rounded(np.array(q, np.float64), dtype)
