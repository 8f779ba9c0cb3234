"""The regimes of elementwise functions: where formulas of numbers go wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._ulp import FORMATS
from ._drawing import Numbers, rounded, symmetric
from ._kinds import FAMILIES
from ._rows import GAPS, INF, NAN, Regime

POINTS = 6
MANY = 12
"""Points of close pairs, for faults that come and go with the last digits."""


def points(name: str, inputs: str, dtype: str) -> Iterator[Regime]:
    """Operands of one elementwise function."""
    if name in FAMILIES:
        drawn = _family(name, dtype)
    else:
        drawn = (_BINARY[inputs] if name.startswith("binary") else _DRAWN[name])(dtype)
    for regime in drawn:
        operands = (rounded(x, dtype) for x in regime.operands)
        yield regime._replace(operands=tuple(np.atleast_1d(x) for x in operands))


def _eps(dtype: str) -> float:
    return float(2.0 ** (1 - FORMATS[dtype].digits))


def _gaps(dtype: str, least: float = 4.0) -> list[float]:
    return [gap for gap in GAPS if gap >= least * _eps(dtype)]


def _ends(dtype: str) -> tuple[float, float]:
    """Near the smallest normal number and the largest, powers of two."""
    form = FORMATS[dtype]
    return 2.0 ** (form.low + 4), 2.0 ** (form.high - 4)


def _of(*columns: list[float]) -> tuple[Numbers, ...]:
    return tuple(np.array(column, np.float64) for column in columns)


def _pairs(dtype: str) -> Iterator[Regime]:
    """Of ``kl_div`` and ``rel_entr``: two weights."""
    low, high = _ends(dtype)
    x = 1 + symmetric("x", (POINTS,)) / 2
    yield Regime("ordinary", (x, 2 + symmetric("y", (POINTS,))))
    for gap in _gaps(dtype):
        x = rounded(np.array([0.3, 0.75, 1.0, 1.9]), dtype)
        yield Regime("close", (x, x * (1 + gap * np.array([1, -1, 1, -1]))), gap)
        x = rounded(1 + symmetric("close x", (MANY,)) / 2, dtype)
        yield Regime("close", (x, x * (1 + gap * symmetric("gap", (MANY,)))), gap, slopes=False)
    yield Regime("equal", _of([0.25, 3.0], [0.25, 3.0]))
    yield Regime("extreme", _of([low, high, low, high], [high, low, 1.0, 1.0]))
    yield Regime("zero", _of([0, 0], [0, 0.5]))
    yield Regime("uncovered", _of([0.5], [0]), slopes=False)
    yield Regime("nan", _of([NAN, 1, NAN], [1, NAN, 0]), slopes=False)


def _products(dtype: str) -> Iterator[Regime]:
    """Of ``xlogy``: a factor, and what a logarithm is taken of."""
    low, high = _ends(dtype)
    x = symmetric("x", (POINTS,))
    yield Regime("ordinary", (x, 2 + symmetric("y", (POINTS,))))
    for gap in _gaps(dtype):
        yield Regime("close", (x[:4], 1 + gap * np.array([1, -1, 1, -1])), gap)
    yield Regime("extreme", _of([1, -1, 1], [low, high, high]))
    yield Regime("zero", _of([0, 0, 0], [0, 0.5, -1]))
    yield Regime("nan", _of([NAN, 1, 0], [1, NAN, NAN]), slopes=False)


def _products1p(dtype: str) -> Iterator[Regime]:
    """Of ``xlog1py``."""
    x = symmetric("x", (POINTS,))
    yield Regime("ordinary", (x, symmetric("y", (POINTS,)) * 0.9))
    for gap in _gaps(dtype, 0.0):
        yield Regime("close", (x[:4], gap * np.array([1, -1, 1, -1])), gap)
    yield Regime("zero", _of([0, 0, 0], [-1, 0.5, -2]))
    yield Regime("nan", _of([NAN, 1, 0], [1, NAN, NAN]), slopes=False)


def _entr(dtype: str) -> Iterator[Regime]:
    low, high = _ends(dtype)
    yield Regime("ordinary", (1 + symmetric("x", (POINTS,)),))
    for gap in _gaps(dtype):
        yield Regime("close", (np.array([1 + gap, 1 - gap]),), gap)
    yield Regime("extreme", _of([low, np.sqrt(high)]))
    yield Regime("zero", _of([0]))
    yield Regime("nan", _of([NAN]), slopes=False)


def _of_exponent(dtype: str) -> Iterator[Regime]:
    """Of ``expm1mx`` and ``log1pexp``: any number."""
    yield Regime("ordinary", (4 * symmetric("x", (POINTS,)),))
    for gap in _small(dtype):
        yield Regime("close", (np.array([gap, -gap]),), gap)
    yield Regime("extreme", _of([-60, 10, -500, 10]))
    yield Regime("infinite", _of([INF, -INF]), slopes=False)
    yield Regime("nan", _of([NAN]), slopes=False)


def _small(dtype: str) -> list[float]:
    """Arguments whose squares stay in the normal range."""
    return [gap for gap in GAPS if gap * gap > 2.0 ** (FORMATS[dtype].low + 12)]


def _log1pmx(dtype: str) -> Iterator[Regime]:
    yield Regime("ordinary", (0.9 * symmetric("x", (POINTS,)),))
    for gap in _small(dtype):
        yield Regime("close", (np.array([gap, -gap]),), gap)
    yield Regime("extreme", _of([1000, 1.5, -0.99]))
    yield Regime("infinite", _of([-1, INF]), slopes=False)
    yield Regime("nan", _of([NAN, -2]), slopes=False)


def _log1mexp(dtype: str) -> Iterator[Regime]:
    yield Regime("ordinary", (-2 + symmetric("x", (POINTS,)) * 1.9,))
    for gap in _small(dtype):
        yield Regime("close", (np.array([-gap]),), gap)
    yield Regime("extreme", _of([-5, -8, -9]))
    yield Regime("infinite", _of([0, -INF]), slopes=False)
    yield Regime("nan", _of([NAN, 1]), slopes=False)


def _logaddexp(dtype: str) -> Iterator[Regime]:
    yield Regime("ordinary", (4 + symmetric("x", (POINTS,)), 4 * symmetric("y", (POINTS,))))
    yield Regime("extreme", _of([1000, -1000, 30], [0, -1000, -30]))
    yield Regime("masked", _of([-INF, 2, -INF], [1, -INF, -INF]))
    yield Regime("nan", _of([NAN, -INF], [0, NAN]), slopes=False)


def _samples(dtype: str) -> Iterator[Regime]:
    """Of estimators: log-probabilities under the policy and under the reference."""
    x = rounded(-4 + symmetric("x", (POINTS,)) * 3, dtype)
    yield Regime("ordinary", (x, x + 2 * symmetric("u", (POINTS,))))
    for gap in _gaps(dtype, 0.5):
        # Likely samples where the precision has no such gap between less likely ones.
        size = min(1.0, gap / (16 * _eps(dtype)))
        x = rounded(size * np.array([-0.25, -1.0, -3.0]), dtype)
        yield Regime("close", (x, x + gap * np.array([-1, 1, -1])), gap)
        x = rounded(size * 4 * (symmetric("close x", (MANY,)) - 1) / 2, dtype)
        yield Regime("close", (x, x + gap * symmetric("gap", (MANY,))), gap, slopes=False)
    yield Regime("equal", _of([-0.5, -7.0], [-0.5, -7.0]))
    yield Regime("far", _of([-1, -6, -9, -1, -1], [-6, -1, -1, -22, -41]))
    if FORMATS[dtype].high > 100:
        yield Regime("extreme", _of([-1, -82], [-82, -1]))
    yield Regime("nan", _of([NAN, -1], [-1, NAN]), slopes=False)


_DRAWN = {
    "k1": _samples,
    "k2": _samples,
    "k3": _samples,
    "abs": _samples,
    "kl_div": _pairs,
    "rel_entr": _pairs,
    "xlogy": _products,
    "xlog1py": _products1p,
    "entr": _entr,
    "expm1mx": _of_exponent,
    "log1pexp": _of_exponent,
    "log1pmx": _log1pmx,
    "log1mexp": _log1mexp,
    "logaddexp": _logaddexp,
}


def _binary_probs(dtype: str) -> Iterator[Regime]:
    p = 0.5 + 0.45 * symmetric("p", (POINTS,))
    yield Regime("ordinary", (p, 0.5 + 0.45 * symmetric("q", (POINTS,))))
    for gap in _gaps(dtype, 8.0):
        p = rounded(np.array([0.2, 0.5, 0.9]), dtype)
        yield Regime("close", (p, p * (1 + gap * np.array([1, -1, -1]))), gap)
        p = rounded(0.5 + 0.45 * symmetric("close p", (MANY,)), dtype)
        yield Regime("close", (p, p * (1 + gap * symmetric("gap", (MANY,)))), gap, slopes=False)
    yield Regime("equal", _of([0.25, 0.75], [0.25, 0.75]))
    low, _ = _ends(dtype)
    eps = _eps(dtype)
    yield Regime("extreme", _of([low, 1 - eps, 0.5], [0.5, 0.5, 4 * low]))
    yield Regime("zero", _of([0, 1, 0, 1], [0, 1, 0.5, 0.5]), slopes=False)
    yield Regime("uncovered", _of([0.5, 0.5], [0, 1]), slopes=False)
    yield Regime("nan", _of([NAN, 0.5], [0.5, NAN]), slopes=False)


def _binary_logits(dtype: str) -> Iterator[Regime]:
    a = 4 * symmetric("a", (POINTS,))
    yield Regime("ordinary", (a, 4 * symmetric("b", (POINTS,))))
    for gap in _gaps(dtype, 8.0):
        a = rounded(np.array([-3.0, 0.25, 2.0]), dtype)
        yield Regime("close", (a, a + gap * np.array([1, 1, -1])), gap)
        a = rounded(4 * symmetric("close a", (MANY,)), dtype)
        yield Regime("close", (a, a + gap * symmetric("gap", (MANY,))), gap, slopes=False)
    yield Regime("equal", _of([-2, 0, 5], [-2, 0, 5]))
    yield Regime("far", _of([90, -90, 0], [-90, 90, 500]))
    yield Regime("certain", _of([7, -8], [7.5, -7]))
    if FORMATS[dtype].low < -100:
        yield Regime("saturated", _of([40, -40], [41, -41]))
    yield Regime("nan", _of([NAN, 0], [0, NAN]), slopes=False)


_BINARY = {"probs": _binary_probs, "logits": _binary_logits}


# Parameters of one distribution, and of another that is not close.
_LOCATIONS = [[-1.5, 0.5], [0.25, 1.25], [3, 40]], [[0.5, 0.75], [0.5, 2], [-30, 8]]
_RATES = [[0.25], [3], [1000]], [[0.5], [2], [10]]
_SHAPES = [[0.375, 2], [2.5, 0.25], [230, 170], [4096, 2]], [[3, 1], [2, 4], [96, 200], [2, 64]]
_PARAMETERS = {
    "kl_normal": _LOCATIONS,
    "kl_laplace": _LOCATIONS,
    "kl_gumbel": ([[-1.5, 0.5], [0.25, 1.25], [3, 4]], [[0.5, 0.75], [0.5, 2], [-3, 8]]),
    "kl_exponential": _RATES,
    "kl_poisson": _RATES,
    "kl_geometric": ([[0.125], [0.5], [0.625]], [[0.25], [0.75], [0.0625]]),
    "kl_gamma": _SHAPES,
    "kl_beta": _SHAPES,
    "kl_weibull": ([[0.5, 2], [1.5, 0.25], [10, 3]], [[0.75, 1], [3, 0.5], [8, 2.5]]),
    "kl_von_mises": ([[0.5, 0.375], [-1, 4], [2, 230]], [[1, 2], [-1.5, 0.5], [2.5, 96]]),
}


def _family(name: str, dtype: str) -> Iterator[Regime]:
    """Parameters of p, and of q."""
    p, q = (np.array(rows, np.float64) for rows in _PARAMETERS[name])
    yield Regime("ordinary", (*p.T, *q.T))
    signs = (-1.0) ** np.add.outer(np.arange(len(p)), np.arange(p.shape[1]))
    for gap in _gaps(dtype):
        yield Regime("close", (*p.T, *(p * (1 + gap * signs)).T), gap)
        steps = symmetric(f"{name} steps", (MANY, p.shape[1]))
        more = rounded(np.resize(p, steps.shape) * (1 + steps / 4), dtype)
        near = more * (1 + gap * np.roll(steps, 1, axis=0))
        yield Regime("close", (*more.T, *near.T), gap, slopes=False)
    yield Regime("equal", (*p.T, *p.T))
    lost = p.copy()
    lost[:, -1] = NAN
    yield Regime("nan", (*lost.T, *q.T), slopes=False)
