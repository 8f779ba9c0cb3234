"""Closed forms of parametric families, over the parameters that their tests draw."""

from collections.abc import Iterator
from functools import cache
from itertools import islice, product
from typing import Any

import numpy as np
from tests.families import test_categorical, test_dirichlet, test_multivariate
from tests.families.catalogue import FAMILIES
from tests.families.family import GAPS, Family
from tests.families.test_gradients import slope_errors
from tests.oracle import slopes as slopes_of
from tests.suite.backends import BACKENDS, Backend

from relentropy import families
from relentropy._records import CLOSED_FORMS
from relentropy.testing import ulp_error

from .reproducer import called, number, saying
from .slopes import Slope
from .worst import FLUSHED, Points, Worst, compared, quiet, worst

SEED, MANY, MANY_SLOPES = 100, 24, 4
ROWS = {"kl_dirichlet": test_dirichlet, "kl_categorical": test_categorical}
LIBRARIES = {"jax": "jax-jit"}
"""What jax does with a formula of a hundred steps that is not compiled takes minutes."""
PULLING = ("torch", "jax", "jax-x32")


def _dtypes(column: str) -> tuple[str, ...]:
    """jax compiles for minutes what is the same for narrower types."""
    own = BACKENDS[column].dtypes
    return own[-1:] if BACKENDS[column].library == "jax" else own


def values(columns: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Function, column and dtype of all there is."""
    for name in CLOSED_FORMS:
        for column in columns:
            yield from ((name, column, dtype) for dtype in _dtypes(column))


def derivatives(columns: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """The same for derivatives, in the two types that parameters are worked in."""
    for name in CLOSED_FORMS:
        for column in columns:
            if column in PULLING:
                own = {"float32", "float64"}.intersection(_dtypes(column))
                if name == "kl_multivariate_normal":
                    own &= {"float64"} if column == "torch" else set()
                yield from ((name, column, dtype) for dtype in sorted(own))


def measure(name: str, column: str, dtype: str) -> Worst:
    """One closed form on one backend in one dtype."""
    backend = BACKENDS[LIBRARIES.get(column, column)]
    with quiet(backend):
        return worst(name, dtype, column, _points(name, backend, dtype))


def _points(name: str, backend: Backend, dtype: str) -> Iterator[Points]:
    exact = dtype == "float64" or not backend.has_float64
    allowed = CLOSED_FORMS[name].ulp["float64" if exact else "float32"]
    if name == "kl_multivariate_normal":
        yield from _multivariate(backend, dtype, allowed)
    elif name in ROWS:
        yield from _of_rows(name, backend, dtype, allowed)
    else:
        for family in FAMILIES:
            if family.function == name:
                yield from _of_parameters(family, backend, dtype, allowed)


# --- functions of numbers ---------------------------------------------------------------


@cache
def _truths(family: Family, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of parameters, and their divergences to more digits than float64 has."""
    rows = family.rows(dtype, SEED, many=MANY if dtype == "float64" else MANY // 4)
    rows = rows[family.valid(rows)]
    return rows, np.array([family.truth(row) for row in rows], dtype=object)


def _of_parameters(
    family: Family, backend: Backend, dtype: str, allowed: float
) -> Iterator[Points]:
    rows, truth = _truths(family, dtype)
    given = [backend.make(np.ascontiguousarray(x).astype(dtype)) for x in rows.T]
    got = backend.read(backend.wrap(family)(*given))
    error, rounded, exempt = compared(got, truth, backend)
    gaps = np.array([_apart(row, dtype) for row in rows])
    options = [f"{name}={value!r}" for name, value in family.options.items()]
    for regime in dict.fromkeys(gaps):
        own = np.flatnonzero(gaps == regime)

        def say(at: Any, own: Any = own, regime: str = regime) -> tuple[str, str]:
            i = own[at[0]]
            values = [*map(number, rows[i].astype(dtype)), *options]
            return regime, called(family.function, values, got[i], rounded[i])

        yield Points(regime, rounded[own], error[own], allowed, say, exempt[own], FLUSHED)


def _apart(row: np.ndarray, dtype: str) -> str:
    """How far q's parameters are from p's, in powers of ten of the furthest."""
    import ml_dtypes

    p, q = np.split(row, 2)
    with np.errstate(invalid="ignore"):
        gap = np.max(np.where(p == q, 0.0, np.abs(p - q) / np.maximum(abs(p), abs(q))))
    if gap == 0:
        return "equal"
    if gap <= 2 * float(ml_dtypes.finfo(dtype).eps):
        return "one ulp"
    return "apart" if gap > 0.3 else f"gap {10.0 ** round(np.log10(gap)):.0e}"


# --- functions of rows, and of matrices ---------------------------------------------------


def _of_rows(name: str, backend: Backend, dtype: str, allowed: float) -> Iterator[Points]:
    function, truth_of = backend.wrap(getattr(families, name)), ROWS[name].truth
    for p, q in _pairs(name, dtype):
        if backend.library == "jax" and p.size != 3:
            continue  # a compilation for every length
        got = backend.read(function(backend.make(p), backend.make(q))).reshape(1)
        truth = np.array([truth_of(p, q)], dtype=object)
        error, rounded, exempt = compared(got, truth, backend)
        regime = _apart(np.concatenate([p, q]).astype(np.float64), dtype)
        rows = [f"[{', '.join(map(number, x))}]" for x in (p, q)]
        say = saying(f"{regime}, n = {len(p)}", called(name, rows, got[0], rounded[0]))
        yield Points(regime, rounded, error, allowed, say, exempt, FLUSHED)


def _pairs(name: str, dtype: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    import ml_dtypes  # registers bfloat16

    assert ml_dtypes
    if name == "kl_dirichlet":
        cases = test_dirichlet.cases(dtype, SEED, 100 if dtype == "float64" else 60)
        yield from (pair for pair in cases if np.all((np.stack(pair) > 0) & np.isfinite(pair)))
        return
    rng = np.random.default_rng(SEED)
    for n in (2, 3, 3, 3, 5, 40):
        for gap in (*GAPS, 1.0, 5.0):
            p = rng.exponential(size=n)
            q = p * np.exp(gap * rng.uniform(-1, 1, n))
            yield p.astype(dtype), q.astype(dtype)


def _multivariate(backend: Backend, dtype: str, allowed: float) -> Iterator[Points]:
    own, rng = test_multivariate, np.random.default_rng(SEED)
    for kind, gap, _ in product(own.KINDS, (*own.GAPS, None), range(4)):
        row = own.draw(kind, rng, gap or 0.0, size=3)
        if gap is None:
            row = (*row[:2], *own.draw(kind, rng, 0.0, size=3)[2:])
        row = own.cast(row, lambda x: x.astype(dtype))
        got = backend.read(own.call(kind, *own.cast(row, backend.make))).reshape(1)
        truth = np.array([own.truth(kind, *row)], dtype=object)
        error, rounded, exempt = compared(got, truth, backend)
        wide = own.cast(row, lambda x: x.astype(np.float64))
        error = error / own.condition(kind, wide[1], wide[3])
        regime = f"{kind}, " + ("apart" if gap is None else f"gap {gap:.0e}")
        call = called("kl_multivariate_normal", ["…", f"scale={kind!r}"], got[0], rounded[0])
        yield Points(regime, rounded, error, allowed, saying(regime, call), exempt, FLUSHED)


# --- derivatives --------------------------------------------------------------------------


def slope(name: str, column: str, dtype: str) -> Slope:
    """The derivatives of one closed form by all of its parameters."""
    backend = BACKENDS[column]
    exact = dtype == "float64" or not backend.has_float64
    allowed = CLOSED_FORMS[name].slope_ulp["float64" if exact else "float32"]
    worst, where, components = -1.0, "", 0
    with quiet(backend):
        for error, line in _slope_errors(name, backend, dtype):
            components += error.size
            if error.size and not error.max() <= worst:
                worst, where = float(error.max()), line
    return Slope(name, dtype, column, worst, allowed, components, where)


def _slope_errors(name: str, backend: Backend, dtype: str) -> Iterator[tuple[np.ndarray, str]]:
    if name in ROWS:
        yield from _slope_errors_of_rows(name, backend, dtype)
    elif name == "kl_multivariate_normal":
        for kind, gap in product(test_multivariate.KINDS, (1e-9, 1e-3, 0.3)):
            yield test_multivariate.slope_errors(kind, gap), f"{kind}, gap {gap:g}"
    for family in FAMILIES:
        if family.function == name:
            rows = family.rows(dtype, SEED, many=MANY_SLOPES)
            error = slope_errors(family, backend, dtype, rows[family.valid(rows)])
            yield error, family.name


def _slope_errors_of_rows(
    name: str, backend: Backend, dtype: str
) -> Iterator[tuple[np.ndarray, str]]:
    function = getattr(families, name)
    for p, q in islice(_pairs(name, dtype), 40):
        if backend.library == "jax" and p.size != 3:
            continue
        found = np.concatenate(backend.pull(backend, function, [p, q]))
        errors = []
        for value, (slope, size) in zip(found, _row_slopes(name, p, q), strict=True):
            condition = max(1.0, float(size / abs(slope))) if slope else np.inf
            lost = abs(float(slope)) < np.finfo(dtype).tiny
            errors.append(0.0 if lost else float(ulp_error(value, slope)) / condition)
        yield np.array(errors), f"{name}({p}, {q})"


def _row_slopes(name: str, p: np.ndarray, q: np.ndarray) -> list[tuple[Any, Any]]:
    """Derivatives, each with the size of what is subtracted."""
    if name == "kl_dirichlet":
        return test_dirichlet.slopes(p, q)
    by_operand = slopes_of("kl_divergence", [p, q], {"from_logits": False})
    return [(slope, abs(slope) * condition) for one in by_operand for slope, condition in one]
