"""Estimates from samples and measures of heads, over what their tests draw.

Their results have at least 32 bits, in whose last places errors are given.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp
from tests.estimators import test_rows, test_samples, test_tokens
from tests.oracle import estimates as oracle
from tests.oracle import evaluate
from tests.oracle import slopes as slopes_of
from tests.suite.backends import BACKENDS, Backend

from relentropy import estimators, heads
from relentropy._records import ESTIMATES, HEADS, Record
from relentropy.testing import ulp_error

from .reproducer import called
from .slopes import Slope
from .worst import FLUSHED, Points, Worst, compared, quiet, worst

RECORDS = ESTIMATES | HEADS
UNTOLD = {"partial_kl"}
"""Whose derivatives' condition numbers the oracle has not."""
PULLING = ("torch", "jax", "jax-x32")
GAPS = (3.0, 1e-2, 1e-5, 1e-9, 1e-12)
SEED = 100


@dataclass(frozen=True)
class Case:
    """One call of a backend's arrays, and what is true of it."""

    regime: str
    call: Any
    arrays: tuple[np.ndarray, ...]
    """Of floats, by which there are derivatives."""
    fixed: tuple[np.ndarray, ...]
    """Others, such as tokens."""
    truth: Any
    """A list of numbers, one for each result."""
    slopes: Any = None
    """By the one operand that has them, of which ``by`` is the number."""
    by: int = 0
    condition: float = 1.0


def values(columns: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Function, column and dtype of all there is."""
    for name, record in RECORDS.items():
        for column in columns:
            backend = BACKENDS[column]
            if backend.library in record.backends:
                own = backend.dtypes[-1:] if backend.library == "jax" else backend.dtypes
                yield from ((name, column, dtype) for dtype in own)


def derivatives(columns: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """The same for derivatives."""
    for name, column, dtype in values(columns):
        if column in PULLING and dtype in {"float32", "float64"} and name not in UNTOLD:
            yield name, column, dtype


def measure(name: str, column: str, dtype: str) -> Worst:
    """One estimate or head on one backend in one dtype."""
    backend = BACKENDS[column]
    with quiet(backend):
        return worst(name, dtype, column, _points(RECORDS[name], backend, dtype))


def slope(name: str, column: str, dtype: str) -> Slope:
    """Its derivatives."""
    record, backend = RECORDS[name], BACKENDS[column]
    ulp, where, components = -1.0, "", 0
    with quiet(backend):
        for case in CASES[name](dtype):
            if case.slopes is None:
                continue
            fixed = [backend.make(x) for x in case.fixed]
            found = backend.pull(
                backend, lambda *x, case=case, fixed=fixed: case.call(*x, *fixed), case.arrays
            )
            truth = np.array([v for v, _ in case.slopes], dtype=object)
            condition = np.array([float(c) for _, c in case.slopes])
            got = found[case.by].reshape(-1)
            tiny = np.abs(truth.astype(np.float64)) < 1e3 * float(np.finfo(dtype).tiny)
            error = np.where(tiny | np.isinf(condition), 0.0, ulp_error(got, truth) / condition)
            components += error.size
            if not error.max() <= ulp:
                ulp, where = float(error.max()), f"{name}, {case.regime}"
    allowed = _allowed(record.slope_ulp, backend, dtype)
    return Slope(name, dtype, column, ulp, allowed, components, where)


def _allowed(bounds: dict[str, float], backend: Backend, dtype: str) -> float:
    exact = dtype == "float64" or not backend.has_float64
    return bounds["float64" if exact else "float32"]


def _points(record: Record, backend: Backend, dtype: str) -> Iterator[Points]:
    allowed = _allowed(record.ulp, backend, dtype)
    for case in CASES[record.name](dtype):
        made = [backend.make(x) for x in (*case.arrays, *case.fixed)]
        got = backend.read(backend.wrap(case.call)(*made)).reshape(-1)
        error, rounded, exempt = compared(got, np.array(case.truth, dtype=object), backend)
        error = error / (case.condition if allowed > 2 else 1.0)

        def say(at: Any, case: Case = case, got: Any = got, rounded: Any = rounded) -> Any:
            where = f"{case.regime}, row {at[0]}"
            return where, called(record.name, ["…"], got[at], rounded[at])

        yield Points(case.regime, rounded, error, allowed, say, exempt, FLUSHED)


# --- estimates --------------------------------------------------------------------------


def _kl_estimate(dtype: str) -> Iterator[Case]:
    log_p, log_r = test_samples.pairs(dtype)
    rows = list(zip(log_p, log_r, strict=True))
    for name in test_samples.NAMES:
        yield Case(
            name, lambda p, r, name=name: estimators.kl_estimate(p, r, estimator=name),
            (log_p, log_r), (), [oracle.estimate(name, *row) for row in rows],
            [(oracle.estimate_slope(name, *row), 1.0) for row in rows],
        )  # fmt: skip


def _token_log_probs(dtype: str) -> Iterator[Case]:
    logits, tokens = test_tokens.rows(dtype)
    rows = list(zip(logits, tokens, strict=True))
    fixed = (tokens.astype(np.int32),)
    yield Case(
        "log-probabilities", estimators.token_log_probs, (logits,), fixed,
        [oracle.token_log_prob(*row) for row in rows],
        [(slope, 1.0) for row in rows for slope in oracle.token_slopes(*row)],
    )  # fmt: skip
    yield Case(
        "entropies",
        lambda x, t: estimators.token_log_probs(x, t, return_entropy=True)[1],
        (logits,), fixed, [oracle.row_entropy(row) for row in logits],
    )  # fmt: skip


def _rao_blackwell_kl(dtype: str) -> Iterator[Case]:
    rng = np.random.default_rng(SEED)
    for temperature in (1.0, 0.7):
        for gap in GAPS:
            p = (3 * rng.normal(size=(3, 20))).astype(dtype)
            q = (p.astype(np.float64) + gap * rng.normal(size=p.shape)).astype(dtype)
            rows = [[[float(x) / temperature for x in row] for row in pair]
                    for pair in zip(p, q, strict=True)]  # fmt: skip
            exact = [
                oracle.kl_at_temperature(*row, temperature) for row in zip(p, q, strict=True)
            ]
            slopes = [
                (value, condition)
                for row in rows
                for value, condition in slopes_of(
                    "kl_divergence", row, {"from_logits": True}
                )[1]
            ] if temperature == 1.0 else None  # fmt: skip
            yield Case(
                f"temperature {temperature:g}, gap {gap:.0e}",
                lambda p, q, t=temperature: estimators.rao_blackwell_kl(p, q, temperature=t),
                (p, q), (), exact, slopes, by=1,
            )  # fmt: skip


def _partial_kl(dtype: str) -> Iterator[Case]:
    rng = np.random.default_rng(SEED)
    for rest in ("bucket", "renormalize", "drop"):
        for gap in GAPS:
            _, _, p, q = (x.astype(dtype) for x in test_rows.top(rng, 8, gap=gap))
            truth = oracle.partial_kl(rest, p, q)
            if not truth:
                continue
            wide = p.astype(np.float64)
            terms = np.exp(wide) * np.abs(wide - q.astype(np.float64))
            condition = test_rows.condition(wide) if rest == "bucket" else 1.0
            if rest == "drop":
                condition = float(terms.sum() / abs(truth))
            yield Case(
                f"{rest}, gap {gap:.0e}",
                lambda p, q, rest=rest: estimators.partial_kl(p, q, rest=rest).kl,
                (p, q), (), [truth], condition=condition,
            )  # fmt: skip


# --- heads ------------------------------------------------------------------------------
# Of an identity for a weight the logits are the hidden states, exactly.


def _pairs(dtype: str) -> Iterator[tuple[float, np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(SEED)
    eye = np.eye(24, dtype=dtype)
    for gap in GAPS:
        p = (4 * rng.normal(size=(3, 24))).astype(dtype)
        q = (p.astype(np.float64) + gap * rng.normal(size=p.shape)).astype(dtype)
        yield gap, p, q, eye


def _head(name: str) -> Any:
    composed, own = name.removeprefix("linear_"), getattr(heads, name)

    def cases(dtype: str) -> Iterator[Case]:
        for gap, p, q, eye in _pairs(dtype):
            rows = list(zip(p, q, strict=True))
            truth = [evaluate(composed, *row, from_logits=True) for row in rows]
            yield Case(
                f"gap {gap:.0e}", lambda p, q, eye: own(p, eye, q, eye, gradient="both"),
                (p, q), (eye,), truth,
                [
                    pair
                    for row in rows
                    for pair in slopes_of(composed, row, {"from_logits": True})[1]
                ],
                by=1,
            )  # fmt: skip

    return cases


def _tokens_of_heads(function: Any, sign: int) -> Any:
    def call(x: Any, eye: Any, tokens: Any) -> Any:
        return function(x, eye, tokens)

    def cases(dtype: str) -> Iterator[Case]:
        logits, tokens = test_tokens.rows(dtype)
        keep = np.isfinite(logits).all(axis=1)  # of an infinite state every product is nan
        logits, tokens = logits[keep], tokens[keep]
        rows = list(zip(logits, tokens, strict=True))
        with mp.workprec(oracle.BITS):  # to which a change of sign rounds
            truth = [sign * oracle.token_log_prob(*row) for row in rows]
            slopes = [(sign * by, 1.0) for row in rows for by in oracle.token_slopes(*row)]
        fixed = np.eye(7, dtype=dtype), tokens.astype(np.int32)
        yield Case("tokens", call, (logits,), fixed, truth, slopes)

    return cases


CASES = {
    "kl_estimate": _kl_estimate,
    "token_log_probs": _token_log_probs,
    "rao_blackwell_kl": _rao_blackwell_kl,
    "partial_kl": _partial_kl,
    "linear_kl_divergence": _head("linear_kl_divergence"),
    "linear_js_divergence": _head("linear_js_divergence"),
    "linear_cross_entropy": _tokens_of_heads(heads.linear_cross_entropy, -1),
    "linear_token_log_probs": _tokens_of_heads(heads.linear_token_log_probs, 1),
}
